//! Offline: whether a build needs no source that is not pinned, and not on the daemon already.
//!
//! A daemon finds what it has of a pinned source by the pin: by the digest of an image and its platform, by a commit, by the
//! checksum of a file. So each one is asked for by its pin, at a place that has nothing: images in an OCI layout that no
//! session has, files at the session, which serves none, repositories at a port of the daemon's own machine on which nobody
//! listens. A daemon that has the source does not look there. One that does not have it, or has only begun to fetch
//! it, fails, whatever its network could have given. (BuildKit v0.34 `util/pull/pull.go`, `source/http/source.go`,
//! `source/git/source.go`.)

use buildkit_gateway::{Channel, Gateway, GatewayError, LayoutStore, SolveOptions};
use buildkit_llb::{
    FetchedFile, GitSource, GitUrl, Graph, HttpSource, ImageRef, ImageSource, Metadata, OciLayoutSource, Op,
    Platform,
};
use futures_util::future::join_all;
use stagewright_plan::check::{Checked, check};
use stagewright_plan::lock::{Lock, LockKey, Need, is_commit};
use stagewright_plan::lower::{self, Context, MAIN_CONTEXT, RemoteSource, images as images_of};
use stagewright_plan::{Problem, Problems, Site};

use super::contexts::ContextValue;
use super::{DriveError, Request, given};

/// The name of a layout that no session has.
const NOWHERE: &str = "offline";
/// A URL that a daemon asks the session for, which serves no files (BuildKit v0.34 `source/http/transport.go`).
const NO_FILE: &str = "http://buildkit-session/offline";
/// A repository on a port that is no service's.
const NO_REPOSITORY: &str = "http://127.0.0.1:1/offline.git";

const LOCK: &str = "run `lock` to pin it, or write its digest";
const SCANNER: &str = "name one that `lock` pins, `.sbom_by(\"IMAGE\")`, or one by its digest, \
                       `--sbom=generator=IMAGE@sha256:…`";
const FETCH: &str = "fetch it while online, with `lock --fetch`; a daemon keeps it until it needs the space";

/// What an offline build has to know.
#[derive(Clone, Debug)]
pub(crate) struct Offline {
    /// The session that is asked for what the daemon does not have.
    pub(crate) session: String,
    /// The images that the daemon runs by itself, to see what is in an image.
    pub(crate) scanners: Vec<String>,
}

/// Where sources are asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum At<'a> {
    /// Where there is nothing, so that the daemon must have them: at this session.
    Nowhere(&'a str),
    /// Where they are.
    Origin,
}

/// A source of a build.
pub(crate) struct Sought {
    /// What it is, and its name.
    what: String,
    at: Option<Site>,
    /// The op that has its content; or why there is none, and what would be right.
    by: Result<Op, Open>,
}

/// Why a source has no certain content, and what would be right.
type Open = (&'static str, &'static str);

