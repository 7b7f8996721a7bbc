//! Users that are made: by Debian's tools, by busybox's, and where there are none.

use std::fs;

use stagewright::prelude::*;
use stagewright::{BuildOptions, Output};

use crate::support::{builder, end};

const ID: &str = "id -u && id -g && id -un && id -gn && grep ^app: /etc/passwd";

fn build(b: &Build, (): ()) -> Targets {
    let users = |stage: Stage<role::Base>| {
        stage.add_user("app", 10001).add_user_with_home("worker", 10002, "/home/worker")
    };
    let report = |base: &Stage<role::Base>, name: &str| {
        base.tester(name)
            .mkdir("/report")
            .run("chown app:app /report && stat -c '%u %g' /home/worker > /report/home")
            .user("app")
            .run(format!("({ID}) > /report/{name}"))
            .report("/report")
    };
    let debian = users(b.base("debian-base", "debian:bookworm-slim").user("nobody"));
    let busybox = users(b.base("busybox-base", "busybox").allow("latest-image"));
    // busybox's programs where nothing but the two files says who is who.
    let empty = users(b.base("empty-base", Scratch)).copy(b.image("busybox").dir("/bin"), "/bin/");
    Targets::new()
        .product(empty.runtime("empty").allow("latest-image").user("app"))
        .target(report(&debian.user("root"), "debian"))
        .target(report(&busybox, "busybox"))
        .target(report(&empty, "scratch"))
}

#[tokio::test]
async fn users_are_the_same_wherever_they_are_made() {
    let (context, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for name in ["debian", "busybox", "scratch"] {
        let options = BuildOptions::new(context.path())
            .target(name)
            .output(Output::local(out.path().join(name)));
        end(builder().await.build(build, &options).await.unwrap())
            .await
            .expect_success();
        let found = |file: &str| {
            let file = out.path().join(name).join("report").join(file);
            fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
        };
        let said = found(name);
        let lines: Vec<&str> = said.lines().collect();
        assert_eq!(lines[..4], ["10001", "10001", "app", "app"], "{name}: {said}");
        let fields: Vec<&str> = lines[4].split(':').collect();
        assert_eq!((fields[2], fields[3]), ("10001", "10001"), "{name}: {said}");
        assert_eq!(fields[5..], ["/nonexistent", "/sbin/nologin"], "{name}: {said}");
        assert_eq!(found("home"), "10002 10002\n", "{name}");
    }
}
