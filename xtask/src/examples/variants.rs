//! Other Plans of the same build: its base images alone, and all of it without gates, with its builders as images.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use stagewright::Plan;
use stagewright::stagewright_plan::check::check;
use stagewright::stagewright_plan::plan::{Action, Image, Mount, Origin, Role, Stage, Step, Target};

/// How the names of stages begin that only measuring has.
const MARK: &str = "measured";

/// The products that are images, by the names of their targets, each with its stage.
pub(super) fn products(plan: &Plan) -> Vec<(&Target, &Stage)> {
    plan.products()
        .filter(|target| !target.files && !target.reports)
        .filter_map(|target| Some((target, plan.stage(&target.stage)?)))
        .filter(|(_, stage)| stage.role.is_image())
        .collect()
}

/// The testers that the products wait for, in the order of the Plan.
pub(super) fn gates(plan: &Plan) -> Result<Vec<String>> {
    let checked = check(plan).context("the Plan is wrong")?;
    let gates: BTreeSet<&str> = products(plan).iter().flat_map(|(_, stage)| checked.gates(stage)).collect();
    let in_order = plan.stages.iter().map(|stage| stage.name.as_str());
    Ok(in_order.filter(|name| gates.contains(name)).map(str::to_owned).collect())
}

/// The builders that an image takes files of, itself or in an image that it starts from.
pub(super) fn builders<'a>(plan: &'a Plan, image: &'a Stage) -> Vec<&'a str> {
    let mut found = Vec::new();
    let mut at = Some(image);
    while let Some(stage) = at {
        for origin in stage.steps.iter().flat_map(origins) {
            if let Origin::Stage(name) = origin
                && plan.stage(name).is_some_and(|from| from.role == Role::Builder)
                && !found.contains(&name.as_str())
            {
                found.push(name.as_str());
            }
        }
        at = match &stage.from {
            Origin::Stage(name) => plan.stage(name).filter(|from| from.role.is_image()),
            _ => None,
        };
    }
    found
}

/// The stages that a build of the products needs, gates included, in the order of the Plan.
fn needed(plan: &Plan) -> Result<Vec<&Stage>> {
    let mut open: Vec<String> = gates(plan)?;
    open.extend(products(plan).iter().map(|(_, stage)| stage.name.clone()));
    let mut needed = BTreeSet::new();
    while let Some(name) = open.pop() {
        let Some(stage) = plan.stage(&name) else { continue };
        if needed.insert(name) {
            let inputs = stage.steps.iter().flat_map(origins).chain([&stage.from]);
            open.extend(inputs.filter_map(Origin::stage).map(str::to_owned));
            if stage.role == Role::Tester {
                open.extend(stage.gates.iter().map(|gate| gate.stage.clone()));
            }
        }
    }
    Ok(plan.stages.iter().filter(|stage| needed.contains(&stage.name)).collect())
}

/// A Plan that makes the daemon pull and unpack every image that a build of the products takes files of, and nothing else.
/// Nothing that it does is a step of this one. The names of its targets come along.
pub(super) fn pulls(plan: &Plan) -> Result<(Plan, Vec<String>)> {
    let stages = needed(plan)?;
    let starts = stages.iter().map(|stage| &stage.from);
    let taken = stages.iter().flat_map(|stage| &stage.steps).flat_map(origins);
    let mut images: BTreeSet<Image> = starts
        .chain(taken)
        .filter_map(|origin| match origin {
            Origin::Image(image) => Some(image.clone()),
            _ => None,
        })
        .collect();
    // What lists an image's contents is an image, too.
    let sboms = stages.iter().filter_map(|stage| stage.runtime.attests.sbom.as_ref());
    images.extend(
        sboms
            .filter_map(|sbom| sbom.generator.clone())
            .map(|name| Image { name, on: Default::default() }),
    );
    let Some(first) = stages.first() else { return Ok((plan.clone(), Vec::new())) };
    let mut pulls = Plan { stages: Vec::new(), targets: Vec::new(), secrets: Vec::new(), ..plan.clone() };
    for (number, image) in images.into_iter().enumerate() {
        let name = format!("{MARK}-pull-{number}");
        let mut stage = Stage::new(&name, Role::Dev, Origin::Image(image), &first.at);
        // Only who writes onto an image makes the daemon unpack it.
        let action = Action::File { path: format!("/{name}"), text: String::new(), mode: 0o644, owner: None };
        stage.steps.push(Step { at: first.at.clone(), via: Vec::new(), action });
        pulls.stages.push(stage);
        let target = Target::new(&name, first.at.clone());
        pulls.targets.push(target);
    }
    let names = pulls.targets.iter().map(|target| target.name.clone()).collect();
    Ok((pulls, names))
}

