//! What people read about an op in progress and errors, in the form that docker/dockerfile made familiar.

use buildkit_llb::ImageRef;

use crate::plan::{Action, Command, Origin, Stage};

/// An image.
pub(super) fn image(stage: &str, reference: &ImageRef) -> String {
    format!("[{stage}] FROM {reference}")
}

/// A context.
pub(super) fn context(name: &str) -> String {
    match name {
        "context" => "[internal] load build context".to_owned(),
        name => format!("[context {name}] load from client"),
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

/// A step, by its position among the stage's.
pub(super) fn step(stage: &Stage, position: usize) -> String {
    format!(
        "[{} {}/{}] {}",
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
