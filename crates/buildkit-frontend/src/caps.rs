//! What a client may require of a frontend: ids that it sends in the option `frontend.caps`.
//!
//! A frontend's image names those that it has in a label, so that clients see it before they start it.
//! (BuildKit v0.34 `frontend/dockerfile/builder/caps.go`.)

use buildkit_gateway::GatewayError;

/// The label of an image that names them, separated by commas.
pub const LABEL: &str = "moby.buildkit.frontend.caps";
/// It can be given definitions in place of directories.
pub const INPUTS: &str = "moby.buildkit.frontend.inputs";
/// It answers requests other than to build.
pub const SUBREQUESTS: &str = "moby.buildkit.frontend.subrequests";
/// It takes contexts by name.
pub const CONTEXTS: &str = "moby.buildkit.frontend.contexts";
/// It takes queries in the URLs of git repositories.
pub const GIT_QUERY: &str = "moby.buildkit.frontend.gitquerystring";
/// It takes archives packed with zstd as contexts.
pub const ZSTD_CONTEXTS: &str = "moby.buildkit.frontend.contexts.zstd";

/// Compares what is required, separated by commas, with what there is.
///
/// # Errors
/// The first that is missing, as clients expect to be told of it.
pub(crate) fn check(required: &str, supported: &[&str]) -> Result<(), GatewayError> {
    let names = required.split(',').filter_map(|one| one.split('+').next());
    match names.filter(|name| !name.is_empty()).find(|name| !supported.contains(name)) {
        None => Ok(()),
        Some(missing) => Err(GatewayError::unsupported_frontend_cap(missing)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named() {
        let has = [INPUTS, CONTEXTS];
        assert!(check("", &has).is_ok());
        assert!(check("moby.buildkit.frontend.inputs,moby.buildkit.frontend.contexts+forward", &has).is_ok());
        let error = check("moby.buildkit.frontend.inputs,later+forward", &has).unwrap_err();
        assert_eq!(error.message(), "unsupported frontend capability later");
    }
}
