//! The sources that a build needs, by the names under which they are locked.

use std::collections::{BTreeMap, BTreeSet};

use buildkit_llb::{GitSource, HttpSource, ImageRef, Platform};

use super::ContextKey;
use super::remote::{git_source, http_source};
use super::world::needs;
use crate::check::Checked;
use crate::lock::{Lock, LockKey, Need};
use crate::plan::{Origin, Stage};
use crate::site::Site;

/// The images, repositories and files of web servers that these targets need, each once, in the order of a lock. Those that
/// a given context stands in for are not among them, nor images that are named by their digest alone.
#[must_use]
pub fn sources(
    checked: &Checked<'_>,
    targets: &[&str],
    platform: &Platform,
    build_platform: &Platform,
    given: &BTreeSet<ContextKey>,
) -> Vec<Need> {
    let needs = needs(checked, targets, platform, build_platform, given);
    // One source may be written with its digest here and without it there: each is judged.
    let mut found: BTreeMap<(LockKey, Option<String>), Need> = BTreeMap::new();
    let mut add = |need: Need| {
        found.entry((need.key.clone(), need.written.clone())).or_insert(need);
    };
    for (request, at) in needs.images {
        if let Some((key, written)) = LockKey::image(&request.reference) {
            let asked = request.reference.to_string();
            add(Need { key, asked, written, platform: Some(request.platform), at: at.clone() });
        }
    }
    // The daemon runs a scanner beside the build.
    let images = targets
        .iter()
        .filter_map(|name| checked.plan().stage(&checked.plan().target(name)?.stage));
    for (stage, generator) in images.filter_map(|stage| Some((stage, generator(stage)?))) {
        if let Some((key, written)) = LockKey::image(&generator) {
            let platform = Some(build_platform.clone());
            add(Need { key, asked: generator.to_string(), written, platform, at: stage.at.clone() });
        }
    }
    for (origin, at) in needs.remotes {
        let (key, asked, written) = match origin {
            Origin::Git(git) => (git.lock_key(), git.url.clone(), git.written_commit()),
            Origin::Http(http) => (LockKey::http(&http.url), http.url.clone(), http.checksum.clone()),
            _ => continue,
        };
        add(Need { key, asked, written, platform: None, at: at.clone() });
    }
    found.into_values().collect()
}

/// A repository or a file of a web server, as a build fetches it.
#[derive(Clone, Debug)]
pub struct Remote<'a> {
    /// The name under which it is locked.
    pub key: LockKey,
    /// What is fetched, by its pin if there is one.
    pub source: RemoteSource,
    /// Where it is named first.
    pub at: &'a Site,
}

/// What is fetched.
#[derive(Clone, Debug)]
pub enum RemoteSource {
    /// A repository.
    Git(Box<GitSource>),
    /// A file of a web server.
    Http(Box<HttpSource>),
}

/// The repositories and files of web servers that these targets fetch, held against a lock. Those that a given context
/// stands in for are not among them.
#[must_use]
pub fn remotes<'a>(
    checked: &Checked<'a>,
    targets: &[&str],
    given: &BTreeSet<ContextKey>,
    lock: &Lock,
) -> Vec<Remote<'a>> {
    // They are the same for every platform.
    let any = Platform::new("linux", "amd64");
    let needs = needs(checked, targets, &any, &any, given).remotes;
    let remotes = needs.into_iter().filter_map(|(origin, at)| {
        let (key, source) = match origin {
            Origin::Git(git) => (git.lock_key(), RemoteSource::Git(Box::new(git_source(git, lock)))),
            Origin::Http(http) => {
                (LockKey::http(&http.url), RemoteSource::Http(Box::new(http_source(http, lock))))
            }
            _ => return None,
        };
        Some(Remote { key, source, at })
    });
    remotes.collect()
}

/// The scanner that an image names.
fn generator(stage: &Stage) -> Option<ImageRef> {
    stage.runtime.attests.sbom.as_ref()?.generator.as_ref()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use buildkit_llb::Graph;

    use super::*;
    use crate::check::check;
    use crate::lock::Lock;
    use crate::lower::{World, context_name, lower};
    use crate::plan::OnPlatform;
    use crate::{Build, Scratch, Targets, plan};

    fn needed(plan: &crate::Plan, given: &[&str]) -> Vec<String> {
        let platform = Platform::new("linux", "amd64");
        let given = given
            .iter()
            .map(|name| ContextKey { name: context_name(name), on: OnPlatform::Target });
        let checked = check(plan).unwrap();
        sources(&checked, &["app"], &platform, &platform, &given.collect())
            .into_iter()
            .map(|need| format!("{} {:?} {}", need.key, need.written, need.at.line > 0))
            .collect()
    }

    #[test]
    fn a_target_needs_what_it_reaches() {
        let commit = "a".repeat(40);
        let build = |b: &Build, (): ()| {
            let digest = format!("sha256:{}", "b".repeat(64));
            let pinned = b.git(format!("https://example.com/p#{commit}"));
            let app = b
                .runtime("app", "node:18-slim")
                .copy(b.git("https://example.com/a.git#v1:docs").all(), "docs/")
                .copy(b.git("https://example.com/a.git#v1:src").all(), "src/")
                .copy(pinned.all(), "p/")
                .copy(b.http("https://example.com/tool").checksum(&digest), "/tool")
                .copy(b.image(format!("busybox:1@{digest}")).file("/bin/sh"), "/sh");
            let app = app.sbom_by("scanner:1");
            let other = b.runtime("other", "debian:12");
            Targets::new().product(app).product(other)
        };
        let plan = plan(build, &[]).unwrap();
        assert_eq!(
            needed(&plan, &[]),
            [
                format!("image `busybox:1` Some(\"sha256:{}\") true", "b".repeat(64)),
                "image `node:18-slim` None true".to_owned(),
                "image `scanner:1` None true".to_owned(),
                "repository `https://example.com/a.git#v1` None true".to_owned(),
                format!("repository `https://example.com/p#{commit}` Some(\"{commit}\") true"),
                format!("file `https://example.com/tool` Some(\"sha256:{}\") true", "b".repeat(64)),
            ]
        );
        let given = needed(&plan, &["node:18-slim"]);
        assert!(!given.iter().any(|need| need.contains("node")), "{given:?}");
    }

    #[test]
    fn a_locked_source_is_fetched_by_its_pin() {
        let build = |b: &Build, (): ()| {
            let app = b
                .runtime("app", Scratch)
                .copy(b.git("https://example.com/a.git#v1:docs").all(), "docs/")
                .copy(b.http("https://example.com/tool"), "/tool");
            Targets::new().product(app)
        };
        let plan = plan(build, &[]).unwrap();
        let mut lock = Lock::default();
        lock.pin(LockKey::Git("https://example.com/a.git#v1".to_owned()), "c".repeat(40));
        lock.pin(LockKey::Http("https://example.com/tool".to_owned()), format!("sha256:{}", "d".repeat(64)));
        let world = World { lock, ..World::new(Platform::new("linux", "amd64")) };
        let lowered = lower(&check(&plan).unwrap(), &["app"], &world).unwrap();
        let text = printed(&lowered.graph, lowered.targets[0].output);
        let commit = "c".repeat(40);
        assert!(text.contains(&format!("git://example.com/a.git#{commit}:docs")), "{text}");
        assert_eq!(text.matches(&commit).count(), 2, "{text}");
        assert!(text.contains(&format!("sha256:{}", "d".repeat(64))), "{text}");
    }

    fn printed(graph: &Graph, output: Option<buildkit_llb::Output>) -> String {
        graph.definition(output).unwrap().to_string()
    }
}