/// Proves that the daemon has all that a build takes from elsewhere.
///
/// # Errors
///
/// Those that nothing pins, and those that the daemon does not have, all of them.
pub(super) async fn prove_all<C: Channel>(
    gateway: &Gateway<C>,
    request: &Request,
    offline: &Offline,
    plans: &[(&Platform, Checked<'_>)],
    targets: &[&str],
) -> Result<(), Problems> {
    let place = At::Nowhere(&offline.session);
    let mut all = sought(request, place, plans, targets);
    all.extend(scanners(request, place, &offline.scanners));
    ask(gateway, place, all).await
}

/// Lets the daemon fetch all that the targets of a request take from elsewhere, and the images that read and compile
/// its build file.
///
/// # Errors
///
/// Those that nothing pins, and those that cannot be had, all of them.
pub(crate) async fn fetch<C: Channel>(
    gateway: &Gateway<C>,
    request: &Request,
    frontends: &[Need],
) -> Result<(), DriveError> {
    let plans = request.plans.iter().map(|(platform, plan)| Ok((platform, check(plan)?)));
    let plans = plans.collect::<Result<Vec<_>, Problems>>()?;
    let targets: Vec<&str> = request.targets.iter().map(String::as_str).collect();
    let mut all = sought(request, At::Origin, &plans, &targets);
    let stages = plans.iter().flat_map(|(_, plan)| {
        let stage = |target: &&str| plan.plan().stage(&plan.plan().target(target)?.stage);
        targets.iter().filter_map(stage)
    });
    let generators = stages.filter_map(|stage| stage.runtime.attests.sbom.as_ref()?.generator.clone());
    all.extend(scanners(request, At::Origin, &generators.collect::<Vec<_>>()));
    let none = Lock::default();
    let lock = request.lock.as_ref().map_or(&none, |locked| &locked.lock);
    // What is no image's name is told by who pulls it.
    let images = frontends.iter().filter_map(|need| Some((need.asked.parse().ok()?, &need.at)));
    all.extend(
        images.map(|(image, at)| image_in(lock, &image, &request.build_platform, At::Origin, Some(at))),
    );
    Ok(ask(gateway, At::Origin, all).await?)
}

/// The sources of these targets.
fn sought(
    request: &Request,
    place: At<'_>,
    plans: &[(&Platform, Checked<'_>)],
    targets: &[&str],
) -> Vec<Sought> {
    let none = Lock::default();
    let lock = request.lock.as_ref().map_or(&none, |locked| &locked.lock);
    let mut all = Vec::new();
    for (platform, plan) in plans {
        let given = given::keys(&request.contexts, plan.plan(), platform, &request.build_platform);
        for (image, at) in images_of(plan, targets, platform, &request.build_platform, &given) {
            all.push(image_in(lock, &image.reference, &image.platform, place, Some(at)));
        }
        for remote in lower::remotes(plan, targets, &given, lock) {
            let (what, at) = (remote.key.to_string(), Some(remote.at.clone()));
            let by = match remote.source {
                RemoteSource::Git(source) => git(*source, place),
                RemoteSource::Http(source) => http(*source, place),
            };
            all.push(Sought { what, at, by });
        }
        for context in lower::contexts(plan, targets, &given) {
            let asked = given::asked(&request.contexts, &context, platform, &request.build_platform);
            let Some(asked) = asked else { continue };
            let own = &request.contexts[asked.index];
            let by = match &own.value {
                ContextValue::Image(image) => {
                    let platform = asked.platform.as_ref().unwrap_or(platform);
                    let own = image_in(lock, image, platform, place, None);
                    own.by.map_err(|(why, _)| (why, "write its digest"))
                }
                ContextValue::Known(Context::Git(source)) if own.name == MAIN_CONTEXT => {
                    git(given::main_git(source, &request.settings), place)
                }
                ContextValue::Known(Context::Git(source)) => git((**source).clone(), place),
                ContextValue::Http { .. } => {
                    Err(("is what a server answers, and nothing pins that", "give it as a directory"))
                }
                ContextValue::Local(_) | ContextValue::OciLayout { .. } | ContextValue::Known(_) => continue,
            };
            let what = format!("context `{}`", own.name);
            all.push(Sought { what, at: Some(context.at.clone()), by });
        }
    }
    all
}

/// Images that the daemon runs by itself.
fn scanners(request: &Request, place: At<'_>, names: &[String]) -> Vec<Sought> {
    let none = Lock::default();
    let lock = request.lock.as_ref().map_or(&none, |locked| &locked.lock);
    // What is no image's name is told by who pulls it.
    let images = names.iter().filter_map(|name| name.parse().ok());
    let scanner = |image| {
        let own = image_in(lock, &image, &request.build_platform, place, None);
        let by = own.by.map_err(|(why, _)| (why, SCANNER));
        Sought { what: format!("{}, which makes the SBOM,", own.what), by, ..own }
    };
    images.map(scanner).collect()
}

/// An image, pinned by its own name or by a lock.
pub(crate) fn image_in(
    lock: &Lock,
    image: &ImageRef,
    platform: &Platform,
    place: At<'_>,
    at: Option<&Site>,
) -> Sought {
    let what = LockKey::image(image).map_or_else(|| format!("image `{image}`"), |(key, _)| key.to_string());
    let pinned = if image.digest().is_some() { Some(image.clone()) } else { lock.pinned_image(image) };
    let by = match (pinned, place) {
        (None, _) => Err(("is not pinned", LOCK)),
        (Some(pinned), At::Origin) => Ok(ImageSource::new(pinned, platform.clone()).into()),
        (Some(pinned), At::Nowhere(session)) => {
            let mut source = OciLayoutSource::new(pinned.to_string(), platform.clone());
            session.clone_into(&mut source.session);
            NOWHERE.clone_into(&mut source.store);
            Ok(source.into())
        }
    };
    Sought { what: format!("{what} for {platform}"), at: at.cloned(), by }
}

/// The layout from which the config of an image is asked for: it is had from what the daemon has.
pub(super) fn layout(session: &str) -> LayoutStore {
    LayoutStore { session: session.to_owned(), store: NOWHERE.to_owned() }
}

fn git(source: GitSource, place: At<'_>) -> Result<Op, Open> {
    if is_commit(&source.git_ref) || (source.fetch_by_commit && is_commit(&source.checksum)) {
        if let At::Origin = place {
            return Ok(source.into());
        }
        let url: GitUrl = NO_REPOSITORY.parse().expect("it is a URL");
        return Ok(GitSource { url, ssh_agent: String::new(), known_ssh_hosts: Vec::new(), ..source }.into());
    }
    if source.checksum.is_empty() {
        return Err(("is not pinned", "run `lock` to pin it, or write the commit in place of its ref"));
    }
    let why = "is asked what its ref means, to compare that with the commit";
    Err((why, "write the commit in place of the ref"))
}

fn http(source: HttpSource, place: At<'_>) -> Result<Op, Open> {
    if source.checksum.is_none() {
        return Err(("is not pinned", LOCK));
    }
    if let At::Origin = place {
        return Ok(source.into());
    }
    let name = match source.file.name.as_str() {
        "" => source.shown().rsplit('/').next().unwrap_or_default().to_owned(),
        name => name.to_owned(),
    };
    let file = FetchedFile { name, ..source.file };
    Ok(HttpSource { url: NO_FILE.to_owned(), file, ..source }.into())
}

/// Asks the daemon for all of these, and all that is in them.
///
/// # Errors
///
/// Those that nothing pins, and those that are not there, all of them. If the daemon cannot be asked, that is told by the
/// solve that this is part of.
pub(crate) async fn ask<C: Channel>(
    gateway: &Gateway<C>,
    place: At<'_>,
    sought: Vec<Sought>,
) -> Result<(), Problems> {
    let asked = sought.into_iter().map(async |Sought { what, at, by }| {
        let problem = match by {
            Err((why, help)) => Problem::new(format!("{what} {why}")).help(help),
            Ok(op) => match (has(gateway, op, &what).await, place) {
                (Ok(()), _) => return None,
                (Err(error), At::Nowhere(_)) if is_nowhere(&error) => {
                    Problem::new(format!("{what} is not on the daemon")).help(FETCH)
                }
                (Err(error), At::Nowhere(_)) => {
                    Problem::new(format!("whether {what} is on the daemon cannot be told: {error}"))
                }
                (Err(error), At::Origin) => Problem::new(format!("{what} cannot be fetched: {error}")),
            },
        };
        Some(match &at {
            Some(at) => problem.at(at).label("named here"),
            None => problem,
        })
    });
    Problems::none_of(join_all(asked).await.into_iter().flatten().collect())
}

/// Whether the daemon looked where there is nothing, so that it does not have what was asked for. It hands on what it was
/// told there: by a session that has no such layout, by one that serves no layouts or files, by git.
fn is_nowhere(error: &GatewayError) -> bool {
    let (layout, repository) =
        (format!("no store \"oci:{NOWHERE}\""), format!("fetch remote {NO_REPOSITORY}"));
    [layout.as_str(), "Unimplemented", &repository]
        .iter()
        .any(|told| error.message().contains(told))
}

async fn has<C: Channel>(gateway: &Gateway<C>, op: Op, what: &str) -> Result<(), GatewayError> {
    let wrong = |error: buildkit_llb::OpError| GatewayError::new(error.to_string());
    let mut graph = Graph::new();
    let op = graph.add(op, Metadata::named(format!("look into {what}"))).map_err(wrong)?;
    let definition = graph.definition(Some(op.root())).map_err(wrong)?;
    let found = gateway.solve(&definition, &SolveOptions::default()).await?;
    if found.is_scratch() {
        return Ok(());
    }
    // An image is known before its layers are there: to look into it takes them all.
    gateway.stat_file(&found, "/").await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_is_found_by_its_commit_alone() {
        let commit = "0123456789".repeat(4);
        let check = |fragment: &str, checksum: &str, expected: &str| {
            let url: GitUrl = format!("git@example.com:tools.git{fragment}").parse().unwrap();
            let source = GitSource { checksum: checksum.to_owned(), ..GitSource::new(url) };
            let found = git(source, At::Nowhere("")).map_or_else(|(why, _)| why.to_owned(), printed);
            assert!(found.contains(expected), "{fragment} {checksum}: {found}");
        };
        check("#main", "", "is not pinned");
        check("#main", &commit, "is asked what its ref means");
        check(&format!("#{commit}:docs"), "", &format!("git://127.0.0.1:1/offline.git#{commit}:docs"));
        check(&format!("#{commit}"), &commit, &commit);
    }

    #[test]
    fn a_file_keeps_its_name() {
        let mut source = HttpSource::new("https://example.com/tools/a.tar?b");
        assert_eq!(http(source.clone(), At::Origin).unwrap_err().0, "is not pinned");
        source.checksum = Some(format!("sha256:{}", "a".repeat(64)).parse().unwrap());
        let text = printed(http(source, At::Nowhere("")).unwrap());
        assert!(text.contains(NO_FILE) && text.contains("a.tar") && !text.contains("example.com"), "{text}");
    }

    fn printed(op: Op) -> String {
        let mut graph = Graph::new();
        let op = graph.add(op, Metadata::default()).unwrap();
        graph.definition(Some(op.root())).unwrap().to_string()
    }
}
