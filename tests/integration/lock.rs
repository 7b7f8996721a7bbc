//! Lock files: what moves in the world moves no build that is locked, whoever builds it.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use stagewright::prelude::*;
use stagewright::{BuildOptions, Output};
use stagewright_tests::{Buildx, Environment, GitServer};
use tempfile::TempDir;

use crate::support::{builder, directory, end, program, run, unique};

/// An image of a tag that may move, in the registry of the tests.
struct Moving {
    repository: String,
}

impl Moving {
    async fn new(word: &str) -> Self {
        let moving = Self { repository: format!("lock/{}", unique()) };
        moving.is(word).await;
        moving
    }

    /// As build files name it.
    fn name(&self) -> String {
        format!("{}/{}:1", Environment::get().registry.address(), self.repository)
    }

    /// Lets the tag mean an image whose file `/word` says this.
    async fn is(&self, word: &str) {
        let build = |b: &Build, (): ()| {
            Targets::new().product(b.runtime("word", Scratch).file("/word", format!("{word}\n")))
        };
        let context = directory(&[]);
        let options = BuildOptions::new(context.path()).tag(self.name()).push();
        let ended = end(builder().await.build(build, &options).await.unwrap()).await;
        assert!(ended.report.is_success(), "{:?}", ended.report);
    }

    fn digest(&self) -> String {
        Environment::get()
            .registry
            .manifest(&self.repository, "1")
            .unwrap()
            .unwrap()
            .digest
    }
}

/// A project whose image has `/word` of another image.
fn project(from: &str) -> TempDir {
    let stages = format!(
        "# syntax=stagewright/stages:1\nstages:\n  app:\n    role: runtime\n    from: scratch\n    steps:\n      \
         - copy: /word\n        from: \"{from}\"\n        to: /word\n"
    );
    directory(&[("stages.yaml", &stages)])
}

