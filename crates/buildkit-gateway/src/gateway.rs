//! The calls of the gateway API.

use std::collections::BTreeMap;

use buildkit_llb::{Definition, Platform};
use buildkit_proto::gateway::llb_bridge_client::LlbBridgeClient;
use buildkit_proto::{entries, gateway as pb, into_map};
use bytes::Bytes;
use prost::Message as _;
use tonic::Code;

use crate::caps::{CapSet, Caps, Worker};
use crate::channel::Channel;
use crate::errdefs::{GatewayError, Source};
use crate::policy::SourcePolicy;
use crate::result::{GatewayResult, Ref, Refs};

/// Largest message in either direction, as daemons limit them.
const MAX_MESSAGE: usize = 16 << 20;

/// The gateway API over a channel.
///
/// It is cheap to clone, and calls may run side by side. Every call ends when its future is dropped;
/// the daemon then stops what only that call asked for.
#[derive(Debug, Clone)]
pub struct Gateway<C> {
    pub(crate) bridge: LlbBridgeClient<C>,
    pub(crate) policies: Vec<SourcePolicy>,
}

/// How a definition is solved.
#[derive(Debug, Clone, Default)]
pub struct SolveOptions {
    /// Run it now. Otherwise it runs when a ref is read, evaluated or exported, and errors come then.
    pub evaluate: bool,
    /// Caches to look into. (Those of the build itself are ignored in gateway mode.)
    pub cache_imports: Vec<CacheImport>,
    /// What sources may be used, beside what the build itself says about that.
    pub policies: Vec<SourcePolicy>,
}

/// One cache outside the daemon.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CacheImport {
    /// `registry`, `local`, `gha`, `s3` or `azblob`.
    pub kind: String,
    /// Its attributes, such as `ref`.
    pub attrs: BTreeMap<String, String>,
}

/// A solve that another frontend makes.
#[derive(Debug, Clone, Default)]
pub struct FrontendSolve {
    /// The frontend: `dockerfile.v0`, or `gateway.v0` with the option `source`.
    pub frontend: String,
    /// Its options.
    pub options: BTreeMap<String, String>,
    /// Definitions that it may use, by name.
    pub inputs: BTreeMap<String, Definition>,
    /// How its definitions are solved.
    pub solve: SolveOptions,
}

/// A part of a file, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileRange {
    /// Where it starts.
    pub offset: u64,
    /// How long it is.
    pub length: u64,
}

/// What is known of a file without its content.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileStat {
    /// Its name, or path; need not be UTF-8.
    pub path: Bytes,
    /// Its mode in the bits of Go's `os.FileMode`.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Size in bytes; 0 for a directory.
    pub size: u64,
    /// Nanoseconds since 1970.
    pub modified: i64,
    /// What a link points to.
    pub link: Bytes,
}

/// A warning that the user of the build sees.
#[derive(Debug, Clone, Default)]
pub struct Warning {
    /// The digest of the vertex that it belongs to; any digest does.
    pub digest: String,
    /// How grave, from 1.
    pub level: i64,
    /// The warning in a line.
    pub short: String,
    /// More, in paragraphs.
    pub detail: Vec<String>,
    /// Where to read about it.
    pub url: String,
    /// Where the fault lies.
    pub source: Option<Source>,
}

impl<C: Channel> Gateway<C> {
    /// The gateway over a channel: a connection of a client, or stdin and stdout of a frontend.
    #[must_use]
    pub fn new(channel: C) -> Self {
        let bridge = LlbBridgeClient::new(channel)
            .max_decoding_message_size(MAX_MESSAGE)
            .max_encoding_message_size(MAX_MESSAGE);
        Self { bridge, policies: Vec::new() }
    }

    /// The same gateway, whose every question and solve obeys these policies, too.
    #[must_use]
    pub fn with_policies(mut self, policies: impl IntoIterator<Item = SourcePolicy>) -> Self {
        self.policies.extend(policies);
        self
    }

    fn solve_request(&self, options: &SolveOptions) -> pb::SolveRequest {
        let imports = options.cache_imports.iter().map(|cache| pb::CacheOptionsEntry {
            r#type: cache.kind.clone(),
            attrs: entries(cache.attrs.clone()),
        });
        pb::SolveRequest {
            allow_result_return: true,
            allow_result_array_ref: true,
            cache_imports: imports.collect(),
            evaluate: options.evaluate,
            source_policies: self.policies_with(&options.policies),
            ..Default::default()
        }
    }

