//! A world of fixed images and contexts.

use std::collections::BTreeSet;

use buildkit_llb::{Definition, LocalIdentity, Platform, caps};
use stagewright_plan::check::check;
use stagewright_plan::config::ImageConfig;
use stagewright_plan::lower::{
    Abilities, Context, ContextKey, LocalContext, LowerError, Lowered, ResolvedImage, World, contexts,
    images, lower,
};
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
    lower_in(plan, targets, |world| {
        if !passthrough {
            world.abilities = Abilities::all().without(caps::PASSTHROUGH_OP);
        }
    })
}

/// The same in a world that is changed before anything is asked of it: its settings, its contexts, its platform.
pub(crate) fn lower_in(
    plan: &Plan,
    targets: &[&str],
    change: impl FnOnce(&mut World),
) -> Result<Lowered, LowerError> {
    let checked = check(plan).unwrap();
    let mut world = World::new(Platform::new("linux", "amd64"));
    change(&mut world);
    let given: BTreeSet<ContextKey> = world.contexts.keys().cloned().collect();
    for request in images(&checked, targets, &world.platform, &world.build_platform, &given).into_keys() {
        let reference = request.reference.with_digest(&format!("sha256:{}", "ab".repeat(32))).unwrap();
        let config = ImageConfig { architecture: request.platform.architecture.clone(), ..config() };
        world.images.insert(request, ResolvedImage { reference, config });
    }
    for request in contexts(&checked, targets, &given) {
        let local = LocalContext {
            name: request.key.name.clone(),
            identity: LocalIdentity::Session("session".to_owned()),
            exclude: vec!["node_modules".to_owned()],
            shared_key_hint: request.key.name.clone(),
        };
        world.contexts.entry(request.key).or_insert(Context::Local(local));
    }
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

pub(crate) fn config() -> ImageConfig {
    let text = r#"{"architecture":"amd64","os":"linux",
        "config":{"Env":["PATH=/usr/local/bin:/usr/bin:/bin","LANG=C.UTF-8"],"Cmd":["bash"],"Entrypoint":["/entry"]},
        "rootfs":{"type":"layers","diff_ids":["sha256:00"]},
        "history":[{"created":"2026-01-01T00:00:00Z","created_by":"debian"}],"created":"2026-01-01T00:00:00Z"}"#;
    ImageConfig::from_json(text.as_bytes()).unwrap()
}
