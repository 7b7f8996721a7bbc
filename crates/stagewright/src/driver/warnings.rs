//! Warnings: what is doubtful in a Plan, and in the images that are built of it.

use std::collections::BTreeMap;

use buildkit_gateway::errdefs::{Source, SourceInfo};
use buildkit_gateway::{Channel, Gateway, Ref, Warning};
use buildkit_llb::{ImageRef, Platform};
use futures_util::future::join_all;
use stagewright_plan::check::Checked;
use stagewright_plan::lint::{Code, Tool, lint, lint_images, lint_tool, tool};
use stagewright_plan::lower::Lowered;
use stagewright_plan::{Problem, Site};

use super::Request;
use crate::excerpt::{Excerpts, range};
use crate::lock::Locked;

/// How many are told.
const MOST: usize = 100;

/// What a target's image has to have, and what is said if it does not.
#[derive(Debug)]
pub(super) struct Wanted {
    target: String,
    platform: Platform,
    tool: Tool,
    warning: Warning,
}

/// Warns of what is doubtful, and gives what can be told only of images that are built.
///
/// A daemon that takes no warning still builds.
pub(super) async fn tell<C: Channel>(
    gateway: &Gateway<C>,
    plans: &[(&Platform, Checked<'_>)],
    lowered: &[(Platform, Lowered)],
    request: &Request,
) -> Vec<Wanted> {
    let mut problems: BTreeMap<(Option<Site>, String), Problem> = BTreeMap::new();
    let mut wanted = Vec::new();
    let mut excerpts = Excerpts::new(&request.sources, "");
    let digest = lowered.iter().find_map(|(_, lowered)| {
        let output = lowered.targets.iter().find_map(|target| target.output);
        Some(lowered.graph.definition(output).ok()?.head()?.0.to_string())
    });
    let digest = digest.unwrap_or_default();
    for ((platform, plan), (_, lowered)) in plans.iter().zip(lowered) {
        let images = lowered.targets.iter();
        let images = images.filter_map(|target| Some((target.name.as_str(), target.config.as_ref()?)));
        let images: Vec<_> = images.collect();
        let found = lint(plan, &|name| is_pinned(request.lock.as_ref(), name))
            .into_iter()
            .chain(lint_images(plan, &images));
        problems.extend(found.map(|problem| ((problem.at.clone(), problem.message.clone()), problem)));
        for (target, config) in images {
            if let Some(tool) = tool(config)
                && let Some(problem) = lint_tool(plan, target, &tool)
            {
                let (target, platform) = (target.to_owned(), (*platform).clone());
                let warning = warning(&problem, &digest, &mut excerpts);
                wanted.push(Wanted { target, platform, tool, warning });
            }
        }
    }
    let doubts = request.doubts.iter().cloned();
    let warnings: Vec<Warning> = doubts
        .chain(problems.into_values())
        .take(MOST)
        .map(|problem| warning(&problem, &digest, &mut excerpts))
        .collect();
    for warning in &warnings {
        let _ = gateway.warn(warning).await;
    }
    wanted
}

/// Warns of what an image of a target was to have and does not.
pub(super) async fn tell_of_image<C: Channel>(
    gateway: &Gateway<C>,
    wanted: &[Wanted],
    target: &str,
    platform: &Platform,
    image: &Ref,
) {
    let of_image = wanted.iter().filter(|one| one.target == target && one.platform == *platform);
    for one in of_image {
        let paths = one.tool.paths.iter().map(|path| is_missing(gateway, image, path));
        if join_all(paths).await.into_iter().all(|missing| missing) {
            let _ = gateway.warn(&one.warning).await;
        }
    }
}

/// Whether a lock has the digest of an image, by its name as written.
pub(crate) fn is_pinned(lock: Option<&Locked>, name: &str) -> bool {
    let image = name.parse::<ImageRef>().ok();
    image.is_some_and(|image| lock.is_some_and(|locked| locked.lock.pinned_image(&image).is_some()))
}

/// Whether there is surely nothing at a path.
async fn is_missing<C: Channel>(gateway: &Gateway<C>, image: &Ref, path: &str) -> bool {
    image.is_scratch() || gateway.stat_file(image, path).await.is_err_and(|error| error.is_absence())
}

fn warning(problem: &Problem, digest: &str, excerpts: &mut Excerpts<'_>) -> Warning {
    let named = |site: &Site| SourceInfo { filename: site.file.clone(), ..SourceInfo::default() };
    let source = problem.at.as_ref().map(|site| {
        let ranges = vec![range(site)];
        excerpts
            .source(&site.file, ranges.clone())
            .unwrap_or_else(|| Source { info: named(site), ranges })
    });
    let code = problem.code.map(|code| format!("{code}: ")).unwrap_or_default();
    let related = problem.related.iter().map(|(site, label)| format!("{site}: {label}"));
    let via = problem.via.iter().rev().map(|site| format!("in a preset called from {site}"));
    Warning {
        digest: digest.to_owned(),
        level: 1,
        short: format!("{code}{}", problem.message),
        detail: related.chain(via).chain(problem.help.clone()).collect(),
        url: problem.code.map(Code::page).unwrap_or_default(),
        source,
    }
}