    pub(crate) fn policies_with(&self, own: &[SourcePolicy]) -> Vec<buildkit_proto::sourcepolicy::Policy> {
        self.policies.iter().chain(own).map(SourcePolicy::to_pb).collect()
    }

    /// Asks what the daemon can do.
    ///
    /// # Errors
    /// As the daemon tells.
    pub async fn ping(&self) -> Result<Caps, GatewayError> {
        let pong = self.bridge.clone().ping(pb::PingRequest {}).await?.into_inner();
        Ok(Caps {
            frontend: CapSet::from_pb(pong.frontend_api_caps),
            llb: CapSet::from_pb(pong.llb_caps),
            workers: pong.workers.into_iter().map(Worker::from_pb).collect(),
        })
    }

    /// The definitions that the build was given, by name: contexts, and the file that says what to build.
    ///
    /// # Errors
    /// As the daemon tells, and for a definition that does not read.
    pub async fn inputs(&self) -> Result<BTreeMap<String, Definition>, GatewayError> {
        let answer = self.bridge.clone().inputs(pb::InputsRequest {}).await?.into_inner();
        let read = |(name, definition)| match Definition::from_pb(definition) {
            Ok(definition) => Ok((name, definition)),
            Err(error) => {
                Err(GatewayError::new(format!("the build's input `{name}` does not read: {error}")))
            }
        };
        into_map(answer.definitions).into_iter().map(read).collect()
    }

    /// Solves a definition. Unless it is evaluated, nothing runs and nothing is checked yet.
    ///
    /// A definition without ops gives scratch.
    ///
    /// # Errors
    /// As the daemon tells; a definition over 16 MiB is refused here.
    pub async fn solve(&self, definition: &Definition, options: &SolveOptions) -> Result<Ref, GatewayError> {
        let request =
            pb::SolveRequest { definition: Some(definition.to_pb()), ..self.solve_request(options) };
        match self.send_solve(request).await?.refs {
            Refs::Single(reference) => Ok(reference),
            Refs::Map(refs) => Err(GatewayError::new(format!(
                "the daemon answered one definition with {} filesystems",
                refs.len()
            ))),
        }
    }

    /// Lets another frontend solve.
    ///
    /// # Errors
    /// As the daemon or the frontend tells; inputs over 16 MiB are refused here.
    pub async fn solve_frontend(&self, solve: &FrontendSolve) -> Result<GatewayResult, GatewayError> {
        let inputs = solve.inputs.iter().map(|(name, input)| (name.clone(), input.to_pb()));
        self.send_solve(pb::SolveRequest {
            frontend: solve.frontend.clone(),
            frontend_opt: entries(solve.options.clone()),
            frontend_inputs: entries(inputs),
            ..self.solve_request(&solve.solve)
        })
        .await
    }

    /// Reads a file, or a range of it. A file over 16 MiB can only be read in ranges.
    ///
    /// # Errors
    /// As the daemon tells, and what running the ref gives.
    pub async fn read_file(
        &self,
        reference: &Ref,
        path: &str,
        range: Option<FileRange>,
    ) -> Result<Bytes, GatewayError> {
        let request = pb::ReadFileRequest {
            r#ref: reference.id().to_owned(),
            file_path: path.to_owned(),
            range: range.map(range_to_pb),
            mount_index: 0,
        };
        Ok(self.bridge.clone().read_file(request).await?.into_inner().data)
    }

    /// Lists a directory; `include` is a pattern for the names.
    ///
    /// # Errors
    /// As the daemon tells, and what running the ref gives.
    pub async fn read_dir(
        &self,
        reference: &Ref,
        path: &str,
        include: Option<&str>,
    ) -> Result<Vec<FileStat>, GatewayError> {
        let request = pb::ReadDirRequest {
            r#ref: reference.id().to_owned(),
            dir_path: path.to_owned(),
            include_pattern: include.unwrap_or_default().to_owned(),
            mount_index: 0,
        };
        let entries = self.bridge.clone().read_dir(request).await?.into_inner().entries;
        Ok(entries.into_iter().map(FileStat::from_pb).collect())
    }

