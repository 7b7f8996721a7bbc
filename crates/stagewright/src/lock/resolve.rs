//! What sources are now: asked of the daemon, which asks their servers.

use buildkit_gateway::{
    Channel, Gateway, GatewayError, ImageRequest, ResolveMode, SourceId, SourceRequest, SourceState,
};
use buildkit_llb::{GitSource, GitUrl, Graph, HttpSource, Metadata, Op};
use futures_util::future::try_join_all;
use stagewright_plan::lock::{LockKey, Need};

use crate::driver::DriveError;

/// What each of these sources is now. Registries are asked, whatever the daemon has.
pub(crate) async fn resolve<C: Channel>(
    gateway: &Gateway<C>,
    needs: &[Need],
) -> Result<Vec<(LockKey, String)>, DriveError> {
    let asked = needs.iter().map(async |need| {
        let digest = digest(gateway, need).await.map_err(|source| DriveError::Source {
            what: need.key.to_string(),
            at: need.at.clone(),
            source: Box::new(source),
        })?;
        Ok((need.key.clone(), digest))
    });
    try_join_all(asked).await
}

async fn digest<C: Channel>(gateway: &Gateway<C>, need: &Need) -> Result<String, GatewayError> {
    let wrong = |error: &dyn std::error::Error| GatewayError::new(error.to_string());
    let log_name = format!("resolve {}", need.key);
    let op: Op = match &need.key {
        LockKey::Image(image) | LockKey::Frontend(image) => {
            let request = ImageRequest {
                reference: image.to_string(),
                platform: need.platform.clone(),
                mode: ResolveMode::Pull,
                log_name,
                ..ImageRequest::default()
            };
            return Ok(gateway.resolve_image_config(&request).await?.digest);
        }
        LockKey::Git(_) => {
            let url: GitUrl = need.asked.parse().map_err(|error: buildkit_llb::GitUrlError| wrong(&error))?;
            GitSource::new(url).into()
        }
        LockKey::Http(_) => HttpSource::new(&need.asked).into(),
    };
    let mut graph = Graph::new();
    let op = graph.add(op, Metadata::default()).map_err(|error| wrong(&error))?;
    let definition = graph.definition(Some(op.root())).map_err(|error| wrong(&error))?;
    let source = SourceId::of(&definition).ok_or_else(|| GatewayError::new("it is no source"))?;
    let meta = gateway
        .resolve_source(&SourceRequest { source, log_name, ..SourceRequest::default() })
        .await?;
    match meta.state {
        // What a build gets of an annotated tag is the commit that it names.
        SourceState::Git { checksum, commit_checksum, .. } => {
            Ok(if commit_checksum.is_empty() { checksum } else { commit_checksum })
        }
        SourceState::Http { checksum, .. } => Ok(checksum),
        _ => Err(GatewayError::new("the daemon does not say what it is")),
    }
}
