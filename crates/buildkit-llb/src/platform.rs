//! Platforms: operating system, architecture and variant, in the words of the OCI image specification.
//!
//! Parsing, writing and normalizing agree with containerd's `platforms` package, as BuildKit v0.34 uses it,
//! with one exception: nothing is taken from the machine that runs this, so a text has to name both the
//! operating system and the architecture.

use std::fmt;
use std::str::FromStr;

use buildkit_proto::pb;

/// What an image or a process is made for.
///
/// An op carries its platform as it is: call [`Platform::normalized`] where the Go client would.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Platform {
    /// `linux`, `windows`, …
    pub os: String,
    /// `amd64`, `arm64`, …
    pub architecture: String,
    /// `v7`, `v8`, …; empty for none.
    pub variant: String,
    /// Of Windows, mostly; empty for none.
    pub os_version: String,
    /// Of Windows, mostly.
    pub os_features: Vec<String>,
}

/// Why a text is no platform.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlatformError {
    /// Fewer than two or more than three components.
    #[error("platform {text:?} has {components} components, not os/architecture or os/architecture/variant")]
    Components {
        /// What was given.
        text: String,
        /// How many components it has.
        components: usize,
    },
    /// A component with a character that it cannot have.
    #[error("component {component:?} of platform {text:?} is not made of letters, digits, `_`, `-` and `.`")]
    Component {
        /// What was given.
        text: String,
        /// The component at fault.
        component: String,
    },
    /// An operating system that is not `os`, `os(version)` or `os(version+feature+…)`.
    #[error("operating system {os:?} of platform {text:?} is not os or os(version+feature)")]
    Os {
        /// What was given.
        text: String,
        /// The operating system.
        os: String,
    },
}

impl Platform {
    /// A platform without variant, exactly as given.
    #[must_use]
    pub fn new(os: impl Into<String>, architecture: impl Into<String>) -> Self {
        Self { os: os.into(), architecture: architecture.into(), ..Self::default() }
    }

    /// The same with a variant.
    #[must_use]
    pub fn with_variant(self, variant: impl Into<String>) -> Self {
        Self { variant: variant.into(), ..self }
    }

    /// The one way to write this platform: `linux/arm64` for `linux/aarch64/v8`, `linux/arm/v7` for `linux/arm`.
    #[must_use]
    pub fn normalized(&self) -> Self {
        let (architecture, variant) = normalize_architecture(&self.architecture, &self.variant);
        let mut os_features = self.os_features.clone();
        os_features.sort();
        os_features.dedup();
        Self {
            os: normalize_os(&self.os),
            architecture,
            variant,
            os_version: self.os_version.clone(),
            os_features,
        }
    }

    /// Writes the platform without version and features of its operating system: `linux/arm64`, `linux/arm/v7`.
    ///
    /// A frontend's results and `refs.platforms` are keyed by this text.
    #[must_use]
    pub fn id(&self) -> String {
        self.format(&self.os)
    }

    pub(crate) fn to_pb(&self) -> pb::Platform {
        pb::Platform {
            architecture: self.architecture.clone(),
            os: self.os.clone(),
            variant: self.variant.clone(),
            os_version: self.os_version.clone(),
            os_features: self.os_features.clone(),
        }
    }

    pub(crate) fn from_pb(platform: pb::Platform) -> Self {
        Self {
            os: platform.os,
            architecture: platform.architecture,
            variant: platform.variant,
            os_version: platform.os_version,
            os_features: platform.os_features,
        }
    }

    fn format(&self, os: &str) -> String {
        if self.os.is_empty() {
            return "unknown".to_owned();
        }
        let mut text = os.to_owned();
        for component in [&self.architecture, &self.variant] {
            if !component.is_empty() {
                text.push('/');
                text.push_str(component);
            }
        }
        text
    }
}

