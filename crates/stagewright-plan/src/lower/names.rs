//! What people read about an op in progress and errors, in the form that docker/dockerfile made familiar.

use buildkit_llb::{GitUrl, HttpSource, ImageRef, Platform};

use crate::plan::{Action, Command, Origin, Stage};

/// An image; with its platform, if there are several.
pub(super) fn image(stage: &str, reference: &ImageRef, platform: Option<&Platform>) -> String {
    format!("[{}{stage}] FROM {reference}", prefix(platform))
}

/// What is fetched for a stage.
pub(super) fn remote(stage: &str, from: &str) -> String {
    format!("[{stage}] fetch {from}")
}

/// A repository, without user name and password.
pub(super) fn repository(url: &GitUrl) -> String {
    format!("{}/{}", url.host(), url.path().trim_start_matches('/'))
}

/// What lays a linked copy over what is below it.
pub(super) fn link(step: &str) -> String {
    match step.split_once("] ") {
        Some((prefix, action)) => format!("{prefix}] LINK {action}"),
        None => format!("LINK {step}"),
    }
}

/// The verdict on a command.
pub(super) fn verdict(step: &str) -> String {
    match step.split_once("] ") {
        Some((prefix, action)) => format!("{prefix}] VERDICT {action}"),
        None => format!("VERDICT {step}"),
    }
}

/// A gate.
pub(super) fn gate<'a>(stage: &str, testers: impl Iterator<Item = &'a str>) -> String {
    format!("[{stage}] gated by {}", testers.collect::<Vec<_>>().join(", "))
}

/// The order of testers.
pub(super) fn order<'a>(stage: &str, testers: impl Iterator<Item = &'a str>) -> String {
    format!("[{stage}] after {}", testers.collect::<Vec<_>>().join(", "))
}

/// An empty filesystem.
pub(super) fn empty(stage: &str) -> String {
    format!("[{stage}] empty filesystem")
}

/// A report of a tester.
pub(super) fn reports(stage: &str) -> String {
    format!("[{stage}] reports")
}

/// A step, by its position among the stage's; if there are several platforms, with the one that it runs on, and the one
/// that it is for unless it is for all.
pub(super) fn step(
    stage: &Stage,
    position: usize,
    platforms: Option<(&Platform, Option<&Platform>)>,
) -> String {
    let platforms = platforms.map(|(on, target)| {
        let target = target.map(|target| for_other(on, target));
        format!("{}{} ", on.id(), target.unwrap_or_default())
    });
    format!(
        "[{}{} {}/{}] {}",
        platforms.unwrap_or_default(),
        stage.name,
        position + 1,
        stage.steps.len(),
        action(&stage.steps[position].action)
    )
}

/// What a step does, as in an image's history.
pub(super) fn action(action: &Action) -> String {
    match action {
        Action::Copy(copy) => {
            let from = match &copy.from {
                Origin::Git(git) => {
                    let source = git.source().expect("a checked Plan has git URLs only");
                    format!("--from={} ", repository(&source.url))
                }
                Origin::Http(http) => {
                    return format!("ADD {} {}", HttpSource::new(&http.url).shown(), copy.to);
                }
                Origin::Reports(name) | Origin::Root(name) => format!("--from={name} "),
                Origin::Context(name) if name == "context" => String::new(),
                Origin::Context(name) | Origin::Stage(name) => format!("--from={name} "),
                Origin::Image(image) => format!("--from={} ", image.name),
                Origin::Scratch => "--from=scratch ".to_owned(),
            };
            format!("COPY {from}{} {}", copy.paths.join(" "), copy.to)
        }
        Action::Run(run) => match &run.command {
            Command::Shell(line) => format!("RUN {}", line.trim()),
            Command::Argv(arguments) => format!("RUN {}", json(arguments)),
            Command::Script { interpreter, text } => {
                format!("RUN {} {}", interpreter.join(" "), text.trim())
            }
        },
        Action::Env { name, value } => format!("ENV {name}={value}"),
        Action::Workdir { path } => format!("WORKDIR {path}"),
        Action::User { user } => format!("USER {user}"),
        Action::AddUser(user) => format!("ADDUSER {} {}", user.name, user.id),
        Action::Mkdir { path, .. } => format!("MKDIR {path}"),
        Action::File { path, .. } => format!("FILE {path}"),
        Action::Remove { path, .. } => format!("REMOVE {path}"),
        Action::Symlink { target, path } => format!("SYMLINK {target} {path}"),
    }
}

/// A list of words as JSON.
pub(super) fn json(words: &[String]) -> String {
    serde_json::to_string(words).expect("a list of texts is JSON")
}

/// What a step is for that runs on another platform: without it steps for several platforms have one name.
///
/// Source: BuildKit v0.33.1 `frontend/dockerfile/dockerfile2llb/convert.go`, `formatTargetPlatform`, which says so where
/// a stage declares an arg with the platform's name. It says nothing of a variant of the same architecture.
fn for_other(on: &Platform, target: &Platform) -> String {
    let (on, target) = (on.normalized(), target.normalized());
    let id = target.id();
    match id.split_once('/') {
        _ if on.id() == id => String::new(),
        Some((os, rest)) if os == on.os => format!("->{rest}"),
        _ => format!("->{id}"),
    }
}

fn prefix(platform: Option<&Platform>) -> String {
    platform.map(|platform| format!("{} ", platform.id())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_on_one_platform_says_what_other_it_is_for() {
        let said = |on: Platform, target: Platform| for_other(&on, &target);
        let amd64 = || Platform::new("linux", "amd64");
        assert_eq!(said(amd64(), amd64()), "");
        assert_eq!(said(amd64(), Platform::new("linux", "386")), "->386");
        assert_eq!(said(amd64(), Platform::new("linux", "arm").with_variant("v7")), "->arm/v7");
        assert_eq!(said(amd64(), Platform::new("windows", "amd64")), "->windows/amd64");
    }
}
