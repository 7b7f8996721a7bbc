//! Image configs: what the daemon and the registries say of base images.

use std::sync::Arc;

use buildkit_gateway::{Channel, Gateway, GatewayError, LayoutStore, ResolveMode};
use buildkit_llb::Platform;
use stagewright_plan::Site;
use stagewright_plan::config::ImageConfig;
use stagewright_plan::lower::{ImageRequest, ResolvedImage};

use super::DriveError;
use crate::images::{self, ImageError};

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
    let resolved = images::resolve(gateway, reference, platform, mode, log_name).await;
    resolved.map_err(|error| match error {
        ImageError::Daemon(source) => failed(source),
        ImageError::Name(error) => failed(GatewayError::new(error.to_string())),
        ImageError::Config(source) => config_error(source, &reference.to_string(), at),
    })
}

/// Asks what a pinned image is that the daemon has, in a layout that has nothing.
#[cfg(feature = "client")]
pub(super) async fn resolve_here<C: Channel>(
    gateway: &Gateway<C>,
    request: &ImageRequest,
    layout: &LayoutStore,
    at: &Site,
) -> Result<ResolvedImage, DriveError> {
    let ImageRequest { reference, platform } = request;
    let log_name = format!("load config of {}", reference.familiar());
    let config = resolve_layout(gateway, &reference.to_string(), layout, platform, log_name, at).await?;
    Ok(ResolvedImage { reference: reference.clone(), config })
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
    ImageConfig::from_json(&answer.config).map_err(|source| config_error(source, image, at))
}

fn config_error(source: serde_json::Error, name: &str, at: &Site) -> DriveError {
    DriveError::ImageConfig { name: name.to_owned(), at: at.clone(), source: Arc::new(source) }
}
