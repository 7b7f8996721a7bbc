//! What the daemon and the registries say of an image: the config, and which one it is.

use buildkit_gateway::{Channel, Gateway, GatewayError, ImageRequest, ResolveMode};
use buildkit_llb::{ImageRef, ImageRefError, Platform};
use stagewright_plan::config::ImageConfig;
use stagewright_plan::lower::ResolvedImage;

/// Nothing that can be used is known of an image.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ImageError {
    /// It cannot be had.
    #[error(transparent)]
    Daemon(#[from] GatewayError),
    /// The daemon calls it by a name that is none.
    #[error(transparent)]
    Name(#[from] ImageRefError),
    /// Its config does not read.
    #[error("the config does not read: {0}")]
    Config(#[from] serde_json::Error),
}

/// Asks what an image is for a platform, and pins it to what the daemon found. What the daemon does is shown as `log_name`.
pub(crate) async fn resolve<C: Channel>(
    gateway: &Gateway<C>,
    reference: &ImageRef,
    platform: &Platform,
    mode: ResolveMode,
    log_name: String,
) -> Result<ResolvedImage, ImageError> {
    let asked = ImageRequest {
        reference: reference.to_string(),
        platform: Some(platform.clone()),
        mode,
        log_name,
        ..ImageRequest::default()
    };
    let answer = gateway.resolve_image_config(&asked).await?;
    let config = ImageConfig::from_json(&answer.config)?;
    // A source policy may have put another image in its place.
    let mut found: ImageRef = match answer.reference.as_str() {
        "" => reference.clone(),
        other => other.parse()?,
    };
    if !answer.digest.is_empty() {
        found = found.with_digest(&answer.digest)?;
    }
    Ok(ResolvedImage { reference: found, config })
}

/// The mode as ops have it.
pub(crate) fn llb_mode(mode: ResolveMode) -> buildkit_llb::ResolveMode {
    match mode {
        ResolveMode::Default => buildkit_llb::ResolveMode::Default,
        ResolveMode::Pull => buildkit_llb::ResolveMode::Pull,
        ResolveMode::Local => buildkit_llb::ResolveMode::PreferLocal,
    }
}
