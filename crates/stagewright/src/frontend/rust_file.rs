//! A build program that is one Rust file, compiled by the daemon.

use std::fs;
use std::sync::Arc;

use buildkit_gateway::{Channel, GatewayError};
use buildkit_llb::{Definition, LocalIdentity};

use super::program::{Asked, Described, Program};
use crate::rust::{self, Args, Beside, Bundle, Compiled, RustError};

/// What a frontend's own image is, as the daemon tells each frontend (BuildKit v0.34 `frontend/gateway/gateway.go`).
const OWN_IMAGE: &str = "/run/config/buildkit/metadata/frontend.bin";

/// A `stages.rs`.
pub(crate) struct RustFile;

impl Program for RustFile {
    const LANGUAGE: &'static str = "Rust";
    const READS_FILE: bool = true;

    async fn describe<C: Channel>(&self, asked: &Asked<'_, C>) -> Result<Described, GatewayError> {
        let (file, text) = asked
            .entry
            .map_or(("stages.rs", ""), |entry| (entry.filename.as_str(), entry.text.as_str()));
        let beside = match (asked.directory, asked.entry) {
            (Some((name, session)), _) => Some(Beside::Local {
                name: name.to_owned(),
                identity: LocalIdentity::Session(session.to_owned()),
            }),
            (None, Some(entry)) => Some(Beside::Filesystem(entry.definition.clone())),
            (None, None) => None,
        };
        let args = Args::of(asked.args).map_err(|error| GatewayError::new(error.to_string()))?;
        let program = rust::Program {
            file_name: file.trim_start_matches("./").to_owned(),
            text: text.to_owned(),
            beside,
            toolchain: args.toolchain.unwrap_or_else(|| rust::TOOLCHAIN.to_owned()),
            bundle: Bundle::Definition(own_image()?),
            platform: asked.build_platform.clone(),
            resolve_mode: asked.resolve_mode,
            no_cache: asked.no_cache,
            limits: args.limits,
        };
        let told = |error: RustError| GatewayError::from(&error);
        let compiled = program.compile(asked.gateway).await.map_err(told)?;
        described(&compiled, asked, &args.own).await.map_err(told)
    }
}

async fn described<C: Channel>(
    compiled: &Compiled,
    asked: &Asked<'_, C>,
    args: &[(String, String)],
) -> Result<Described, RustError> {
    let sources = compiled.sources().clone();
    let answers = match compiled.plans(asked.gateway, args, asked.platforms).await {
        Ok(answers) => answers,
        // What is wrong is an answer, too: of a check, and beside the parameters.
        Err(RustError::Problems { problems, .. }) => {
            let parameters = compiled.parameters(asked.gateway).await?;
            return Ok(Described { parameters, plans: Err(problems), sources });
        }
        Err(error) => return Err(error),
    };
    let parameters = answers.first().map(|answer| answer.parameters.clone()).unwrap_or_default();
    let plans: Vec<_> = answers.into_iter().map(|answer| Arc::new(answer.plan)).collect();
    // One Plan serves all platforms, or each has its own.
    let of = |index: usize| plans.get(index).or(plans.first()).cloned();
    let platforms = asked.platforms.iter().enumerate();
    let plans = platforms
        .filter_map(|(index, platform)| Some((platform.clone(), of(index)?)))
        .collect();
    Ok(Described { parameters, plans: Ok(plans), sources })
}

fn own_image() -> Result<Definition, GatewayError> {
    let bytes = fs::read(OWN_IMAGE)
        .map_err(|error| GatewayError::new(format!("{OWN_IMAGE} cannot be read: {error}")))?;
    Definition::decode(&bytes)
        .map_err(|error| GatewayError::new(format!("{OWN_IMAGE} is no definition: {error}")))
}