/// What a command of the binary ended with, and wrote to stdout and stderr.
fn stagewright(project: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = program("stagewright");
    let output = run(command.args(arguments).current_dir(project).env("NO_COLOR", "1"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// The same, which must succeed: what it wrote to stdout.
fn succeeds(project: &Path, arguments: &[&str]) -> String {
    let (code, stdout, stderr) = stagewright(project, arguments);
    assert_eq!(code, Some(0), "{arguments:?}: {stdout}{stderr}");
    stdout
}

/// What `/word` of the image says that is built with these arguments.
fn word(project: &Path, arguments: &[&str]) -> String {
    let out = tempfile::tempdir().unwrap();
    let output = format!("type=local,dest={}", out.path().display());
    succeeds(project, &[&["build", "-o", &output], arguments, &["."]].concat());
    fs::read_to_string(out.path().join("word")).unwrap().trim_end().to_owned()
}

fn buildx_word(project: &Path, arguments: &[&str]) -> (String, String) {
    let out = tempfile::tempdir().unwrap();
    let output = format!("type=local,dest={}", out.path().display());
    let ended = Buildx::new()
        .build(project)
        .args(["-f", "stages.yaml", "--output", &*output])
        .args(arguments.iter().copied())
        .run()
        .expect_success();
    let word = fs::read_to_string(out.path().join("word")).unwrap();
    (word.trim_end().to_owned(), ended.to_string())
}

fn read(project: &Path) -> Value {
    serde_json::from_slice(&fs::read(project.join("stages.lock")).unwrap()).unwrap()
}

#[tokio::test]
async fn a_tag_that_moves_moves_no_locked_build() {
    let image = Moving::new("one").await;
    let (name, old) = (image.name(), image.digest());
    let project = project(&name);
    let project = project.path();
    let told = succeeds(project, &["lock"]);
    assert!(told.contains(&format!("+ images {name}  {}", &old[7..19])), "{told}");
    assert!(told.contains("+ frontend stagewright/stages:1"), "{told}");
    assert_eq!(read(project)["images"][&name], old.as_str());
    assert_eq!(succeeds(project, &["lock", "--check"]), "");

    image.is("two").await;
    let new = image.digest();
    assert_eq!(word(project, &[]), "one");
    assert_eq!(word(project, &["--no-lock"]), "two");
    assert_eq!(buildx_word(project, &[]).0, "one");
    assert_eq!(buildx_word(project, &["--build-arg", "STAGEWRIGHT_LOCK=none"]).0, "two");

    let text = fs::read(project.join("stages.lock")).unwrap();
    let (code, told, _) = stagewright(project, &["lock", "--check"]);
    assert_eq!(code, Some(1));
    assert_eq!(told, format!("~ images {name}  {} -> {}\n", &old[7..19], &new[7..19]));
    assert_eq!(succeeds(project, &["lock"]), "", "nothing moves that is there");
    assert_eq!(fs::read(project.join("stages.lock")).unwrap(), text);
    let (code, _, told) = stagewright(project, &["lock", "--update=nobody:1"]);
    assert_eq!(code, Some(2));
    assert!(told.contains("the build needs no `nobody:1`"), "{told}");
    succeeds(project, &["lock", &format!("--update={name}")]);
    assert_eq!(read(project)["images"][&name], new.as_str());
    assert_eq!(word(project, &["--locked"]), "two");
}

#[tokio::test]
async fn what_is_not_locked_is_warned_of_or_refused() {
    let image = Moving::new("one").await;
    let name = image.name();
    let project = project(&name);
    let project = project.path();
    let (code, _, told) = stagewright(project, &["build", "--locked", "."]);
    assert_eq!(code, Some(2));
    assert!(told.contains("there is no lock file"), "{told}");

    fs::write(project.join("stages.lock"), "{\n  \"version\": 1\n}\n").unwrap();
    let (code, _, told) = stagewright(project, &["build", "."]);
    let warning = format!("warning: image `{name}` is not in stages.lock: run `lock` to pin it");
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains(&warning), "{told}");
    let (code, _, told) = stagewright(project, &["build", "--locked", "."]);
    assert_eq!(code, Some(1));
    assert!(told.contains("is not in stages.lock") && told.contains("stages.yaml:7"), "{told}");
    let refused = Buildx::new()
        .build(project)
        .args(["-f", "stages.yaml", "--build-arg", "STAGEWRIGHT_LOCK=strict"])
        .run()
        .expect_failure();
    assert!(refused.text.contains("is not in stages.lock"), "{refused}");
    assert!(
        buildx_word(project, &[])
            .1
            .contains("is not in stages.lock: run `lock` to pin it")
    );

    // A context that stands in for it needs no lock.
    let given = directory(&[("word", "given\n")]);
    let context = format!("{name}={}", given.path().display());
    assert_eq!(word(project, &["--locked", "--context", &context]), "given");
}

#[tokio::test]
async fn a_lock_that_is_wrong_says_where() {
    let image = Moving::new("one").await;
    let (name, digest) = (image.name(), image.digest());
    let project = project(&format!("{name}@{digest}"));
    let project = project.path();
    let other = format!("sha256:{}", "a".repeat(64));
    let lock = |text: &str| fs::write(project.join("stages.lock"), text).unwrap();
    lock(&format!("{{\n  \"version\": 1,\n  \"images\": {{\n    \"{name}\": \"{other}\"\n  }}\n}}\n"));
    let (code, _, told) = stagewright(project, &["build", "."]);
    assert_eq!(code, Some(1));
    assert!(told.contains(&format!("is written with {digest}, and locked to {other}")), "{told}");
    assert!(told.contains("stages.yaml:7") && told.contains("stages.lock:4"), "{told}");
    let refused = Buildx::new().build(project).args(["-f", "stages.yaml"]).run().expect_failure();
    assert!(refused.text.contains("and locked to") && refused.text.contains("stages.lock:4:1"), "{refused}");
    // What is written with its digest needs no lock.
    assert!(succeeds(project, &["lock"]).contains(&format!("- images {name}  aaaaaaaaaaaa")));
    assert_eq!(read(project)["images"], Value::Null);
    assert_eq!(word(project, &["--locked"]), "one");

    lock("{\n  \"version\": 1,\n  \"images\": {,}\n}\n");
    let (code, _, told) = stagewright(project, &["build", "."]);
    assert_eq!(code, Some(2));
    assert!(told.contains("stages.lock: not a lock") && told.contains("line 3 column 14"), "{told}");
    lock("{\"version\": 7}");
    let refused = Buildx::new().build(project).args(["-f", "stages.yaml"]).run().expect_failure();
    assert!(refused.text.contains("stages.lock: a lock of version 7"), "{refused}");
}

/// By a build program, with its own lock file: a branch moves on, and the lock holds what was there.
#[tokio::test]
async fn a_branch_that_moves_on_moves_no_locked_build() {
    let (git, context) = (GitServer::start(&[("docs/word", "one\n")]), directory(&[]));
    let url = git.url();
    let build = |b: &Build, (): ()| {
        let docs = b.git(format!("{url}#main:docs")).all();
        Targets::new().product(b.runtime("app", Scratch).copy(docs, "/"))
    };
    let word = async |options: BuildOptions| {
        let out = tempfile::tempdir().unwrap();
        let options = options.output(Output::local(out.path()));
        let ended = end(builder().await.build(build, &options).await.unwrap()).await;
        assert!(ended.report.is_success(), "{:?}", ended.report);
        fs::read_to_string(out.path().join("word")).unwrap()
    };
    let options = || BuildOptions::new(context.path());
    let plan = stagewright::plan(build, &[]).unwrap();
    let builder = builder().await;
    let plans = vec![(builder.platform(), plan.into())];
    let relocked = builder.lock(plans, &options(), &Default::default()).await.unwrap();
    let commit = git.commit();
    assert!(relocked.changes()[0].to_string().ends_with(&commit[..12]), "{relocked:?}");
    relocked.write().await.unwrap();
    git.advance("docs/word", "two\n");
    assert_ne!(git.commit(), commit);
    assert_eq!(word(options()).await, "one\n");
    assert_eq!(word(options().no_lock()).await, "two\n");
}

/// The frontend of the `syntax` line is pinned, too: one that was pushed later hands the build to it.
#[test]
fn a_frontend_that_moves_on_reads_no_locked_file() {
    let registry = &Environment::get().registry;
    let stock = registry.manifest("stagewright/stages", "1").unwrap().unwrap();
    let repository = "stagewright/stages";
    let tag = unique();
    registry
        .push_manifest(repository, &tag, &stock.media_type, &stock.bytes)
        .unwrap();
    let name = format!("{}/{repository}:{tag}", registry.address());
    let stages = format!(
        "# syntax={name}\nstages:\n  app:\n    role: runtime\n    from: scratch\n    steps:\n      - file: \
         /word\n        text: one\n"
    );
    let project = directory(&[("stages.yaml", &stages)]);
    let project = project.path();
    succeeds(project, &["lock"]);
    assert_eq!(read(project)["frontend"][&name], stock.digest.as_str());

    // The same again, with another digest.
    let mut moved: Value = serde_json::from_slice(&stock.bytes).unwrap();
    moved["annotations"]["moved"] = unique().into();
    let moved = serde_json::to_vec(&moved).unwrap();
    registry.push_manifest(repository, &tag, &stock.media_type, &moved).unwrap();
    let (word, text) = buildx_word(project, &[]);
    assert_eq!(word, "one");
    let pinned = format!("{name}@{}", stock.digest);
    assert!(text.contains(&pinned), "{pinned} is not in\n{text}");
    let (_, text) = buildx_word(project, &["--build-arg", "STAGEWRIGHT_LOCK=none"]);
    assert!(!text.contains(&pinned), "{text}");
    let (code, told, _) = stagewright(project, &["lock", "--check"]);
    assert!(code == Some(1) && told.starts_with(&format!("~ frontend {name}  ")), "{told}");
}

/// The file of a lock may stand anywhere.
#[tokio::test]
async fn a_build_program_writes_the_lock_that_is_named() {
    let project = crate::support::example("microservices");
    let lock = project.path().join("elsewhere.lock");
    let mut command: Command = program("microservices");
    command.args(["lock", "--lock"]).arg(&lock).arg(project.path());
    let output = run(&mut command);
    assert!(output.status.success(), "{output:?}");
    let lock: Value = serde_json::from_slice(&fs::read(&lock).unwrap()).unwrap();
    assert!(
        lock["images"]["node:18-slim"]
            .as_str()
            .is_some_and(|digest| digest.starts_with("sha256:")),
        "{lock}"
    );
    assert!(!project.path().join("stages.lock").exists());
}
