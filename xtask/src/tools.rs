//! buildkitd, buildctl and buildx, built once from the Go module in `tools/`; Docker Engine's daemon, from `tools/engine/`.
//!
//! They lie in the user's cache under a key of everything that decides their content, so that another
//! pin, another Go or another flag builds anew, and another checkout of the same pins does not.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use sha2::{Digest as _, Sha256};

use crate::place::Place;
use crate::process;

/// A Go module with programs.
struct Module {
    /// Its directory in the checkout.
    directory: &'static str,
    /// Where its programs lie in the cache, each set of them under its key.
    cache: &'static str,
    /// Versions that the linker writes into its programs: the module, and the variable.
    linked: &'static [(&'static str, &'static str)],
}

const TOOLS: Module = Module {
    directory: "tools",
    cache: "tools",
    linked: &[
        ("github.com/moby/buildkit", "github.com/moby/buildkit/version.Version"),
        ("github.com/docker/buildx", "github.com/docker/buildx/version.Version"),
    ],
};

/// It has a pin of BuildKit for itself: linked with the first module's, the engine refuses base images in its older store.
const ENGINE: Module = Module {
    directory: "tools/engine",
    cache: "engine",
    linked: &[("github.com/moby/moby/v2", "github.com/moby/moby/v2/dockerversion.Version")],
};

/// The directory of the tools, which are built if it is not there yet.
pub(crate) fn ensure(place: &Place) -> Result<PathBuf> {
    Programs::of(place, &TOOLS)?.ensure()
}

/// Docker Engine's daemon, which is built if it is not there yet.
pub(crate) fn ensure_engine(place: &Place) -> Result<PathBuf> {
    Ok(Programs::of(place, &ENGINE)?.ensure()?.join(DOCKERD))
}

/// Where Docker Engine's daemon is or will be.
pub(crate) fn engine(place: &Place) -> Result<PathBuf> {
    Ok(Programs::of(place, &ENGINE)?.directory.join(DOCKERD))
}

const DOCKERD: &str = "dockerd";

/// What is built of a module, and where it lies then.
struct Programs {
    module: PathBuf,
    names: Vec<String>,
    flags: String,
    directory: PathBuf,
}

impl Programs {
    fn of(place: &Place, module: &Module) -> Result<Self> {
        let (cache, linked, name) = (module.cache, module.linked, module.directory);
        let module = place.root.join(name);
        let read = |name: &str| {
            let path = module.join(name);
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
        };
        let (go_mod, go_sum) = (read("go.mod")?, read("go.sum")?);
        let go = process::output(
            Command::new("go")
                .args(["env", "GOVERSION", "GOOS", "GOARCH"])
                .current_dir(&module),
        )
        .with_context(|| {
            let wanted = word_after(&go_mod, "go").unwrap_or("as in go.mod");
            format!("the programs of {name} are built with Go: install Go {wanted} or newer")
        })?;
        let flags = link_flags(&go_mod, linked).with_context(|| format!("{name}/go.mod"))?;
        let names: Vec<String> = programs(&go_mod).into_iter().map(str::to_owned).collect();
        if names.is_empty() {
            bail!("{name}/go.mod lists no tool");
        }
        let key = key(&[&go_mod, &go_sum, &go, &flags]);
        let directory = place.cache.join(cache).join(key);
        Ok(Self { module, names, flags, directory })
    }

    fn ensure(self) -> Result<PathBuf> {
        if !self.names.iter().all(|name| self.directory.join(name).is_file()) {
            println!("building {} (minutes on a new machine)", self.names.join(", "));
            build(&self.module, &self.flags, &self.directory)?;
        }
        Ok(self.directory)
    }
}

/// Builds beside the final place and moves there in one step, so that what lies there is whole.
fn build(module: &Path, flags: &str, directory: &Path) -> Result<()> {
    let parent = directory.parent().context("the cache has no parent")?;
    fs::create_dir_all(parent).with_context(|| format!("cannot create {}", parent.display()))?;
    let work = tempfile::Builder::new().prefix(".building-").tempdir_in(parent)?;
    let out = work.path().join("bin");
    fs::create_dir(&out)?;
    process::run(
        Command::new("go")
            .args(["build", "-mod=readonly", "-trimpath", "-ldflags", flags, "-o"])
            .arg(&out)
            .arg("tool")
            .env("CGO_ENABLED", "0")
            .current_dir(module),
    )?;
    if directory.exists() {
        // Another checkout was faster, or something was deleted from what lay there.
        fs::remove_dir_all(directory).with_context(|| format!("cannot remove {}", directory.display()))?;
    }
    fs::rename(&out, directory).with_context(|| format!("cannot move the tools to {}", directory.display()))
}

fn link_flags(go_mod: &str, linked: &[(&str, &str)]) -> Result<String> {
    let mut flags = String::from("-s -w");
    for (module, variable) in linked {
        let version = word_after(go_mod, module).with_context(|| format!("{module} is not required"))?;
        flags.push_str(&format!(" -X {variable}={version}"));
    }
    Ok(flags)
}

/// The programs of the `tool` block, by the name that `go build` gives them.
fn programs(go_mod: &str) -> Vec<&str> {
    go_mod
        .lines()
        .map(str::trim)
        .skip_while(|line| *line != "tool (")
        .skip(1)
        .take_while(|line| *line != ")")
        .filter_map(|line| line.rsplit('/').next())
        .collect()
}

/// The word that follows another one at the beginning of a line.
fn word_after<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        (words.next() == Some(word)).then(|| words.next()).flatten()
    })
}

/// The name in the cache of what these parts decide.
pub(crate) fn key(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hex(&hash.finalize())[..16].to_owned()
}

/// Bytes as lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GO_MOD: &str = "module m\n\ngo 1.26.8\n\ntool (\n\texample.com/a/cmd/alpha\n\texample.com/b/cmd/beta\n)\n\n\
        require (\n\tgithub.com/docker/buildx v0.2.0 // indirect\n\tgithub.com/moby/buildkit v0.1.0 // indirect\n)\n";

    #[test]
    fn reads_programs_and_versions_from_the_module() {
        assert_eq!(programs(GO_MOD), ["alpha", "beta"]);
        assert_eq!(
            link_flags(GO_MOD, TOOLS.linked).unwrap(),
            "-s -w -X github.com/moby/buildkit/version.Version=v0.1.0 \
             -X github.com/docker/buildx/version.Version=v0.2.0"
        );
        assert_eq!(word_after(GO_MOD, "go"), Some("1.26.8"));
    }

    #[test]
    fn a_missing_pin_is_named() {
        let error = link_flags("module m\n", TOOLS.linked).unwrap_err();
        assert_eq!(error.to_string(), "github.com/moby/buildkit is not required");
    }

    #[test]
    fn parts_of_a_key_do_not_run_together() {
        assert_ne!(key(&["ab", "c"]), key(&["a", "bc"]));
    }
}
