//! What compilers and package managers call a platform: for stages on the platform that builds, for another one.

use buildkit_llb::Platform;

/// A platform in the words of tools.
///
/// A name that a tool does not have is the platform's own, which the tool then refuses by its own words.
pub trait Cross {
    /// Go's environment: `GOOS`, `GOARCH`, and `GOARM` or `GOAMD64` where the variant says so.
    ///
    /// `stage.envs(b.platform().go())`
    fn go(&self) -> Vec<(&'static str, String)>;

    /// Rust's target with GNU's C library, as in `aarch64-unknown-linux-gnu`.
    fn rust(&self) -> String;

    /// npm's environment, for packages with programs of one platform: `npm_config_os` and `npm_config_cpu`.
    fn npm(&self) -> [(&'static str, String); 2];

    /// Debian's name, as in `arm64` or `i386`.
    fn debian(&self) -> String;
}

impl Cross for Platform {
    fn go(&self) -> Vec<(&'static str, String)> {
        let platform = self.normalized();
        let mut pairs = vec![("GOOS", platform.os.clone()), ("GOARCH", platform.architecture.clone())];
        let variant = platform.variant.strip_prefix('v').unwrap_or_default();
        match platform.architecture.as_str() {
            // Without a variant it is the seventh.
            "arm" => pairs.push(("GOARM", if variant.is_empty() { "7" } else { variant }.to_owned())),
            "amd64" if !variant.is_empty() => pairs.push(("GOAMD64", format!("v{variant}"))),
            _ => {}
        }
        pairs
    }

    fn rust(&self) -> String {
        let platform = self.normalized();
        let target = match (platform.architecture.as_str(), platform.variant.as_str()) {
            ("amd64", _) => "x86_64-unknown-linux-gnu",
            ("386", _) => "i686-unknown-linux-gnu",
            ("arm64", _) => "aarch64-unknown-linux-gnu",
            ("arm", "v5") => "armv5te-unknown-linux-gnueabi",
            ("arm", "v6") => "arm-unknown-linux-gnueabihf",
            ("arm", _) => "armv7-unknown-linux-gnueabihf",
            ("ppc64le", _) => "powerpc64le-unknown-linux-gnu",
            ("riscv64", _) => "riscv64gc-unknown-linux-gnu",
            (other, _) => return format!("{other}-unknown-linux-gnu"),
        };
        target.to_owned()
    }

    fn npm(&self) -> [(&'static str, String); 2] {
        let platform = self.normalized();
        let cpu = match platform.architecture.as_str() {
            "amd64" => "x64",
            "386" => "ia32",
            "ppc64le" => "ppc64",
            other => other,
        };
        [("npm_config_os", platform.os.clone()), ("npm_config_cpu", cpu.to_owned())]
    }

    fn debian(&self) -> String {
        let platform = self.normalized();
        let name = match (platform.architecture.as_str(), platform.variant.as_str()) {
            ("386", _) => "i386",
            ("arm", "v5" | "v6") => "armel",
            ("arm", _) => "armhf",
            ("ppc64le", _) => "ppc64el",
            (other, _) => other,
        };
        name.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_have_their_own_names_for_platforms() {
        let check = |platform: &str, go: &[(&str, &str)], rust: &str, cpu: &str, debian: &str| {
            let platform: Platform = platform.parse().unwrap();
            let found = platform.go();
            let found: Vec<_> = found.iter().map(|(name, value)| (*name, value.as_str())).collect();
            assert_eq!(found, go, "{platform}");
            assert_eq!(platform.rust(), rust, "{platform}");
            assert_eq!(platform.npm()[1].1, cpu, "{platform}");
            assert_eq!(platform.debian(), debian, "{platform}");
        };
        let amd64 = [("GOOS", "linux"), ("GOARCH", "amd64")];
        check("linux/amd64", &amd64, "x86_64-unknown-linux-gnu", "x64", "amd64");
        let v3 = [("GOOS", "linux"), ("GOARCH", "amd64"), ("GOAMD64", "v3")];
        check("linux/amd64/v3", &v3, "x86_64-unknown-linux-gnu", "x64", "amd64");
        check("linux/386", &[("GOOS", "linux"), ("GOARCH", "386")], "i686-unknown-linux-gnu", "ia32", "i386");
        let arm64 = [("GOOS", "linux"), ("GOARCH", "arm64")];
        check("linux/arm64", &arm64, "aarch64-unknown-linux-gnu", "arm64", "arm64");
        let v7 = [("GOOS", "linux"), ("GOARCH", "arm"), ("GOARM", "7")];
        check("linux/arm/v7", &v7, "armv7-unknown-linux-gnueabihf", "arm", "armhf");
        check("linux/arm", &v7, "armv7-unknown-linux-gnueabihf", "arm", "armhf");
        let v6 = [("GOOS", "linux"), ("GOARCH", "arm"), ("GOARM", "6")];
        check("linux/arm/v6", &v6, "arm-unknown-linux-gnueabihf", "arm", "armel");
    }
}
