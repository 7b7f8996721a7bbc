//! The contexts that a client gives, as the driver takes them.

use std::collections::BTreeMap;

use buildkit_frontend::{Entry, Options};
use buildkit_gateway::GatewayError;
use buildkit_llb::{CopyAction, Definition, FileOp, Graph, LocalIdentity, Metadata, OpError, Platform};
use stagewright_plan::config::ImageConfig;
use stagewright_plan::lower::{Context, ForwardedContext, MAIN_CONTEXT};

use crate::driver::contexts::{
    ContextError, ContextSpec, ContextValue, GivenContext, GivenDirectory, IgnoreFile, parse,
};

/// A client's context that means nothing here.
#[derive(Debug, thiserror::Error)]
pub(super) enum GivenError {
    /// It does not read. A URL may hold a token, so it is not shown: what is wrong names what it is about.
    #[error("context `{name}`: {source}")]
    Text {
        /// Its name.
        name: String,
        /// Why.
        source: ContextError,
    },
    /// A path, which nobody here can open. A mistyped URL is one, too, so it is not shown.
    #[error(
        "context `{name}` is a path of the client's: a client sends a directory under a name, as `local:NAME`"
    )]
    Path {
        /// Its name.
        name: String,
    },
    /// A definition that was not given.
    #[error("context `{name}` is the definition `{input}`, which the client does not give{}", those(.known))]
    NoInput {
        /// Its name.
        name: String,
        /// The definition.
        input: String,
        /// Those that are given.
        known: Vec<String>,
    },
    /// An image in a layout that is not named by its digest.
    #[error(
        "context `{name}` is `{value}`: name the image by its digest, as in `oci-layout://NAME@sha256:…`"
    )]
    NoDigest {
        /// Its name.
        name: String,
        /// What was given.
        value: String,
    },
    /// A directory of the context that no daemon would take.
    #[error("option `contextsubdir`: {0}")]
    Op(#[source] Box<OpError>),
    /// An image config that does not read.
    #[error("option `input-metadata:{input}`: the image config does not read: {source}")]
    Config {
        /// The definition that it belongs to.
        input: String,
        /// Why.
        source: serde_json::Error,
    },
}

impl From<OpError> for GivenError {
    fn from(error: OpError) -> Self {
        Self::Op(Box::new(error))
    }
}

impl From<GivenError> for GatewayError {
    fn from(error: GivenError) -> Self {
        Self::new(error.to_string())
    }
}

/// What a client gives for a build.
pub(super) struct Client<'a> {
    pub(super) options: &'a Options,
    /// The build's session.
    pub(super) session: &'a str,
    /// The definitions that it gives.
    pub(super) inputs: &'a BTreeMap<String, Definition>,
}

