//! From a Plan and options to orders: for each target, what is done with it.
//!
//! Everything that can be refused is refused here, before a daemon is asked for anything.

mod error;
mod exports;
mod given;
mod sent;
mod tags;
mod taken;

use std::path::Path;

use buildkit_client::fsutil::receive::ReceiveOptions;
use stagewright_plan::Plan;
use stagewright_plan::check::Checked;
use stagewright_plan::plan::{Role, Target};

pub use error::OptionsError;
pub(super) use exports::Export;
pub(super) use given::{check_audit, check_given, check_offline};
pub(super) use sent::Sent;

use super::context::ContextSource;
use super::options::BuildOptions;
use super::output::{Output, OutputKind};
use exports::{export, outputs};
use given::check_inputs;
use tags::tags;
use taken::Taken;

/// One target, and what is done with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Order {
    /// The target's name.
    pub(super) target: String,
    /// Its role.
    pub(super) role: Role,
    /// Whether it is the reports of a tester, without its verdict.
    pub(super) reports: bool,
    /// The testers that gate it.
    pub(super) gates: Vec<String>,
    /// What is done with the result, in the order of the daemon's ids.
    pub(super) exports: Vec<Export>,
}

/// The orders of a build.
///
/// `stores_images` says whether the daemon has a store in which an image can be found by its name.
pub(super) fn orders(
    plan: &Checked<'_>,
    options: &BuildOptions,
    stores_images: bool,
) -> Result<Vec<Order>, OptionsError> {
    let targets = targets(plan.plan(), &options.targets)?;
    let names: Vec<&str> = targets.iter().map(|(target, _)| target.name.as_str()).collect();
    check_inputs(plan, &names, options)?;

    let others = targets
        .iter()
        .filter(|(_, role)| !role.is_image())
        .map(|(target, _)| target.name.as_str());
    let images: Vec<&str> = targets
        .iter()
        .filter(|(_, role)| role.is_image())
        .map(|(target, _)| target.name.as_str())
        .collect();
    if names.len() > 1 && options.cache_to.iter().any(|cache| !cache.is_inline()) {
        return Err(OptionsError::SharedCache(names.into_iter().map(str::to_owned).collect()));
    }
    let tags = tags(&options.tags, &images, &others.collect::<Vec<_>>())?;
    // What a tester has to give are its reports, which are files and no image.
    let takes = |output: &Output, (target, role): &(&Target, Role)| {
        let reports = plan.plan().stage(&target.stage).is_some_and(|stage| !stage.reports.is_empty());
        let files = matches!(output.kind, OutputKind::Local | OutputKind::Tar);
        let has_files = reports || target.files;
        role.is_image() || (has_files && files && (images.is_empty() || output.is_per_target()))
    };
    let outputs = outputs(options);
    for output in outputs.iter().filter(|output| output.kind != OutputKind::CacheOnly) {
        let what = if output.pushes() { "push" } else { "export" };
        match targets.iter().filter(|target| takes(output, target)).count() {
            0 => return Err(OptionsError::NoImage { target: names[0].to_owned(), what }),
            1 => {}
            _ if output.is_per_target() => {}
            _ => {
                return Err(OptionsError::SharedDest {
                    output: output.to_string(),
                    stdout: output.is_stdout(),
                });
            }
        }
    }

    if let (Some(tag), false) = (options.tags.first(), outputs.is_empty())
        && !outputs.iter().any(Output::takes_tags)
    {
        return Err(OptionsError::UnusedTag { tag: tag.clone() });
    }

    let mut orders = Vec::new();
    // A directory that becomes equal to an export may be none that the build or its user lives in.
    let home = std::env::home_dir();
    let contexts = options.contexts.values().chain([&options.context]);
    let kept = contexts.filter_map(ContextSource::directory).chain(home.as_deref());
    let mut taken = Taken::keeping(kept.chain([Path::new(".")]));
    for built in &targets {
        let (target, role) = built;
        let tags = tags.get(target.name.as_str()).map(Vec::as_slice).unwrap_or_default();
        let mut exports = Vec::new();
        let sent = outputs.iter().filter(|output| output.kind != OutputKind::CacheOnly);
        for output in sent.filter(|output| takes(output, built)) {
            exports.push(export(output, &target.name, tags)?);
        }
        if role.is_image() && outputs.is_empty() && !tags.is_empty() {
            if !stores_images {
                return Err(OptionsError::NoImageStore { target: target.name.clone() });
            }
            exports.push(export(&Output::image(), &target.name, tags)?);
        }
        for sent in exports.iter().filter_map(|export| export.sent.as_ref()) {
            taken.take(sent)?;
        }
        let stage = plan.plan().stage(&target.stage);
        let judged = stage.filter(|_| !target.reports);
        let gates = judged.map(|stage| plan.gates(stage)).unwrap_or_default();
        let gates = gates.into_iter().map(str::to_owned).collect();
        let (target, reports) = (target.name.clone(), target.reports);
        orders.push(Order { target, role: *role, reports, gates, exports });
    }
    if let Some(directory) = &options.reports {
        if !plan.leave_reports(&names) {
            return Err(OptionsError::NoReports { targets: names.into_iter().map(str::to_owned).collect() });
        }
        let options = ReceiveOptions::default();
        taken.take(&Sent::Directory { path: directory.clone(), mirror: false, options })?;
    }
    Ok(orders)
}