/// All of it: `windows(10.0.17763+win32k)/amd64`.
impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut features: Vec<&str> =
            self.os_features.iter().map(String::as_str).filter(|f| !f.is_empty()).collect();
        features.sort_unstable();
        features.dedup();
        let mut options = escape_option(&self.os_version);
        for feature in features {
            options.push('+');
            options.push_str(&escape_option(feature));
        }
        let os = if options.is_empty() { self.os.clone() } else { format!("{}({options})", self.os) };
        f.write_str(&self.format(&os))
    }
}

impl FromStr for Platform {
    type Err = PlatformError;

    /// Reads `os/architecture` or `os/architecture/variant`, normalized but for this: a variant `v8` of
    /// arm64 that is written out stays, and arm without a variant gets none.
    fn from_str(text: &str) -> Result<Self, PlatformError> {
        let parts: Vec<&str> = text.split('/').collect();
        let (os, architecture, variant) = match parts[..] {
            [os, architecture] => (os, architecture, None),
            [os, architecture, variant] => (os, architecture, Some(variant)),
            _ => {
                return Err(PlatformError::Components { text: text.to_owned(), components: parts.len() });
            }
        };
        for component in parts.iter().skip(1) {
            if component.is_empty() || !component.chars().all(is_component_character) {
                return Err(PlatformError::Component {
                    text: text.to_owned(),
                    component: (*component).to_owned(),
                });
            }
        }
        let (os, os_version, os_features) =
            parse_os(os).ok_or_else(|| PlatformError::Os { text: text.to_owned(), os: os.to_owned() })?;
        let (architecture, mut normal_variant) =
            normalize_architecture(architecture, variant.unwrap_or_default());
        match (architecture.as_str(), variant) {
            ("arm", None) if normal_variant == "v7" => normal_variant.clear(),
            ("arm64", Some(_)) if normal_variant.is_empty() => normal_variant.push_str("v8"),
            _ => {}
        }
        Ok(Self { os: normalize_os(&os), architecture, variant: normal_variant, os_version, os_features })
    }
}

fn normalize_os(os: &str) -> String {
    match os.to_lowercase() {
        os if os == "macos" => "darwin".to_owned(),
        os => os,
    }
}

fn normalize_architecture(architecture: &str, variant: &str) -> (String, String) {
    let (architecture, variant) = (architecture.to_lowercase(), variant.to_lowercase());
    let (architecture, variant) = match (architecture.as_str(), variant.as_str()) {
        ("i386", _) => ("386", ""),
        ("x86_64" | "x86-64" | "amd64", "v1") => ("amd64", ""),
        ("x86_64" | "x86-64", variant) => ("amd64", variant),
        ("aarch64" | "arm64", "8" | "v8" | "v8.0") => ("arm64", ""),
        ("aarch64" | "arm64", "9" | "9.0" | "v9.0") => ("arm64", "v9"),
        ("aarch64", variant) => ("arm64", variant),
        ("armhf", _) | ("arm", "" | "7") => ("arm", "v7"),
        ("armel", _) | ("arm", "6") => ("arm", "v6"),
        ("arm", "5") => ("arm", "v5"),
        ("arm", "8") => ("arm", "v8"),
        other => other,
    };
    (architecture.to_owned(), variant.to_owned())
}

fn is_component_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | '-' | '.')
}

/// `os`, `os(version)`, `os(+feature)` or `os(version+feature…)`.
fn parse_os(text: &str) -> Option<(String, String, Vec<String>)> {
    let (os, options) = match text.split_once('(') {
        None => (text, ""),
        Some((os, rest)) => (os, rest.strip_suffix(')')?),
    };
    let is_os = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if os.is_empty() || !os.chars().all(is_os) {
        return None;
    }
    let mut parts = options.split('+');
    let version = unescape_option(parts.next().unwrap_or_default())?;
    let mut features = Vec::new();
    for part in parts {
        if part.is_empty() {
            return None;
        }
        features.push(unescape_option(part)?);
    }
    Some((os.to_owned(), version, features))
}

