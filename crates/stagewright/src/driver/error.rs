//! Why a build is given up before the daemon ends it.

use std::sync::Arc;

use buildkit_gateway::{GatewayError, Unsupported};
use buildkit_llb::{OpError, Platform};
use buildkit_patterns::ignore::IgnoreError;
use buildkit_patterns::pattern::PatternError;
use stagewright_plan::{Problem, Problems, Site};

/// Why a build is given up before the daemon ends it.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DriveError {
    /// The daemon does not say what it can do.
    #[error("the daemon does not say what it can do: {0}")]
    Ping(#[source] GatewayError),
    /// An image cannot be had.
    #[error("image `{name}` for {platform}: {source}")]
    Image {
        /// Its full name.
        name: String,
        /// The platform that was asked for.
        platform: Box<Platform>,
        /// Where it is named first.
        at: Site,
        /// What the daemon or the registry tells.
        source: Box<GatewayError>,
    },
    /// An image has a config that does not read.
    #[error("image `{name}` has a config that does not read: {source}")]
    ImageConfig {
        /// Its full name.
        name: String,
        /// Where it is named first.
        at: Site,
        /// Why.
        source: Arc<serde_json::Error>,
    },
    /// It cannot be found out what a source is.
    #[error("{what}: {source}")]
    Source {
        /// What it is, and its name.
        what: String,
        /// Where it is named first.
        at: Site,
        /// What the daemon or the source's server tells.
        source: Box<GatewayError>,
    },
    /// A context cannot be had.
    #[error("context `{context}`: {source}")]
    Context {
        /// The context's name.
        context: String,
        /// What the daemon tells.
        source: GatewayError,
    },
    /// The ignore file of a context cannot be had. A build without it could take in what must stay out.
    #[error("the {file} of context `{context}` cannot be read: {source}")]
    Ignore {
        /// The context's name.
        context: String,
        /// The file.
        file: String,
        /// What the daemon tells.
        source: GatewayError,
    },
    /// The ignore file of a context is no text.
    #[error("the {file} of context `{context}`: {source}")]
    IgnoreText {
        /// The context's name.
        context: String,
        /// The file.
        file: String,
        /// Why.
        source: IgnoreError,
    },
    /// The ignore file of a context has a line that means nothing.
    #[error("the {file} of context `{context}`: {source}")]
    IgnorePattern {
        /// The context's name.
        context: String,
        /// The file.
        file: String,
        /// Which, and why.
        source: PatternError,
    },
    /// Caches are given, and the daemon takes none from a frontend.
    #[error("caches cannot be imported: {0}")]
    CacheImports(#[source] Unsupported),
    /// The Plan does not hold together.
    #[error(transparent)]
    Problems(#[from] Problems),
    /// The Plan cannot be built in this world.
    #[error("{}", .0.message)]
    Plan(Box<Problem>),
    /// An op that no daemon would take.
    #[error(transparent)]
    Op(#[from] OpError),
    /// A step of the target failed.
    #[error(transparent)]
    Target(GatewayError),
    /// A gate failed.
    #[error("gate `{gate}`: {source}")]
    Gate {
        /// The tester's name.
        gate: String,
        /// What the daemon tells.
        source: GatewayError,
    },
    /// A secret stands in what was built, or that cannot be found out.
    #[cfg(feature = "client")]
    #[error(transparent)]
    Audit(Arc<crate::builder::AuditError>),
}

impl DriveError {
    /// What the daemon said, if it was the daemon.
    #[must_use]
    pub fn daemon(&self) -> Option<&GatewayError> {
        match self {
            Self::Image { source, .. } | Self::Source { source, .. } => Some(source),
            Self::Ping(source)
            | Self::Context { source, .. }
            | Self::Ignore { source, .. }
            | Self::Target(source)
            | Self::Gate { source, .. } => Some(source),
            Self::ImageConfig { .. }
            | Self::IgnoreText { .. }
            | Self::IgnorePattern { .. }
            | Self::CacheImports(_)
            | Self::Problems(_)
            | Self::Plan(_)
            | Self::Op(_) => None,
            #[cfg(feature = "client")]
            Self::Audit(error) => error.daemon(),
        }
    }

    /// All that is wrong with the program, or with what it is held against.
    #[must_use]
    pub fn problems(&self) -> Option<Problems> {
        match self {
            Self::Problems(problems) => Some(problems.clone()),
            _ => self.problem().map(Problems::from),
        }
    }

    /// What is wrong with the program, if it is about a place in it.
    #[must_use]
    pub fn problem(&self) -> Option<Problem> {
        match self {
            Self::Plan(problem) => Some(problem.as_ref().clone()),
            Self::Image { at, .. } | Self::Source { at, .. } | Self::ImageConfig { at, .. } => {
                Some(Problem::new(self.to_string()).at(at).label("named here"))
            }
            _ => None,
        }
    }
}

/// What the daemon is told. Its own errors go back with their details.
impl From<&DriveError> for GatewayError {
    fn from(error: &DriveError) -> Self {
        match (error.daemon(), error) {
            (Some(own), DriveError::Target(_)) => own.clone(),
            // What it was about is known here only.
            (Some(own), other) => own.clone().with_message(other.to_string()),
            (None, DriveError::Plan(problem)) => Self::new(problem.to_string()),
            (None, other) => Self::new(other.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use buildkit_gateway::errdefs::Source;

    use super::*;

    #[test]
    fn the_daemon_is_told_what_its_error_was_about() {
        let source = GatewayError::new("exit code: 7").with_source(&Source::default());
        let target = GatewayError::from(&DriveError::Target(source.clone()));
        assert_eq!((target.message(), target.sources().len()), ("exit code: 7", 1));
        let gate = DriveError::Gate { gate: "unit".to_owned(), source: source.clone() };
        let told = GatewayError::from(&gate);
        assert_eq!((told.message(), told.sources().len()), ("gate `unit`: exit code: 7", 1));
        let context = DriveError::Context { context: "code".to_owned(), source };
        assert_eq!(GatewayError::from(&context).message(), "context `code`: exit code: 7");
    }
}
