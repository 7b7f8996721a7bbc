//! Image configs: what the daemon and the registries say of base images.

use std::sync::Arc;

use buildkit_gateway::{Channel, Gateway, GatewayError, LayoutStore, ResolveMode};
use buildkit_llb::{ImageRef, ImageRefError, Platform};
use stagewright_plan::Site;
use stagewright_plan::config::ImageConfig;
use stagewright_plan::lower::{ImageRequest, ResolvedImage};

use super::DriveError;

/// Asks what an image is, and pins it to what the daemon found.
pub(super) async fn resolve<C: Channel>(
    gateway: &Gateway<C>,
    request: &ImageRequest,
    mode: ResolveMode,
    at: &Site,
) -> Result<ResolvedImage, DriveError> {
    let ImageRequest { reference, platform } = request;
    let log_name = format!("load config of {}", reference.familiar());
    let failed = |source| DriveError::Image {
        name: reference.to_string(),
        platform: Box::new(platform.clone()),
        at: at.clone(),
        source: Box::new(source),
    };
    let asked = buildkit_gateway::ImageRequest {
        reference: reference.to_string(),
        platform: Some(platform.clone()),
        mode,
        log_name,
        ..Default::default()
    };
    let answer = gateway.resolve_image_config(&asked).await.map_err(failed)?;
    let config = parse(&answer.config, &reference.to_string(), at)?;
    // A source policy may have put another image in its place.
    let foreign = |error: ImageRefError| failed(GatewayError::new(error.to_string()));
    let mut found: ImageRef = match answer.reference.as_str() {
        "" => reference.clone(),
        other => other.parse().map_err(foreign)?,
    };
    if !answer.digest.is_empty() {
        found = found.with_digest(&answer.digest).map_err(foreign)?;
    }
    Ok(ResolvedImage { reference: found, config })
}

/// Asks for the config of an image in an OCI layout of the client.
pub(super) async fn resolve_layout<C: Channel>(
    gateway: &Gateway<C>,
    image: &str,
    layout: &LayoutStore,
    platform: &Platform,
    log_name: String,
    at: &Site,
) -> Result<ImageConfig, DriveError> {
    let asked = buildkit_gateway::ImageRequest {
        reference: image.to_owned(),
        platform: Some(platform.clone()),
        mode: ResolveMode::Default,
        log_name,
        layout: Some(layout.clone()),
        ..Default::default()
    };
    let failed = |source| DriveError::Image {
        name: image.to_owned(),
        platform: Box::new(platform.clone()),
        at: at.clone(),
        source: Box::new(source),
    };
    let answer = gateway.resolve_image_config(&asked).await.map_err(failed)?;
    parse(&answer.config, image, at)
}

fn parse(config: &[u8], name: &str, at: &Site) -> Result<ImageConfig, DriveError> {
    ImageConfig::from_json(config).map_err(|source| DriveError::ImageConfig {
        name: name.to_owned(),
        at: at.clone(),
        source: Arc::new(source),
    })
}