/// What the syntax itself uses is written as `%` and two hexadecimal digits.
fn escape_option(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '%' => escaped.push_str("%25"),
            '+' => escaped.push_str("%2B"),
            '(' => escaped.push_str("%28"),
            ')' => escaped.push_str("%29"),
            '/' => escaped.push_str("%2F"),
            _ => escaped.push(character),
        }
    }
    escaped
}

fn unescape_option(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes().iter();
    while let Some(&byte) = rest.next() {
        if byte == b'%' {
            let high = char::from(*rest.next()?).to_digit(16)?;
            let low = char::from(*rest.next()?).to_digit(16)?;
            bytes.push(u8::try_from(high << 4 | low).ok()?);
        } else if is_component_character(char::from(byte)) {
            bytes.push(byte);
        } else {
            return None;
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text as read, written back, and written normalized.
    fn check(text: &str, read: &str, normalized: &str) {
        let platform: Platform = text.parse().unwrap();
        assert_eq!(platform.to_string(), read, "{text:?}");
        assert_eq!(platform.normalized().to_string(), normalized, "{text:?}");
        assert_eq!(platform.normalized().normalized(), platform.normalized(), "{text:?}");
    }

    #[test]
    fn texts_are_read_written_and_normalized() {
        check("linux/amd64", "linux/amd64", "linux/amd64");
        check("Linux/x86_64", "linux/amd64", "linux/amd64");
        check("linux/x86-64/v1", "linux/amd64", "linux/amd64");
        check("linux/amd64/v3", "linux/amd64/v3", "linux/amd64/v3");
        check("linux/i386", "linux/386", "linux/386");
        check("linux/arm64", "linux/arm64", "linux/arm64");
        check("linux/arm64/v8", "linux/arm64/v8", "linux/arm64");
        check("linux/aarch64/9", "linux/arm64/v9", "linux/arm64/v9");
        check("linux/arm", "linux/arm", "linux/arm/v7");
        check("linux/arm/7", "linux/arm/v7", "linux/arm/v7");
        check("linux/arm/v6", "linux/arm/v6", "linux/arm/v6");
        check("linux/armhf", "linux/arm", "linux/arm/v7");
        check("linux/armel", "linux/arm/v6", "linux/arm/v6");
        check("macos/arm64", "darwin/arm64", "darwin/arm64");
        check("windows(10.0.17763)/amd64", "windows(10.0.17763)/amd64", "windows(10.0.17763)/amd64");
        check("windows(10.0+b+a)/amd64", "windows(10.0+a+b)/amd64", "windows(10.0+a+b)/amd64");
        check("windows(+win32k)/amd64", "windows(+win32k)/amd64", "windows(+win32k)/amd64");
        check("windows(a%2Bb)/amd64", "windows(a%2Bb)/amd64", "windows(a%2Bb)/amd64");
    }

    #[test]
    fn the_id_leaves_the_version_out() {
        let platform: Platform = "windows(10.0.17763+win32k)/amd64".parse().unwrap();
        assert_eq!(platform.id(), "windows/amd64");
        assert_eq!(platform.os_features, ["win32k"]);
        assert_eq!(Platform::default().id(), "unknown");
    }

    #[test]
    fn other_texts_are_refused() {
        let check = |text: &str, message: &str| {
            assert_eq!(text.parse::<Platform>().unwrap_err().to_string(), message);
        };
        check("arm64", "platform \"arm64\" has 1 components, not os/architecture or os/architecture/variant");
        check(
            "a/b/c/d",
            "platform \"a/b/c/d\" has 4 components, not os/architecture or os/architecture/variant",
        );
        check(
            "linux/*",
            "component \"*\" of platform \"linux/*\" is not made of letters, digits, `_`, `-` and `.`",
        );
        check(
            "linux/arm/",
            "component \"\" of platform \"linux/arm/\" is not made of letters, digits, `_`, `-` and `.`",
        );
        for os in ["", "li nux", "windows(", "windows(1+)", "windows(%2)", "windows(1)x", "(1)"] {
            let text = format!("{os}/amd64");
            let message =
                format!("operating system {os:?} of platform {text:?} is not os or os(version+feature)");
            check(&text, &message);
        }
    }
}
