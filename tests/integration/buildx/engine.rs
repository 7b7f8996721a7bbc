//! The options of a build, by Docker Engine's own builder in both of its image stores.

use std::fs;
use std::path::Path;

use stagewright_tests::buildx::Ended;
use stagewright_tests::{Buildx, Engine, Store};

use super::step;
use crate::client::ssh::Agent;
use crate::support::{directory, unique};

/// An engine that has what the files here name: there is no registry.
fn engine(store: Store) -> Engine {
    let engine = Engine::start(store);
    engine.bring("busybox:latest");
    engine.bring("stagewright/stages:1");
    engine
}

fn build(engine: &Engine, project: &Path, arguments: &[&str]) -> Ended {
    let buildx = Buildx::on_engine(engine);
    let build = buildx.build(project).args(["-f", "stages.yaml"]);
    build.args(arguments.iter().copied()).run().expect_success()
}

#[test]
fn a_step_has_what_is_given_to_it() {
    let script = "{ cat /run/secrets/token; test -S $SSH_AUTH_SOCK && echo agent; grep store /etc/hosts; \
        ulimit -Sn; df -k /dev/shm | awk 'END { print $2 }'; ls /sys/class/net; } > /out";
    for store in Store::ALL {
        let engine = engine(store);
        let project = directory(&[
            ("stages.yaml", &step(script, "secrets: token\n        ssh: default")),
            ("secret", "word\n"),
        ]);
        let agent = Agent::start();
        let source = format!("id=token,src={}", project.path().join("secret").display());
        let lent = format!("default={}", agent.socket().display());
        let out = project.path().join("files");
        let output = format!("type=local,dest={}", out.display());
        let given = ["--secret", &*source, "--ssh", &*lent, "--add-host", "store:10.1.2.3"];
        let limits = ["--ulimit", "nofile=321:654", "--shm-size", "3m", "--network", "none"];
        let ended = build(
            &engine,
            project.path(),
            &[&given[..], &limits, &["--output", &output, "--no-cache"]].concat(),
        );
        let text = fs::read_to_string(out.join("out")).unwrap();
        let words: Vec<&str> = text.split_whitespace().collect();
        assert_eq!(words, ["word", "agent", "10.1.2.3", "store", "321", "3072", "lo"], "{store:?}: {ended}");
    }
}

#[test]
fn a_context_has_a_name_and_caches_are_left_out() {
    let salt = unique();
    let stages = format!(
        "# syntax=stagewright/stages:1
stages:
  one:
    role: builder
    from: busybox:latest
    steps:
      - copy: word
        from: {{ context: given }}
        to: /word
      - run: echo one {salt}
  two:
    role: builder
    from: busybox:latest
    steps:
      - run: echo two {salt} > /out
  app:
    role: runtime
    from: scratch
    steps:
      - copy: /word
        from: one
        to: /word
      - copy: /out
        from: two
        to: /out
"
    );
    for store in Store::ALL {
        let engine = engine(store);
        let project = directory(&[("stages.yaml", &stages)]);
        let named = directory(&[("word", "given")]);
        let context = format!("given={}", named.path().display());
        let archive = project.path().join("files.tar");
        let output = format!("type=tar,dest={}", archive.display());
        let build = |more: &[&str]| {
            build(
                &engine,
                project.path(),
                &[&["--build-context", &*context, "--output", &output], more].concat(),
            )
        };
        let first = build(&[]);
        assert_eq!(first.ran().len(), 2, "{store:?}: {first}");
        let mut files = tar::Archive::new(fs::File::open(&archive).unwrap());
        let names = files
            .entries()
            .unwrap()
            .map(|it| it.unwrap().path().unwrap().display().to_string());
        assert_eq!(names.collect::<Vec<_>>(), ["out", "word"], "{store:?}: {first}");
        assert!(first.metadata["buildx.build.ref"].is_string(), "{store:?}: {first}");

        let again = build(&[]);
        assert_eq!(again.ran(), [""; 0], "{store:?}: {again}");
        let filtered = build(&["--no-cache-filter", "two"]);
        let [ran] = filtered.ran()[..] else { panic!("{store:?}: {filtered}") };
        assert!(ran.contains("RUN echo two"), "{store:?}: {filtered}");
        let without = build(&["--no-cache"]);
        assert_eq!(without.ran().len(), 2, "{store:?}: {without}");
    }
}

#[test]
fn questions_are_answered() {
    for store in Store::ALL {
        let engine = engine(store);
        let project = directory(&[("stages.yaml", &step("echo > /out", "secrets: token"))]);
        let ask = |arguments: &[&str]| {
            let ended = build(&engine, project.path(), arguments);
            format!("{}{}", ended.stdout(), ended.text)
        };
        let targets = ask(&["--call", "targets"]);
        assert!(targets.contains("app (default)"), "{store:?}: {targets}");
        let outline = ask(&["--call", "outline"]);
        assert!(outline.contains("token"), "{store:?}: {outline}");
        let check = ask(&["--check"]);
        assert!(check.contains("Check complete, no warnings found"), "{store:?}: {check}");
    }
}