/// The targets that are built, each once, with their roles.
fn targets<'a>(plan: &'a Plan, asked: &[String]) -> Result<Vec<(&'a Target, Role)>, OptionsError> {
    let known = || plan.targets.iter().map(|target| target.name.clone()).collect();
    let mut found: Vec<&Target> = Vec::new();
    for name in asked {
        let target = plan
            .target(name)
            .ok_or_else(|| OptionsError::UnknownTarget { name: name.clone(), known: known() })?;
        if !found.iter().any(|other| other.name == target.name) {
            found.push(target);
        }
    }
    if asked.is_empty() {
        found = plan.products().collect();
    }
    if found.is_empty() {
        return Err(OptionsError::NoProduct { known: known() });
    }
    let role = |target: &Target| plan.stage(&target.stage).map_or(Role::Runtime, |stage| stage.role);
    Ok(found.into_iter().map(|target| (target, role(target))).collect())
}

#[cfg(test)]
mod tests {
    use stagewright_plan::check::check;
    use stagewright_plan::{Build, Scratch, Targets, plan};

    use super::*;

    fn build(b: &Build, _: ()) -> Targets {
        let tools = b.base("tools", "busybox");
        let unit = tools.tester("unit").run("true");
        let api = b.runtime("api", Scratch).copy(b.context().file("a"), "/a").gated_by(&unit);
        let web = b.runtime("web", Scratch).copy(b.context_named("assets").file("b"), "/b");
        Targets::new().product(api).product(web).target(unit)
    }

    fn try_orders(options: &BuildOptions, stores_images: bool) -> Result<Vec<Order>, OptionsError> {
        let plan = plan(build, &[]).unwrap();
        orders(&check(&plan).unwrap(), options, stores_images)
    }

    fn options() -> BuildOptions {
        BuildOptions::new(".").context_named("assets", "assets")
    }

    fn api() -> BuildOptions {
        options().target("api")
    }

    /// Each target with its exports, as text.
    fn text(orders: &[Order]) -> Vec<String> {
        let export = |export: &Export| {
            let attrs: Vec<_> = export
                .exporter
                .attrs
                .iter()
                .map(|(key, value)| format!("{key}={value}"))
                .collect();
            let dest = match &export.sent {
                Some(Sent::Stdout) => " > -".to_owned(),
                Some(Sent::Directory { path, mirror: true, options }) => {
                    format!(" >> {} {}", path.display(), options.setuid)
                }
                Some(Sent::File(path) | Sent::Directory { path, .. }) => format!(" > {}", path.display()),
                None => String::new(),
            };
            format!(" {}[{}]{dest}", export.exporter.kind, attrs.join(";"))
        };
        orders
            .iter()
            .map(|order| order.target.clone() + &order.exports.iter().map(export).collect::<String>())
            .collect()
    }