impl Client<'_> {
    /// The main context, without an ignore file that stands beside the build file.
    pub(super) fn main(&self) -> Result<GivenContext, GivenError> {
        self.main_below(self.options.context.subdir.as_deref().unwrap_or_default())
    }

    /// All of the main context: what is built is a directory of it, if the client says so, and the build file's path is
    /// that from its top (BuildKit v0.34 `frontend/dockerui/context.go`).
    pub(super) fn whole(&self) -> Result<GivenContext, GivenError> {
        self.main_below("")
    }

    fn main_below(&self, subdir: &str) -> Result<GivenContext, GivenError> {
        let context = &self.options.context;
        let spec = match &context.value {
            Some(value) => Some(self.parse(MAIN_CONTEXT, value)?),
            None => None,
        };
        let value = match spec {
            Some(ContextSpec::Git(mut source)) => {
                if !subdir.is_empty() {
                    source.subdir = join(&source.subdir, subdir);
                }
                ContextValue::Known(Context::Git(source))
            }
            Some(ContextSpec::Http(url)) => ContextValue::Http { url, subdir: subdir.to_owned() },
            // As in BuildKit, all else names nothing: the context is what the client sends.
            _ => match self.inputs.get(&context.local) {
                Some(definition) => {
                    let definition = below(definition, subdir)?;
                    let forwarded = ForwardedContext { definition, config: None };
                    ContextValue::Known(Context::Forwarded(Box::new(forwarded)))
                }
                None => ContextValue::Local(self.directory(&context.local)),
            },
        };
        Ok(GivenContext { name: MAIN_CONTEXT.to_owned(), platform: None, value })
    }

    /// The contexts that have names.
    pub(super) fn named(&self) -> Result<Vec<GivenContext>, GivenError> {
        let contexts = self.options.named_contexts.iter();
        contexts
            .map(|named| {
                let value = self.named_value(&named.name, &named.value)?;
                let platform = named.platform.as_ref().map(Platform::normalized);
                Ok(GivenContext { name: named.name.clone(), platform, value })
            })
            .collect()
    }

    fn named_value(&self, name: &str, value: &str) -> Result<ContextValue, GivenError> {
        let (name, text) = (name.to_owned(), value.to_owned());
        Ok(match self.parse(&name, value)? {
            ContextSpec::Directory(_) => return Err(GivenError::Path { name }),
            ContextSpec::Local(local) => ContextValue::Local(self.directory(&local)),
            ContextSpec::Input(input) => {
                let Some(definition) = self.inputs.get(&input).cloned() else {
                    let known = self.inputs.keys().cloned().collect();
                    return Err(GivenError::NoInput { name, input, known });
                };
                let config = self.config(&input)?;
                ContextValue::Known(Context::Forwarded(Box::new(ForwardedContext { definition, config })))
            }
            ContextSpec::Git(source) => ContextValue::Known(Context::Git(source)),
            ContextSpec::Http(url) => ContextValue::Http { url, subdir: String::new() },
            ContextSpec::Image(image) => ContextValue::Image(image),
            ContextSpec::OciLayout(layout) => match layout.digest {
                None => return Err(GivenError::NoDigest { name, value: text }),
                Some(digest) => {
                    ContextValue::OciLayout { session: self.session.to_owned(), store: layout.layout, digest }
                }
            },
            ContextSpec::Empty => ContextValue::Known(Context::Empty),
        })
    }

    fn parse(&self, name: &str, value: &str) -> Result<ContextSpec, GivenError> {
        parse(value).map_err(|source| GivenError::Text { name: name.to_owned(), source })
    }

    fn directory(&self, local: &str) -> GivenDirectory {
        let session = self.options.session_of(local, self.session).to_owned();
        GivenDirectory {
            name: local.to_owned(),
            identity: LocalIdentity::Session(session.clone()),
            session,
            shared_key: String::new(),
            ignore: None,
        }
    }

    /// How a container of a definition runs, if the client says that it is an image.
    fn config(&self, input: &str) -> Result<Option<ImageConfig>, GivenError> {
        let facts = self.options.input_metadata.get(input);
        let Some(json) = facts.and_then(|facts| facts.get("containerimage.config")) else {
            return Ok(None);
        };
        let wrong = |source| GivenError::Config { input: input.to_owned(), source };
        ImageConfig::from_json(json).map(Some).map_err(wrong)
    }
}

/// With the ignore file that stands beside the build file: then that of the directory counts for nothing.
pub(super) fn with_ignore_of(mut context: GivenContext, entry: Option<&Entry>) -> GivenContext {
    if let ContextValue::Local(directory) = &mut context.value
        && let Some(entry) = entry
    {
        directory.ignore = entry
            .ignore
            .as_ref()
            .map(|text| IgnoreFile { name: format!("{}.dockerignore", entry.filename), text: text.to_vec() });
    }
    context
}

/// A directory of a definition's files.
fn below(definition: &Definition, subdir: &str) -> Result<Definition, OpError> {
    if subdir.is_empty() {
        return Ok(definition.clone());
    }
    let mut graph = Graph::new();
    let Some(root) = graph.embed(definition)? else { return Ok(definition.clone()) };
    let mut copy = CopyAction::new(root, buildkit_llb::path::resolve("/", subdir), "/");
    copy.dir_contents = true;
    let copied = Metadata::named("[internal] select directory of the build context");
    let below = graph.add(FileOp::chain(None, [copy]), copied)?.root();
    graph.definition(Some(below))
}

fn join(directory: &str, below: &str) -> String {
    if directory.is_empty() { below.to_owned() } else { format!("{directory}/{below}") }
}

fn those(names: &[String]) -> String {
    if names.is_empty() {
        return "; it gives none".to_owned();
    }
    format!("; it gives {}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_a_url_tells_no_token() {
        for value in ["https://user:TOKEN@host/a.git?rf=x", "htps://user:TOKEN@host/a.git", "user:TOKEN@host"]
        {
            let options = [("context:code".to_owned(), value.to_owned())].into();
            let options = Options::parse(&options).unwrap();
            let client = Client { options: &options, session: "", inputs: &BTreeMap::new() };
            let told = client.named().unwrap_err().to_string();
            assert!(told.starts_with("context `code`") && !told.contains("TOKEN"), "{told}");
        }
        let main = [("context".to_owned(), "https://user:TOKEN@host/a.git?rf=x".to_owned())].into();
        let options = Options::parse(&main).unwrap();
        let told = Client { options: &options, session: "", inputs: &BTreeMap::new() }.main();
        let told = told.unwrap_err().to_string();
        assert!(told.contains("`?rf=x`") && !told.contains("TOKEN"), "{told}");
    }
}
