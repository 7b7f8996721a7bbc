//! The image that compiles programs: one that cannot says why, and one that can reaches nothing.

use stagewright::{Build, BuildOptions, Output, Platform, Scratch, Targets};

use super::{Case, own, program};
use crate::support::{builder, directory, end, image, unique};

const BODY: &str = "    Targets::new().product(b.runtime(\"app\", Scratch))";

async fn refused(toolchain: &str) -> String {
    let mut case = Case::new(program(BODY));
    toolchain.clone_into(&mut case.toolchain);
    case.ask().await.error().to_string()
}

#[tokio::test]
async fn one_that_is_not_there_is_told() {
    let error = refused("nobody/nothing:1").await;
    let expected = format!("toolchain image `nobody/nothing:1` for {} cannot be had: ", own());
    assert!(error.contains(&expected) && error.contains("`--build-arg STAGEWRIGHT_RUST=IMAGE`"), "{error}");
    assert!(refused("No Image").await.contains("toolchain image `No Image`: "));
}

#[tokio::test]
async fn one_of_another_architecture_is_told() {
    let other = if own().architecture == "arm64" { "amd64" } else { "arm64" };
    let name = image("toolchain", &unique());
    let describe = |b: &Build, (): ()| Targets::new().product(b.runtime("app", Scratch).file("/x", "x"));
    let context = directory(&[]);
    let options = BuildOptions::new(context.path())
        .platform(Platform::new("linux", other))
        .tag(&name)
        .output(Output::push());
    end(builder().await.build(describe, &options).await.unwrap())
        .await
        .expect_success();
    let error = refused(&name).await;
    let expected =
        format!("is for linux/{other}, and the daemon compiles on {0}: name one that is for {0}", own());
    assert!(error.contains(&expected), "{error}");
}
