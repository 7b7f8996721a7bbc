//! Where stages start, and what files are taken from.

use stagewright_plan::problem::nearest;
use stagewright_plan::{Problem, plan};

use super::Making;
use super::step::optional;
use crate::form::{Http, Image, OnPlatform, Origin, PlatformRole, Start};
use crate::read::At;
use crate::tree::Place;

/// The context that a build is always given.
const CONTEXT: &str = "context";

impl Making<'_> {
    pub(super) fn start(&self, start: &At<Start>) -> plan::Origin {
        match &start.value {
            Start::Name(name) => self.named(start.place, name),
            Start::Image(from) => image(from),
        }
    }

    /// What files are taken from: the context, unless it is said.
    pub(super) fn origin(&self, origin: Option<&At<Origin>>) -> plan::Origin {
        let Some(origin) = origin else {
            return plan::Origin::Context(CONTEXT.to_owned());
        };
        match &origin.value {
            Origin::Name(name) => self.named(origin.place, name),
            Origin::Image(from) => image(from),
            Origin::Context(context) => plan::Origin::Context(context.context.clone()),
            Origin::Git(git) => plan::Origin::Git(plan::Git {
                url: git.git.clone(),
                checksum: optional(git.checksum.as_ref()),
                keep_git_dir: git.keep_git_dir.0,
            }),
            Origin::Reports(from) => {
                self.known(from.reports.place, &from.reports.value);
                plan::Origin::Reports(from.reports.value.clone())
            }
            Origin::Root(from) => {
                self.known(from.root.place, &from.root.value);
                plan::Origin::Root(from.root.value.clone())
            }
        }
    }

    /// A file of a web server, and its path there. It has no other origin.
    pub(super) fn download(&self, http: &Http, from: Option<&At<Origin>>) -> (plan::Origin, String) {
        if let Some(from) = from {
            let problem = Problem::new("a file of a web server is taken from nothing else");
            self.findings.note(from.place, problem.help("leave `from` out"));
        }
        let http = plan::Http { url: http.http.clone(), checksum: optional(http.checksum.as_ref()) };
        let path = http.file_name().to_owned();
        (plan::Origin::Http(http), path)
    }

    /// Notes a URL where a path is expected.
    pub(super) fn no_url(&self, place: Place, path: &str) {
        if path.starts_with("http://") || path.starts_with("https://") {
            let problem = Problem::new(format!("`{path}` is a URL, not a path"));
            self.findings
                .note(place, problem.help(format!("a file of a web server is `{{ http: {path} }}`")));
        }
    }

    /// What a bare name means: an image has `:`, `/` or `@` in its name, a stage never has.
    fn named(&self, place: Place, name: &str) -> plan::Origin {
        if name == "scratch" {
            return plan::Origin::Scratch;
        }
        if name.contains("://") {
            let problem = Problem::new(format!("`{name}` is a URL, not an image or a stage"));
            self.findings
                .note(place, problem.help(format!("a repository, to copy from, is `{{ git: {name} }}`")));
            let git = plan::Git { url: name.to_owned(), checksum: None, keep_git_dir: false };
            return plan::Origin::Git(git);
        }
        if !name.contains([':', '/', '@']) {
            if let Some(problem) = self.unknown(name) {
                let problem = match problem.help {
                    Some(_) => problem,
                    None => problem
                        .help(format!("an image has a tag, `{name}:…`, or is written `{{ image: {name} }}`")),
                };
                self.findings.note(place, problem);
            }
            return plan::Origin::Stage(name.to_owned());
        }
        plan::Origin::Image(plan::Image { name: name.to_owned(), on: plan::OnPlatform::Target })
    }

    /// Notes a stage that is not there, where only a stage can stand.
    pub(super) fn known(&self, place: Place, name: &str) {
        if let Some(problem) = self.unknown(name) {
            self.findings.note(place, problem);
        }
    }

    fn unknown(&self, name: &str) -> Option<Problem> {
        if self.index.contains_key(name) {
            return None;
        }
        let problem = Problem::new(format!("there is no stage `{name}`"));
        Some(match nearest(name, self.index.keys().copied()) {
            Some(near) => problem.help(format!("did you mean `{near}`?")),
            None => problem,
        })
    }
}

fn image(from: &Image) -> plan::Origin {
    let on = match &from.on {
        None | Some(OnPlatform::Role(PlatformRole::Target)) => plan::OnPlatform::Target,
        Some(OnPlatform::Role(PlatformRole::Build)) => plan::OnPlatform::Build,
        Some(OnPlatform::Named(platform)) => plan::OnPlatform::Named(platform.0.clone()),
    };
    plan::Origin::Image(plan::Image { name: from.image.clone(), on })
}