    /// Looks at a file without following links.
    ///
    /// # Errors
    /// As the daemon tells, and what running the ref gives.
    pub async fn stat_file(&self, reference: &Ref, path: &str) -> Result<FileStat, GatewayError> {
        let request =
            pb::StatFileRequest { r#ref: reference.id().to_owned(), path: path.to_owned(), mount_index: 0 };
        let stat = self.bridge.clone().stat_file(request).await?.into_inner().stat;
        Ok(FileStat::from_pb(stat.unwrap_or_default()))
    }

    /// Runs what a ref needs. Scratch needs nothing.
    ///
    /// # Errors
    /// As the daemon tells, and what running the ref gives.
    pub async fn evaluate(&self, reference: &Ref) -> Result<(), GatewayError> {
        if reference.is_scratch() {
            return Ok(());
        }
        let request = pb::EvaluateRequest { r#ref: reference.id().to_owned() };
        self.bridge.clone().evaluate(request).await?;
        Ok(())
    }

    /// Warns the user of the build.
    ///
    /// # Errors
    /// As the daemon tells.
    pub async fn warn(&self, warning: &Warning) -> Result<(), GatewayError> {
        let (info, ranges) = match &warning.source {
            None => (None, Vec::new()),
            Some(source) => (Some(source.info.to_pb()), source.ranges.iter().map(|r| r.to_pb()).collect()),
        };
        let request = pb::WarnRequest {
            digest: warning.digest.clone(),
            level: warning.level,
            short: warning.short.clone().into(),
            detail: warning.detail.iter().map(|text| text.clone().into()).collect(),
            url: warning.url.clone(),
            info,
            ranges,
        };
        self.bridge.clone().warn(request).await?;
        Ok(())
    }

    /// Ends the build with a result. A build is ended once, by this or by [`Self::return_error`].
    ///
    /// # Errors
    /// As the daemon tells, such as a map whose metadata names no platforms.
    pub async fn return_result(&self, result: &GatewayResult) -> Result<(), GatewayError> {
        self.send_return(pb::ReturnRequest { result: Some(result.to_pb()), error: None })
            .await
    }

    /// Ends the build with an error, whose code and details reach the client untouched.
    ///
    /// # Errors
    /// As the daemon tells.
    pub async fn return_error(&self, error: &GatewayError) -> Result<(), GatewayError> {
        self.send_return(pb::ReturnRequest { result: None, error: Some(error.to_rpc()) })
            .await
    }

    async fn send_return(&self, request: pb::ReturnRequest) -> Result<(), GatewayError> {
        // The generated method of the call `Return`.
        self.bridge.clone().r#return(request).await?;
        Ok(())
    }

    async fn send_solve(&self, request: pb::SolveRequest) -> Result<GatewayResult, GatewayError> {
        let size = request.encoded_len();
        if size > MAX_MESSAGE {
            let text = format!(
                "the definition has {size} bytes, and a daemon takes at most {MAX_MESSAGE}: \
                 move large file contents from ops into the build context"
            );
            return Err(GatewayError::with_code(Code::ResourceExhausted, text));
        }
        let answer = self.bridge.clone().solve(request).await?.into_inner();
        Ok(match answer.result {
            Some(result) => GatewayResult::from_pb(result),
            None => GatewayResult::single(Ref::from_id(answer.r#ref)),
        })
    }
}

impl FileStat {
    /// Whether it is a directory.
    #[must_use]
    pub fn is_dir(&self) -> bool {
        // The bit of Go's `os.ModeDir`.
        self.mode & (1 << 31) != 0
    }

    pub(crate) fn from_pb(stat: buildkit_proto::fsutil::Stat) -> Self {
        Self {
            path: stat.path,
            mode: stat.mode,
            uid: stat.uid,
            gid: stat.gid,
            size: u64::try_from(stat.size).unwrap_or(0),
            modified: stat.mod_time,
            link: stat.linkname,
        }
    }
}

pub(crate) fn range_to_pb(range: FileRange) -> pb::FileRange {
    pb::FileRange {
        offset: i64::try_from(range.offset).unwrap_or(i64::MAX),
        length: i64::try_from(range.length).unwrap_or(i64::MAX),
    }
}

pub(crate) fn platform_to_pb(platform: &Platform) -> buildkit_proto::pb::Platform {
    buildkit_proto::pb::Platform {
        architecture: platform.architecture.clone(),
        os: platform.os.clone(),
        variant: platform.variant.clone(),
        os_version: platform.os_version.clone(),
        os_features: platform.os_features.clone(),
    }
}
