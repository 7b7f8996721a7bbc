//! A copy of an example's project, to be edited, and what its builds are given.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use stagewright::builder::Secret;
use stagewright::{BuildOptions, Plan};

use super::list::{Edit, Example, Secrets};
use crate::demo::copy;
use crate::place::Place;
use crate::process;

/// A copy, and the secrets of its builds beside it.
pub(crate) struct Project {
    /// The context of its builds.
    pub(crate) directory: PathBuf,
    example: &'static Example,
    secrets: Vec<(&'static str, PathBuf)>,
}

impl Project {
    /// Copies the project to a directory in this one.
    pub(crate) fn copy(place: &Place, work: &Path, example: &'static Example) -> Result<Self> {
        let from = place.root.join("examples").join(example.directory);
        let directory = work.join("project");
        fs::create_dir_all(work).with_context(|| format!("cannot create {}", work.display()))?;
        copy(&from, &directory).with_context(|| format!("cannot copy {}", from.display()))?;
        let secrets = example.secrets.make(work, &directory).context("cannot make the secrets")?;
        Ok(Self { directory, example, secrets })
    }

    /// The Plan that the example's program prints. It has been built, in this directory.
    pub(crate) fn plan(&self, programs: &Path) -> Result<Plan> {
        let mut command = Command::new(programs.join(self.example.name));
        command.arg("plan");
        for (name, value) in self.example.parameters {
            command.args(["--build-arg".to_owned(), format!("{name}={value}")]);
        }
        let json = process::output(&mut command)?;
        Plan::from_json(&json).context("the example printed no Plan")
    }

    /// What every build of it is given.
    pub(crate) fn options(&self) -> Result<BuildOptions> {
        let mut options = BuildOptions::new(&self.directory);
        for (id, path) in &self.secrets {
            let secret = Secret::file(path).with_context(|| format!("cannot read the secret {id}"))?;
            options = options.secret(*id, secret);
        }
        Ok(options)
    }

    /// Makes an edit of this number, in place of those before.
    pub(crate) fn edit(&self, place: &Place, edit: &Edit, number: usize) -> Result<()> {
        let original = place.root.join("examples").join(self.example.directory).join(edit.file);
        let text =
            fs::read_to_string(&original).with_context(|| format!("cannot read {}", original.display()))?;
        let path = self.directory.join(edit.file);
        fs::write(&path, edit.apply(&text, number)?)
            .with_context(|| format!("cannot write {}", path.display()))
    }
}

impl Secrets {
    /// Makes new ones in a directory; what is public of them goes into the project.
    fn make(self, work: &Path, project: &Path) -> Result<Vec<(&'static str, PathBuf)>> {
        let openssl = |arguments: &[&str], files: &[(&str, &Path)]| {
            let mut command = Command::new("openssl");
            command.args(arguments);
            for (option, path) in files {
                command.arg(option).arg(path);
            }
            process::output(&mut command).map(drop)
        };
        match self {
            Self::None => Ok(Vec::new()),
            Self::Release => {
                let (key, public) = (work.join("release.pem"), project.join("keys/release.pub.pem"));
                openssl(&["genpkey", "-algorithm", "ed25519"], &[("-out", &key)])?;
                openssl(&["pkey", "-pubout"], &[("-in", &key), ("-out", &public)])?;
                Ok(vec![("signing_key", key)])
            }
            Self::Tls => {
                let (key, certificate) = (work.join("tls.key"), work.join("tls.crt"));
                let curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
                let request = [&["req", "-x509", "-days", "1"][..], &curve[..]].concat();
                let names =
                    ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"];
                openssl(&[&request[..], &names[..]].concat(), &[("-keyout", &key), ("-out", &certificate)])?;
                Ok(vec![("tls.crt", certificate), ("tls.key", key)])
            }
        }
    }
}
