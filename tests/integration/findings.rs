//! Findings that need a daemon: what an image has, once it is built.

use stagewright::prelude::*;
use stagewright::{BuildOptions, Event, Outcome};

use crate::support::{builder, directory, end};

/// The warnings of a build, with their lines counted from this one.
async fn warnings<O: Outcome>(line: u32, build: impl Fn(&Build, ()) -> O) -> Vec<String> {
    let context = directory(&[]);
    let running = builder().await.build(build, &BuildOptions::new(context.path())).await.unwrap();
    let ended = end(running).await.expect_success();
    let updates = ended.events.iter().filter_map(|event| match event {
        Event::Status { update, .. } => Some(update),
        _ => None,
    });
    let told = updates.flat_map(|update| &update.warnings).map(|warning| {
        let text = String::from_utf8_lossy(&warning.short);
        let at = warning.range.first().expect("it has a place").start.line;
        format!("+{} {text} {}", at - i32::try_from(line).unwrap(), warning.url)
    });
    told.collect()
}

#[tokio::test]
async fn a_health_check_whose_program_is_missing_is_found() {
    let check = |tool| Healthcheck::http(tool, "http://localhost:8080/health");
    const LINE: u32 = line!();
    let image = |b: &Build| b.runtime("app", "busybox:stable").nonroot();
    let missing = |b: &Build, (): ()| image(b).healthcheck(check(HttpTool::Curl));
    let told = warnings(LINE, missing).await;
    let [told] = &told[..] else { panic!("{told:?}") };
    let expected =
        "+1 healthcheck-tool: the health check of `app` runs `curl`, which its image does not have";
    assert!(told.starts_with(expected) && told.ends_with("docs/checks/healthcheck-tool.md"), "{told}");

    let allowed = |b: &Build, (): ()| image(b).healthcheck(check(HttpTool::Curl)).allow("healthcheck-tool");
    assert_eq!(warnings(LINE, allowed).await, [] as [&str; 0]);
    // busybox has one of its own, and a step may bring one.
    let right = |b: &Build, (): ()| image(b).healthcheck(check(HttpTool::Wget));
    assert_eq!(warnings(LINE, right).await, [] as [&str; 0]);
    let brought = |b: &Build, (): ()| {
        let tools = b.runtime("app", "busybox:stable").run("ln -s /bin/true /bin/curl").nonroot();
        tools.healthcheck(check(HttpTool::Curl))
    };
    assert_eq!(warnings(LINE, brought).await, [] as [&str; 0]);
}
