//! The image that compiles programs: named by whoever builds, and asked what it is.

use buildkit_gateway::{Channel, Gateway, ResolveMode};
use buildkit_llb::{ImageRef, ImageRefError, Platform};
use stagewright_plan::lower::ResolvedImage;

use super::error::RustError;
use super::limits::{LIMITS_ARG, Limits, LimitsError};
use crate::images::{self, ImageError};

/// The image that programs are compiled in, unless another is named.
pub const TOOLCHAIN: &str = "rust:1-slim";
/// The build arg that names another one.
pub const TOOLCHAIN_ARG: &str = "STAGEWRIGHT_RUST";

/// What build args say of how a program is compiled, and the args of the program itself.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Args {
    /// The image, if one is named.
    pub(crate) toolchain: Option<String>,
    pub(crate) limits: Limits,
    /// All others.
    pub(crate) own: Vec<(String, String)>,
}

impl Args {
    /// Takes them apart. Of what is said twice, the last counts.
    pub(crate) fn of(args: &[(String, String)]) -> Result<Self, LimitsError> {
        let mut all = Self { toolchain: None, limits: Limits::default(), own: Vec::new() };
        for (name, value) in args {
            match name.as_str() {
                TOOLCHAIN_ARG => all.toolchain = Some(value.clone()),
                LIMITS_ARG => all.limits = value.parse()?,
                _ => all.own.push((name.clone(), value.clone())),
            }
        }
        Ok(all)
    }
}

/// The toolchain with its digest, and its config. It must be for the platform.
pub(super) async fn resolve<C: Channel>(
    gateway: &Gateway<C>,
    name: &str,
    platform: &Platform,
    mode: ResolveMode,
    program: &str,
) -> Result<ResolvedImage, RustError> {
    let wrong = |source: ImageRefError| RustError::ToolchainName { name: name.to_owned(), source };
    let reference: ImageRef = name.parse().map_err(wrong)?;
    let log_name = format!("[{program}] load config of {}", reference.familiar());
    let resolved = images::resolve(gateway, &reference, platform, mode, log_name).await;
    let resolved = resolved.map_err(|error| match error {
        ImageError::Daemon(source) => RustError::Toolchain {
            name: name.to_owned(),
            platform: platform.to_string(),
            source: Box::new(source),
        },
        ImageError::Name(source) => wrong(source),
        ImageError::Config(source) => {
            RustError::ToolchainConfig { name: name.to_owned(), why: source.to_string() }
        }
    })?;
    let own = Platform::new(&resolved.config.os, &resolved.config.architecture).normalized();
    if (&own.os, &own.architecture) != (&platform.os, &platform.architecture) {
        let wanted = platform.to_string();
        return Err(RustError::ToolchainPlatform { name: name.to_owned(), found: own.to_string(), wanted });
    }
    Ok(resolved)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_compiling_is_no_arg_of_the_program() {
        let arg = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let given = [arg(TOOLCHAIN_ARG, "a"), arg("x", "1"), arg(LIMITS_ARG, "2"), arg(TOOLCHAIN_ARG, "b")];
        let args = Args::of(&given).unwrap();
        assert_eq!(args.toolchain.as_deref(), Some("b"));
        assert_eq!((args.limits, args.own), ("2".parse().unwrap(), vec![arg("x", "1")]));
        assert!(Args::of(&[arg(LIMITS_ARG, "much")]).is_err());
    }
}
