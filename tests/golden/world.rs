//! A world of fixed images and contexts.

use std::collections::BTreeMap;

use buildkit_llb::{Definition, LocalIdentity, Platform};
use stagewright_plan::check::check;
use stagewright_plan::config::ImageConfig;
use stagewright_plan::lower::{Context, LowerError, Lowered, ResolvedImage, World, contexts, images, lower};
use stagewright_plan::{Build, Outcome, Plan, plan};

/// The Plan of a build function without parameters.
pub(crate) fn plan_of<O: Outcome>(build: impl Fn(&Build, ()) -> O) -> Plan {
    plan(build, &[]).unwrap_or_else(|problems| panic!("the build is not right:\n{problems}"))
}

/// The targets of a Plan, lowered in a world where every image is Debian's with a little environment.
pub(crate) fn lowered(plan: &Plan, targets: &[&str]) -> Lowered {
    try_lower(plan, targets, true).unwrap()
}

/// The same, on a daemon that may lack the cap `passthroughop`.
pub(crate) fn try_lower(plan: &Plan, targets: &[&str], passthrough: bool) -> Result<Lowered, LowerError> {
    let checked = check(plan).unwrap();
    let amd64 = Platform::new("linux", "amd64");
    let images = images(&checked, targets, &amd64, &amd64).into_keys().map(|request| {
        let reference = request.reference.with_digest(&format!("sha256:{}", "ab".repeat(32))).unwrap();
        (request, ResolvedImage { reference, config: config() })
    });
    let contexts = contexts(&checked, targets).into_iter().map(|request| {
        let identity = LocalIdentity::Session("session".to_owned());
        (request.name.to_owned(), Context { identity, exclude: vec!["node_modules".to_owned()] })
    });
    let world = World {
        platform: amd64.clone(),
        build_platform: amd64.clone(),
        passthrough,
        images: images.collect(),
        contexts: contexts.collect(),
        sources: BTreeMap::new(),
        no_cache: false,
    };
    lower(&checked, targets, &world)
}

/// The printed ops of one target, without the places in the test's own file.
pub(crate) fn printed(plan: &Plan, target: &str) -> String {
    let lowered = lowered(plan, &[target]);
    without_places(&lowered.graph.definition(lowered.targets[0].output).unwrap())
}

/// A printed definition, without the places in the test's own file.
pub(crate) fn without_places(definition: &Definition) -> String {
    let text = definition.to_string();
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("written in "));
    lines.map(|line| format!("{line}\n")).collect()
}

fn config() -> ImageConfig {
    let text = r#"{"architecture":"amd64","os":"linux",
        "config":{"Env":["PATH=/usr/local/bin:/usr/bin:/bin","LANG=C.UTF-8"],"Cmd":["bash"],"Entrypoint":["/entry"]},
        "rootfs":{"type":"layers","diff_ids":["sha256:00"]},
        "history":[{"created":"2026-01-01T00:00:00Z","created_by":"debian"}],"created":"2026-01-01T00:00:00Z"}"#;
    ImageConfig::from_json(text.as_bytes()).unwrap()
}