/// The Plan without any gate, and with a target for each of these builders that is it as an image. Testers that nothing
/// waits for any more are targets, which nobody asks for.
pub(super) fn bare(plan: &Plan, builders: &BTreeSet<&str>) -> Plan {
    let mut bare = plan.clone();
    for stage in &mut bare.stages {
        stage.gates.clear();
        if stage.role == Role::Tester && plan.target(&stage.name).is_none() {
            bare.targets.push(Target::new(&stage.name, stage.at.clone()));
        }
    }
    for builder in builders {
        let Some(at) = plan.stage(builder).map(|stage| &stage.at) else { continue };
        let name = builder_target(builder);
        bare.stages
            .push(Stage::new(&name, Role::Dev, Origin::Stage((*builder).to_owned()), at));
        bare.targets.push(Target::new(&name, at.clone()));
    }
    bare
}

/// The target of [`bare`] that is a builder as an image.
pub(super) fn builder_target(builder: &str) -> String {
    format!("{MARK}-{builder}")
}

/// What a step takes files of.
pub(super) fn origins(step: &Step) -> Vec<&Origin> {
    match &step.action {
        Action::Copy(copy) => vec![&copy.from],
        Action::Run(run) => run
            .mounts
            .iter()
            .filter_map(|mount| match mount {
                Mount::Bind { from, .. } => Some(from),
                _ => None,
            })
            .collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use stagewright::prelude::*;
    use stagewright::stagewright_plan::plan as describe;

    use super::*;

    /// A service whose image is looked into by one of its testers.
    pub(in crate::examples) fn service() -> Plan {
        describe(
            |b: &Build, (): ()| {
                let src = b.context();
                let base = b.base("base", "node:18-slim").workdir("/app");
                let deps = base.deps("deps").copy(src.file("package.json"), "./").run("npm ci");
                let app = deps.builder("compile").copy(src.dir("src"), "src/").run("npm run build");
                let assets = deps.builder("assets").copy(src.dir("assets"), "./").run("npm run assets");
                let unit = app.tester("unit").run("npm test");
                let image = base
                    .runtime("app")
                    .copy(deps.artifact("/app/node_modules"), "node_modules/")
                    .copy(app.artifact("/app/dist"), "dist/")
                    .copy(b.image("busybox:latest").file("/bin/busybox"), "/bin/")
                    .cmd(["node", "dist/main.js"]);
                let scan = deps.tester("scan").run(sh("scan /image").bind(image.root(), "/image"));
                let image = image.gated_by([&unit, &scan]);
                let trial = image.runtime("trial").copy(assets.artifact("/app/public"), "public/");
                let other = b.runtime("other", "traefik:v3.1").allow("root-user");
                Targets::new().product(image).product(trial).target(unit).target(other)
            },
            &[],
        )
        .unwrap()
    }

    #[test]
    fn products_have_builders_and_gates() {
        let plan = service();
        let products = products(&plan);
        let names: Vec<&str> = products.iter().map(|(target, _)| target.name.as_str()).collect();
        assert_eq!(names, ["app", "trial"]);
        assert_eq!(builders(&plan, products[0].1), ["compile"]);
        assert_eq!(builders(&plan, products[1].1), ["assets", "compile"]);
        assert_eq!(gates(&plan).unwrap(), ["unit", "scan"]);
    }

    #[test]
    fn every_image_that_products_need_is_pulled_once() {
        let (pulls, targets) = pulls(&service()).unwrap();
        check(&pulls).unwrap();
        let images: Vec<_> = pulls
            .stages
            .iter()
            .map(|stage| match &stage.from {
                Origin::Image(image) => image.name.as_str(),
                other => panic!("{other:?} is no image"),
            })
            .collect();
        assert_eq!(images, ["busybox:latest", "node:18-slim"]);
        assert_eq!(targets.len(), 2);
    }

    #[test]
    fn a_bare_plan_has_no_gate_and_its_builders_as_images() {
        let bare = bare(&service(), &BTreeSet::from(["compile"]));
        check(&bare).unwrap();
        assert_eq!(gates(&bare).unwrap(), [""; 0]);
        let stage = bare.stage(&builder_target("compile")).unwrap();
        assert!(stage.role.is_image() && bare.target(&stage.name).is_some());
    }
}
