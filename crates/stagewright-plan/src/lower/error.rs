//! Why a Plan cannot be lowered for this world.

use buildkit_llb::OpError;

use super::Unsupported;
use crate::plan::Plan;
use crate::problem::{Problem, nearest};
use crate::site::Site;

/// Why a Plan cannot be lowered for this world.
#[derive(Debug, thiserror::Error)]
pub enum LowerError {
    /// A target that the Plan does not have.
    #[error("there is no target `{name}`: the targets are {}", known.join(", "))]
    Target {
        /// The name.
        name: String,
        /// The names that there are.
        known: Vec<String>,
    },
    /// A context that was not given.
    #[error("the build reads context `{name}`, which is not given")]
    Context {
        /// Its name.
        name: String,
        /// The step that reads it.
        site: Site,
    },
    /// An image of which the world says nothing.
    #[error("image `{name}` was not resolved")]
    Image {
        /// Its name as written.
        name: String,
        /// Where it is used.
        site: Site,
    },
    /// An image of another platform.
    #[error("image `{name}` is for {found}, not for {wanted}")]
    Platform {
        /// Its name as written.
        name: String,
        /// The platform asked for.
        wanted: String,
        /// The platform in its config.
        found: String,
        /// Where it is used.
        site: Site,
    },
    /// Testers that wait for other testers, on a daemon that cannot express it.
    #[error(
        "tester `{stage}` waits for other testers, and the daemon cannot order them: it lacks `passthroughop`"
    )]
    Order {
        /// The tester that waits.
        stage: String,
        /// Where that was demanded.
        site: Site,
    },
    /// Reports that are taken whatever the verdict, on a daemon that keeps nothing of what fails.
    #[error(
        "the reports of tester `{tester}` are taken here also when it fails, and the daemon keeps nothing of a step \
         that fails: it lacks `exec.validexitcode`"
    )]
    Reports {
        /// The tester.
        tester: String,
        /// Where they are taken.
        site: Site,
    },
    /// A step that needs more than the daemon can do.
    #[error("the daemon cannot do this step: it lacks the capability `{cap}`")]
    Cap {
        /// The capability.
        cap: String,
        /// The step.
        site: Site,
    },
    /// A setting that needs more than the daemon can do.
    #[error(transparent)]
    Setting(#[from] Unsupported),
    /// What no daemon would do.
    #[error("{source}")]
    Op {
        /// Why.
        source: OpError,
        /// The step.
        site: Site,
    },
}

impl LowerError {
    pub(super) fn unknown_target(plan: &Plan, name: &str) -> Self {
        let known = plan.targets.iter().map(|target| target.name.clone()).collect();
        Self::Target { name: name.to_owned(), known }
    }
}

impl From<LowerError> for Problem {
    fn from(error: LowerError) -> Self {
        let message = error.to_string();
        match error {
            LowerError::Target { name, known } => {
                let problem = Self::new(format!("there is no target `{name}`"));
                match nearest(&name, known.iter().map(String::as_str)) {
                    Some(near) => problem.help(format!("did you mean `{near}`?")),
                    None => problem.help(format!("the targets are {}", known.join(", "))),
                }
            }
            LowerError::Context { name, site } => Self::new(message)
                .at(&site)
                .help(format!("give it: --context {name}=DIRECTORY")),
            LowerError::Setting(_) => {
                Self::new(message).help("leave the option out, or take a newer BuildKit")
            }
            LowerError::Image { site, .. }
            | LowerError::Platform { site, .. }
            | LowerError::Order { site, .. }
            | LowerError::Reports { site, .. }
            | LowerError::Cap { site, .. }
            | LowerError::Op { site, .. } => Self::new(message).at(&site),
        }
    }
}
