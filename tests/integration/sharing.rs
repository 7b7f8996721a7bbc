//! What is shared with other clients: definitions with buildctl, caches with Dockerfiles.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use stagewright::{Build, BuildOptions, Cache, Targets, sh, text};

use crate::support::{
    build_plan, builder, directory, end, example, plan_of, program, replace, stdout, unique,
};

/// The steps that buildctl ran and did not find in the cache.
fn ran(command: &mut Command, stdin: &[u8]) -> Vec<String> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(stdin).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {text}");
    let updates = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let vertices = updates.flat_map(|update| update["vertexes"].as_array().cloned().unwrap_or_default());
    let completed: Vec<Value> = vertices.filter(|vertex| vertex["completed"].is_string()).collect();
    assert!(!completed.is_empty(), "buildctl told of nothing: {text}");
    let ran = completed.into_iter().filter(|vertex| vertex["cached"] != true);
    ran.map(|vertex| vertex["name"].as_str().unwrap().to_owned()).collect()
}

fn buildctl(local: &[(&str, &Path)]) -> Command {
    let mut command = Command::new("buildctl");
    command.args(["build", "--progress", "rawjson"]);
    for (name, path) in local {
        command.arg("--local").arg(format!("{name}={}", path.display()));
    }
    command
}

#[tokio::test]
async fn buildctl_builds_what_print_prints() {
    let project = example("microservices");
    let salt = format!("\"private\": true, \"x\": \"{}\"", unique());
    replace(&project.path().join("package.json"), "\"private\": true", &salt);
    let plan = plan_of("microservices");
    build_plan(&plan, &BuildOptions::new(project.path()).target("api"))
        .await
        .expect_success();

    let definition = stdout(program("microservices").args(["print", "--target", "api"]).arg(project.path()));
    let ran = ran(&mut buildctl(&[("context", project.path())]), &definition);
    // An image is looked up anew, not run.
    let steps = ran
        .iter()
        .filter(|name| !name.contains("] FROM ") && *name != "[internal] load build context");
    assert_eq!(steps.collect::<Vec<_>>(), Vec::<&String>::new());
}

const DOCKERFILE: &str = r#"
FROM busybox AS build
WORKDIR /src
ENV MODE=release SALT=%SALT%
COPY a.txt b.txt ./
COPY --chmod=600 dir dir/
RUN --mount=type=cache,target=/var/cache/x --mount=type=cache,id=own,target=/y,sharing=locked cat a.txt dir/c.txt > out
COPY <<EOF /etc/motd
hello
EOF
RUN ["cp", "out", "/out"]

FROM busybox
USER 1000:1000
WORKDIR app
COPY --from=build --chown=1000:1000 /out ./
RUN id -u > /tmp/id
"#;

fn same_in_rust(salt: String) -> impl Fn(&Build, ()) -> Targets {
    move |b, ()| {
        let src = b.context();
        let made = b
            .builder("build", "busybox")
            .workdir("/src")
            .env("MODE", "release")
            .env("SALT", &salt)
            .copy(src.files(["a.txt", "b.txt"]), "./")
            .copy(src.dir("dir").mode(0o600), "dir/")
            .run(
                sh("cat a.txt dir/c.txt > out")
                    .cache(Cache::at("/var/cache/x"))
                    .cache(Cache::at("/y").id("own").locked()),
            )
            .file("/etc/motd", text("hello\n"))
            .run(["cp", "out", "/out"]);
        let image = b
            .runtime("app", "busybox")
            .user("1000:1000")
            .workdir("app")
            .copy(made.artifact("/out").owner("1000:1000"), "./")
            .run("id -u > /tmp/id");
        Targets::new().product(image)
    }
}

#[tokio::test]
async fn a_dockerfile_with_the_same_steps_leaves_nothing_to_do() {
    let salt = unique();
    let files =
        [("a.txt", "a"), ("b.txt", "b"), ("dir/c.txt", "c"), (".dockerignore", "*.log\n"), ("x.log", "x")];
    let context = directory(&files);
    std::fs::write(context.path().join("Dockerfile"), DOCKERFILE.trim_start().replace("%SALT%", &salt))
        .unwrap();
    let locals = [("context", context.path()), ("dockerfile", context.path())];
    let first = ran(buildctl(&locals).args(["--frontend", "dockerfile.v0"]), b"");
    assert!(first.iter().any(|name| name.contains("cat a.txt")), "{first:?}");

    let options = BuildOptions::new(context.path());
    let ended = end(builder().await.build(same_in_rust(salt), &options).await.unwrap())
        .await
        .expect_success();
    assert_eq!(ended.ran(), Vec::<String>::new());
    let copies = ended.vertices();
    let copies: Vec<_> = copies
        .iter()
        .filter(|(name, seen)| name.contains("] COPY ") && !seen.cached)
        .collect();
    assert!(copies.is_empty(), "{copies:?}");
}
