//! docker buildx, as docker's plugin where docker is installed and by itself where not.

mod attestations;
mod bake;
mod bake_yaml;
mod caches;
mod calls;
mod contexts;
mod engine;
mod harness;
mod outputs;
mod platforms;
mod settings;
mod yaml;

use std::fs;
use std::io::Read as _;

use serde_json::Value;
use stagewright_tests::buildx::Ended;
use stagewright_tests::{Buildx, Environment};
use tempfile::TempDir;

use crate::support::directory;

/// A project with a `stages.yaml` whose one step runs a script, and whose image is the file `/out` that it writes.
///
/// In `more` stand further keys of the step.
fn project(script: &str, more: &str) -> TempDir {
    directory(&[("stages.yaml", &step(script, more))])
}

/// The `stages.yaml` of [`project`].
fn step(script: &str, more: &str) -> String {
    let script = script.replace('\n', "\n          ");
    format!(
        "# syntax=stagewright/stages:1
secrets:
  token: {{ optional: true }}
stages:
  made:
    role: builder
    from: busybox:latest
    steps:
      - run: |
          set -e
          {script}
        {more}
  app:
    role: runtime
    from: scratch
    steps:
      - copy: /out
        from: made
        to: /out
allow: [latest-image, root-user]
"
    )
}

/// A build whose files are looked at.
struct Made {
    ended: Ended,
    files: TempDir,
}

/// Builds the `stages.yaml` of a project with these arguments.
fn make(project: &TempDir, arguments: &[&str]) -> Made {
    let files = tempfile::tempdir().unwrap();
    let output = format!("type=local,dest={}", files.path().display());
    let ended = Buildx::new()
        .build(project.path())
        .args(["-f", "stages.yaml", "--output", &*output])
        .args(arguments.iter().copied())
        .run()
        .expect_success();
    Made { ended, files }
}

impl Made {
    /// What a file of it says.
    fn read(&self, path: &str) -> String {
        let text = fs::read_to_string(self.files.path().join(path));
        text.unwrap_or_else(|e| panic!("{path}: {e}\n{}", self.ended))
    }

    /// What `/out` says, without the end of its last line.
    fn out(&self) -> String {
        self.read("out").trim_end().to_owned()
    }
}

/// A manifest or index in the registry.
fn manifest(repository: &str, reference: &str) -> Value {
    let manifest = Environment::get().registry.manifest(repository, reference).unwrap();
    let manifest = manifest.unwrap_or_else(|| panic!("the registry has no {repository}:{reference}"));
    serde_json::from_slice(&manifest.bytes).unwrap()
}

/// A blob of JSON in the registry.
fn blob(repository: &str, digest: &Value) -> Value {
    let mut bytes = Vec::new();
    let blob = Environment::get().registry.blob(repository, digest.as_str().unwrap());
    blob.unwrap().read_to_end(&mut bytes).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

/// The config of an image of one platform in the registry.
fn config(repository: &str, reference: &str) -> Value {
    blob(repository, &manifest(repository, reference)["config"]["digest"])
}
