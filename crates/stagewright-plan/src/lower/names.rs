//! What people read about an op in progress and errors, in the form that docker/dockerfile made familiar.

use buildkit_llb::{ImageRef, Platform};

use crate::plan::{Action, Command, Origin, Stage};

/// An image; with its platform, if there are several.
pub(super) fn image(stage: &str, reference: &ImageRef, platform: Option<&Platform>) -> String {
    format!("[{}{stage}] FROM {reference}", prefix(platform))
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

/// A step, by its position among the stage's; with its platform, if there are several.
pub(super) fn step(stage: &Stage, position: usize, platform: Option<&Platform>) -> String {
    format!(
        "[{}{} {}/{}] {}",
        prefix(platform),
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
        },
        Action::Env { name, value } => format!("ENV {name}={value}"),
        Action::Workdir { path } => format!("WORKDIR {path}"),
        Action::User { user } => format!("USER {user}"),
        Action::Mkdir { path, .. } => format!("MKDIR {path}"),
        Action::File { path, .. } => format!("FILE {path}"),
    }
}

/// A list of words as JSON.
pub(super) fn json(words: &[String]) -> String {
    serde_json::to_string(words).expect("a list of texts is JSON")
}

fn prefix(platform: Option<&Platform>) -> String {
    platform.map(|platform| format!("{} ", platform.id())).unwrap_or_default()
}