    #[test]
    fn every_image_gets_what_is_asked_for() {
        let check = |options: BuildOptions, expected: &[&str]| {
            assert_eq!(text(&try_orders(&options, true).unwrap()), expected);
        };
        check(options(), &["api", "web"]);
        check(api().target("api"), &["api"]);
        check(api().tag("app"), &["api image[name=docker.io/library/app:latest]"]);
        check(
            api()
                .tag("app")
                .output(Output::push().attr("name", "r.io/x"))
                .output(Output::oci("o")),
            &["api image[name=r.io/x;push=true] oci[name=docker.io/library/app:latest] > o"],
        );
        check(
            api().tag("app").tag("r.io/a:1").push(),
            &["api image[name=docker.io/library/app:latest,r.io/a:1;push=true]"],
        );
        check(
            api().tag("app").output(Output::image()).push(),
            &["api image[name=docker.io/library/app:latest;push=true]"],
        );
        let by_digest = Output::push().attr("push-by-digest", "true");
        check(
            api().tag("r.io/a").output(by_digest),
            &["api image[name=r.io/a;push=true;push-by-digest=true]"],
        );
        check(
            options().tag("web=r.io/w").target("unit").target("web"),
            &["unit", "web image[name=r.io/w:latest]"],
        );
        check(
            options().output(Output::oci("o/{target}.tar")).tag("api=a"),
            &["api oci[name=docker.io/library/a:latest] > o/api.tar", "web oci[] > o/web.tar"],
        );
        check(
            api().output(Output::local("out")).output(Output::push().attr("name", "r.io/x")),
            &["api local[] > out image[name=r.io/x;push=true]"],
        );
        check(api().output(Output::tar("").to_stdout()).output(Output::cache_only()), &["api tar[] > -"]);
        check(options().target("unit").output(Output::cache_only()), &["unit"]);
        let mirror = Output::local("out/{target}").attr("mode", "delete").attr("setuid", "1");
        check(
            options().output(mirror),
            &["api local[mode=delete] >> out/api true", "web local[mode=delete] >> out/web true"],
        );
    }

    #[test]
    fn what_does_not_fit_is_told_what_would() {
        let check = |options: BuildOptions, expected: &str| {
            let error = try_orders(&options, false).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        check(options().target("apo"), "there is no target `apo`: the targets are api, web, unit");
        check(options().tag("app"), "which of the targets api, web it names: write `api=app`");
        check(options().tag("wob=app"), "names target `wob`, which is not built: the images are api, web");
        check(options().target("unit").tag("app"), "`unit` is no image");
        check(options().target("unit").target("api").tag("unit=a"), "`unit` is no image");
        check(options().target("unit").push(), "nothing to push");
        check(options().target("unit").output(Output::local("o")), "nothing to export");
        check(api().tag("App"), "tag `App`: image name \"App\" has capital letters");
        check(api().tag(format!("a@sha256:{}", "0".repeat(64))), "its digest is what the build gives");
        let by_digest = Output::push().attr("push-by-digest", "1");
        check(api().tag("r.io/a:2").output(by_digest), "leave the tag out");
        check(api().push(), "has no tag: add `-t api=registry.example/api`");
        check(options().output(Output::tar("a.tar")), "write `{target}` in it");
        check(api().output(Output::tar("a")).output(Output::oci("a")), "two outputs go to a");
        let stdout = || Output::tar("").to_stdout();
        check(options().output(stdout()), "one destination for several targets: name one with `--target`");
        check(api().output(stdout()).output(stdout()), "two outputs go to the standard output");
        let mirror = || Output::local("a").attr("mode", "delete");
        let inside = "/a/b would be removed by the one to ";
        check(api().output(mirror()).output(Output::tar("a/b")), inside);
        check(api().output(Output::tar("a/b")).output(mirror()), inside);
        check(api().output(Output::local("a").attr("mode", "x")), "copy and delete are known");
        check(api().tag("app").output(Output::cache_only()), "tag `app` is lost");
        check(api().tag("app"), "keeps no images");
        check(api().tag("app").output(Output::local("o")), "tag `app` is lost");
        check(api().tag("app").output(Output::push().attr("name", "r.io/x")), "tag `app` is lost");
        check(api().output(Output::tar("a.tar")).output(Output::oci("./o/../a.tar")), "two outputs go to");
        check(options().context_named("context", "other"), "is the build's own directory");
        check(
            options().context_named("asets", "a"),
            "no step reads context `asets`: the contexts are assets",
        );
        check(BuildOptions::new("."), "add `--context assets=DIRECTORY`");
        let token = buildkit_client::session::secrets::Secret::value("x").unwrap();
        check(options().secret("token", token), "takes no secret `token`: there are none");
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("agent");
        let _agent = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        let agent = buildkit_client::session::ssh::SshAgent::socket(&socket).unwrap();
        check(options().ssh("default", agent), "no step takes ssh agent `default`: there are none");
    }
}
