//! Gates: no image unless its tests pass, and nothing of them in it.

use serde_json::Value;
use stagewright::{Build, BuildOptions, Targets};
use stagewright_tests::Environment;

use crate::support::{Ended, builder, end, image, unique};

/// An image with one file beside a tester that succeeds or fails.
fn app(exit: u8, gated: bool, salt: String) -> impl Fn(&Build, ()) -> Targets {
    move |b, ()| {
        let base = b.base("base", "busybox").env("SALT", &salt);
        let made = base.builder("build").run("mkdir /out && echo $SALT > /out/app");
        let unit = made.tester("unit").run(format!("echo judged; exit {exit}"));
        let image = base.runtime("app").copy(made.artifact("/out/app"), "/app").cmd(["cat", "/app"]);
        let image = if gated { image.gated_by(&unit) } else { image };
        Targets::new().product(image).target(unit)
    }
}

async fn build(build: impl Fn(&Build, ()) -> Targets, options: &BuildOptions) -> Ended {
    end(builder().await.build(build, options).await.unwrap()).await
}

#[tokio::test]
async fn a_failing_gate_refuses_the_image() {
    let repository = format!("gates/{}", unique());
    let options = BuildOptions::new(".").push().tag(image(&repository, "1"));
    let ended = build(app(7, true, unique()), &options).await;

    let (target, failure) = ended.report.failures().next().expect("the build fails");
    assert_eq!(target, "app");
    let error = failure.daemon().expect("the daemon says why");
    assert_eq!(error.exit_code(), Some(7));
    let source = &error.sources()[0];
    assert!(source.info.filename.ends_with("tests/integration/gates.rs"), "{}", source.info.filename);
    let line = 1 + include_str!("gates.rs")
        .lines()
        .position(|line| line.contains("echo judged"))
        .unwrap();
    assert_eq!(source.ranges[0].start.line, i32::try_from(line).unwrap());
    assert!(ended.log().contains("judged"));

    let registry = Environment::get().registry;
    assert_eq!(registry.tags(&repository).unwrap(), Vec::<String>::new());
    assert!(registry.manifest(&repository, "1").unwrap().is_none());
}

#[tokio::test]
async fn without_the_gate_the_tester_does_not_run() {
    let options = BuildOptions::new(".");
    let ended = build(app(7, false, unique()), &options).await.expect_success();
    let vertices = ended.vertices();
    assert!(vertices.keys().any(|name| name.starts_with("[build ")), "{:?}", vertices.keys());
    assert!(!vertices.keys().any(|name| name.starts_with("[unit ")), "{:?}", vertices.keys());

    // Asked for by name, it does.
    let ended = build(app(7, false, unique()), &options.target("unit")).await;
    assert!(!ended.report.is_success());
}

#[tokio::test]
async fn a_gate_adds_nothing_to_the_image() {
    let (repository, salt) = (format!("gates/{}", unique()), unique());
    let layers = async |gated, tag: &str| {
        let options = BuildOptions::new(".").push().tag(image(&repository, tag));
        build(app(0, gated, salt.clone()), &options).await.expect_success();
        let manifest = Environment::get().registry.manifest(&repository, tag).unwrap().unwrap();
        let manifest: Value = serde_json::from_slice(&manifest.bytes).unwrap();
        manifest["layers"].clone()
    };
    let with = layers(true, "with").await;
    assert!(with.as_array().is_some_and(|layers| !layers.is_empty()));
    assert_eq!(with, layers(false, "without").await);
}

#[tokio::test]
async fn one_failing_product_leaves_the_others_alone() {
    let salt = unique();
    let two = move |b: &Build, (): ()| {
        let base = b.base("base", "busybox").env("SALT", &salt);
        let bad = base.tester("bad-test").run("exit 1");
        let good = base.tester("good-test").run("true");
        let image = |name: &str| base.runtime(name).run("echo $SALT > /salt");
        Targets::new()
            .product(image("bad").gated_by(&bad))
            .product(image("good").gated_by(&good))
    };
    let ended = build(two, &BuildOptions::new(".")).await;
    assert_eq!(ended.report.failures().map(|(target, _)| target).collect::<Vec<_>>(), ["bad"]);
    assert!(ended.report.product("good").is_some());
}

#[tokio::test]
async fn without_the_capability_the_driver_holds_the_gate() {
    let old = || BuildOptions::new(".").without_cap("passthroughop");
    let repository = format!("gates/{}", unique());
    let refused = build(app(3, true, unique()), &old().push().tag(image(&repository, "1"))).await;
    assert_eq!(refused.report.failures().next().unwrap().1.daemon().unwrap().exit_code(), Some(3));
    assert_eq!(Environment::get().registry.tags(&repository).unwrap(), Vec::<String>::new());

    let passed = build(app(0, true, unique()), &old().push().tag(image(&repository, "2")))
        .await
        .expect_success();
    assert!(passed.ran().iter().any(|name| name.starts_with("[unit ")), "{:?}", passed.ran());
    assert_eq!(Environment::get().registry.tags(&repository).unwrap(), ["2"]);
}
