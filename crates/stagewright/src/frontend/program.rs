//! What a frontend builds: from a file or a function to Plans.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::Arc;

use buildkit_frontend::Entry;
use buildkit_gateway::{Channel, Gateway, GatewayError, ResolveMode};
use buildkit_llb::Platform;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use stagewright_plan::{Build, Outcome, Parameter, Parameters, Plan, Problems, describe};

/// What a frontend builds.
pub(crate) trait Program {
    /// The language of the file, as GitHub Linguist calls it.
    const LANGUAGE: &'static str;
    /// Whether there is no build without a file.
    const READS_FILE: bool;
    /// Whether the parameters are the fields of that file: one that is missing is missing there.
    const FIELDS_ARE_PARAMETERS: bool = false;

    /// The parameters, and the Plans for the platforms that are asked for.
    ///
    /// What is wrong with them is no error but an outcome, so that other questions can be answered. An error is what
    /// leaves nothing to answer.
    async fn describe<C: Channel>(&self, asked: &Asked<'_, C>) -> Result<Described, GatewayError>;
}

/// What a program is asked for.
pub(crate) struct Asked<'a, C> {
    /// For programs that need the daemon.
    #[cfg_attr(not(feature = "rust"), allow(dead_code, reason = "only what the daemon compiles needs it"))]
    pub(crate) gateway: &'a Gateway<C>,
    /// The file that the user names, if there is one.
    pub(crate) entry: Option<&'a Entry>,
    /// The directory of the client that the file is in, by its name and session; none if it comes from elsewhere.
    #[cfg_attr(not(feature = "rust"), allow(dead_code, reason = "only what has more files needs it"))]
    pub(crate) directory: Option<(&'a str, &'a str)>,
    /// What `--build-arg` sets.
    pub(crate) args: &'a [(String, String)],
    /// What is built for, at least one.
    pub(crate) platforms: &'a [Platform],
    /// What builds.
    pub(crate) build_platform: &'a Platform,
    /// Where the daemon looks for images.
    #[cfg_attr(not(feature = "rust"), allow(dead_code, reason = "only what the daemon compiles needs it"))]
    pub(crate) resolve_mode: ResolveMode,
    /// Whether every step runs, cached or not.
    #[cfg_attr(not(feature = "rust"), allow(dead_code, reason = "only what the daemon compiles needs it"))]
    pub(crate) no_cache: bool,
}

/// What a program answers.
pub(crate) struct Described {
    /// What `--build-arg` may set; none if not even that is known.
    pub(crate) parameters: Vec<Parameter>,
    /// The Plans, by platform, or what is wrong with them.
    pub(crate) plans: Result<Vec<(Platform, Arc<Plan>)>, Problems>,
    /// The texts of the files that sites name, by the names that they have there.
    pub(crate) sources: BTreeMap<String, String>,
}

impl<C> Asked<'_, C> {
    /// The Plans for all platforms. One that does not depend on the platform is made once.
    pub(crate) fn plans(
        &self,
        mut plan: impl FnMut(&Platform) -> Result<Plan, Problems>,
    ) -> Result<Vec<(Platform, Arc<Plan>)>, Problems> {
        let mut plans: Vec<(Platform, Arc<Plan>)> = Vec::new();
        for platform in self.platforms {
            let made = match plans.first() {
                Some((_, first)) if first.serves_all_platforms() => Arc::clone(first),
                _ => Arc::new(plan(platform)?),
            };
            plans.push((platform.clone(), made));
        }
        Ok(plans)
    }

    /// The text of the file, by its name.
    pub(crate) fn sources(&self) -> BTreeMap<String, String> {
        self.entry
            .map(|entry| (entry.filename.clone(), entry.text.clone()))
            .into_iter()
            .collect()
    }
}

/// A build function, whose parameters are the build args. The file means nothing to it.
pub(crate) struct BuildFunction<'a, F, P> {
    build: &'a F,
    parameters: PhantomData<fn() -> P>,
}

impl<'a, F, P> BuildFunction<'a, F, P> {
    pub(crate) fn new(build: &'a F) -> Self {
        Self { build, parameters: PhantomData }
    }
}

impl<F, P, O> Program for BuildFunction<'_, F, P>
where
    F: Fn(&Build, P) -> O,
    P: DeserializeOwned + JsonSchema,
    O: Outcome,
{
    const LANGUAGE: &'static str = "Rust";
    const READS_FILE: bool = false;

    async fn describe<C: Channel>(&self, asked: &Asked<'_, C>) -> Result<Described, GatewayError> {
        let plans = asked.plans(|platform| describe(self.build, asked.args, platform, asked.build_platform));
        let parameters = Parameters::of::<P>().map(|all| all.iter().cloned().collect());
        Ok(Described { parameters: parameters.unwrap_or_default(), plans, sources: asked.sources() })
    }
}

/// A `stages.yaml`.
#[cfg(feature = "yaml")]
pub(crate) struct YamlFile;

#[cfg(feature = "yaml")]
impl Program for YamlFile {
    const LANGUAGE: &'static str = "YAML";
    const READS_FILE: bool = true;

    async fn describe<C: Channel>(&self, asked: &Asked<'_, C>) -> Result<Described, GatewayError> {
        let (file, text) = asked
            .entry
            .map_or(("stages.yaml", ""), |entry| (entry.filename.as_str(), entry.text.as_str()));
        let sources = asked.sources();
        let document = match stagewright_yaml::Document::parse(file, text) {
            Ok(document) => document,
            Err(problems) => {
                return Ok(Described { parameters: Vec::new(), plans: Err(problems), sources });
            }
        };
        let plans = asked.plans(|platform| document.plan(asked.args, platform, asked.build_platform));
        Ok(Described { parameters: document.parameters().iter().cloned().collect(), plans, sources })
    }
}
