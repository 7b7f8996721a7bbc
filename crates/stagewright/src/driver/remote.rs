//! A main context that lies on a server: then the build file is in it.

use buildkit_gateway::{Channel, Gateway, ResolveMode};
use buildkit_llb::{Definition, Graph};
use stagewright_plan::Site;
use stagewright_plan::lower::{Context, MAIN_CONTEXT, Settings};

use super::DriveError;
use super::contexts::{ContextValue, GivenContext};
use super::given::{Asked, HTTP_FILE, Resolver};

/// A main context that lies on a server.
#[derive(Debug)]
pub(crate) struct Remote {
    /// What a daemon gets it by.
    pub(crate) definition: Definition,
    /// The name of the only file, if the server answers with the build file itself.
    pub(crate) file: Option<String>,
}

/// The main context, if it is a repository or what a server answers, by the same op by which steps get it.
///
/// # Errors
///
/// As [`super::prepare`].
pub(crate) async fn remote<C: Channel>(
    gateway: &Gateway<C>,
    main: &GivenContext,
    settings: &Settings,
    mode: ResolveMode,
) -> Result<Option<Remote>, DriveError> {
    match &main.value {
        ContextValue::Known(Context::Git(_)) | ContextValue::Http { .. } => {}
        _ => return Ok(None),
    }
    let resolver = Resolver { gateway, given: std::slice::from_ref(main), settings, mode };
    let nowhere = Site { file: String::new(), line: 0, column: 0 };
    let (_, context) = resolver.resolve(Asked { index: 0, platform: None }, &nowhere).await?;
    let file = match &context {
        Context::Http(http) if !http.unpack => Some(HTTP_FILE.to_owned()),
        _ => None,
    };
    let mut graph = Graph::new();
    let root = context.add_to(&mut graph, MAIN_CONTEXT, &[])?;
    Ok(Some(Remote { definition: graph.definition(root)?, file }))
}
