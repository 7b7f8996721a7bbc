//! Build programs as single Rust files: compiled and run by the daemon that builds.
//!
//! [`Program::compile`] makes nested solves: the crates of stagewright, once for each toolchain; the user's file with
//! one rustc; then [`Compiled::plan`] runs the program for its Plan. Every step is cached by the content of what goes
//! into it: an unchanged program runs nothing, and an edit that leaves the binary equal compiles but does not run.
//!
//! No step has a network, secrets, agents or contexts. A program has its own file, and those beside it that its head
//! declares: `// files=nginx.conf,presets/*.rs`.
//!
//! It is written against [`Gateway`], so it serves inside a daemon and beside a solve of a client.

mod answer;
mod error;
mod files;
mod head;
mod limits;
mod rustc;
mod steps;
mod toolchain;

use buildkit_gateway::errdefs::{Position, Range};
use buildkit_gateway::{Channel, FileRange, Gateway, GatewayError, ResolveMode, SolveOptions, Warning};
use buildkit_llb::{Definition, Digest, ImageRef, LocalIdentity, Platform, SourceFile};
use futures_util::future::try_join;
#[cfg(feature = "client")]
use stagewright_plan::{Site, lock::Lock};

pub use answer::Answer;
pub use error::RustError;
pub use limits::{LIMITS_ARG, Limits, LimitsError};
pub use toolchain::{TOOLCHAIN, TOOLCHAIN_ARG};

pub(crate) use toolchain::Args;

#[cfg(feature = "client")]
use crate::driver::offline;
use crate::images::llb_mode;
use error::{Texts, sources};
use files::declared_error;
use rustc::{Diagnostic, Diagnostics};
use steps::{Inputs, Steps};
/// The image that carries the sources of the crates.
pub const BUNDLE_IMAGE: &str = "stagewright/rust:1";

/// Longest text that is read of a step's output at once, in bytes.
const CHUNK: u64 = 8 << 20;
/// How many of rustc's errors and warnings are told.
const MAX_TOLD: usize = 20;
/// How much of one of them is told, in bytes.
const MAX_TEXT: usize = 16 << 10;

/// A build program that is one Rust file.
#[derive(Clone, Debug)]
pub struct Program {
    /// The path of its file below what is [`beside`](Self::beside) it. Errors and sites name it so.
    pub file_name: String,
    /// Its text.
    pub text: String,
    /// The files that it may declare, if there are any.
    pub beside: Option<Beside>,
    /// The image that it is compiled in: [`TOOLCHAIN`], or one with `sh`, `sed`, coreutils, `cargo`, `rustc` and a linker.
    pub toolchain: String,
    /// The sources of the crates that it uses.
    pub bundle: Bundle,
    /// The platform that compiles and runs it: the daemon's own.
    pub platform: Platform,
    /// Where the daemon looks for the toolchain.
    pub resolve_mode: ResolveMode,
    /// Whether it is compiled and run whatever is cached.
    pub no_cache: bool,
    /// What compiling and running it may take.
    pub limits: Limits,
}

/// The sources of the crates that programs use, in the directory `/stagewright`.
#[derive(Clone, Debug)]
pub enum Bundle {
    /// In an image: [`BUNDLE_IMAGE`].
    Image(ImageRef),
    /// In any filesystem: for a frontend, that of its own image.
    Definition(Definition),
}

/// Where a program's file is, and the files that it may declare.
#[derive(Clone, Debug)]
pub enum Beside {
    /// A directory of the client: `dockerfile`, as docker calls it.
    Local {
        /// Its name.
        name: String,
        /// Whose it is.
        identity: LocalIdentity,
    },
    /// Any filesystem: a git repository, or an archive.
    Filesystem(Definition),
}

/// A program that compiles.
#[derive(Debug)]
pub struct Compiled {
    file: SourceFile,
    platform: Platform,
    steps: Steps,
    texts: Texts,
}

impl Program {
    /// Compiles the program. rustc's warnings are told to the person who builds.
    ///
    /// # Errors
    ///
    /// A toolchain or declared files that cannot be had, and a program that does not compile, with its lines.
    pub async fn compile<C: Channel>(&self, gateway: &Gateway<C>) -> Result<Compiled, RustError> {
        let name = &self.file_name;
        if name.contains('\0') || name.split('/').any(|component| ["", ".", ".."].contains(&component)) {
            return Err(RustError::FileName(name.clone()));
        }
        let mut texts: Texts = [(name.clone(), self.text.clone())].into();
        let declared = head::declared(&self.text).map_err(|wrong| declared_error(&texts, name, wrong))?;
        let toolchain = toolchain::resolve(gateway, &self.toolchain, &self.platform, self.resolve_mode, name);
        let (toolchain, found) = try_join(toolchain, self.declared_files(gateway, &declared, &texts)).await?;
        let paths: Vec<String> = found.iter().map(|(path, _)| path.clone()).collect();
        texts.extend(found.into_iter().filter_map(|(path, text)| Some((path, text?))));
        // The user's own file is the one that is compiled.
        texts.insert(name.clone(), self.text.clone());

        let steps = Steps::new(&Inputs {
            file_name: name,
            text: &self.text,
            toolchain: &toolchain.reference,
            toolchain_env: &toolchain.config.config.env,
            bundle: &self.bundle,
            beside: self
                .beside
                .as_ref()
                .filter(|_| !paths.is_empty())
                .map(|beside| (beside, &paths[..])),
            platform: &self.platform,
            resolve_mode: llb_mode(self.resolve_mode),
            limits: self.limits,
            no_cache: self.no_cache,
        })?;
        let said = self.said(gateway, &steps).await?;
        let diagnostics = Diagnostics::read(&said.text, |file| texts.contains_key(file));
        if said.status != "0" {
            return Err(compile_error(name, &texts, &said.status, diagnostics));
        }
        let vertex = steps.graph.digest(steps.compile)?.to_string();
        for warning in diagnostics.warnings.iter().take(MAX_TOLD) {
            // A daemon that takes no warning still builds.
            let _ = gateway.warn(&told(warning, &vertex, &texts)).await;
        }
        if let Some(more) = diagnostics.warnings.len().checked_sub(MAX_TOLD).filter(|more| *more > 0) {
            let short = format!("and {more} more warnings in {name}");
            let _ = gateway
                .warn(&Warning { digest: vertex, level: 1, short, ..Warning::default() })
                .await;
        }
        let file = SourceFile {
            filename: name.clone(),
            language: "Rust".to_owned(),
            data: self.text.clone().into(),
            definition: None,
        };
        Ok(Compiled { file, platform: self.platform.clone(), steps, texts })
    }

    /// Proves that the images that compile the program are pinned, and on the daemon.
    #[cfg(feature = "client")]
    pub(crate) async fn prove_offline<C: Channel>(
        &self,
        gateway: &Gateway<C>,
        lock: &Lock,
        session: &str,
    ) -> Result<(), RustError> {
        let at = Site { file: self.file_name.clone(), line: 1, column: 1 };
        let bundle = match &self.bundle {
            Bundle::Image(image) => Some(image.clone()),
            Bundle::Definition(_) => None,
        };
        // What is no image's name is told by who pulls it.
        let images = self.toolchain.parse().ok().into_iter().chain(bundle);
        let place = offline::At::Nowhere(session);
        let sought = images.map(|image| offline::image_in(lock, &image, &self.platform, place, Some(&at)));
        let proved = offline::ask(gateway, place, sought.collect()).await;
        proved.map_err(|problems| RustError::Problems { problems, sources: Vec::new() })
    }

    /// What rustc says.
    async fn said<C: Channel>(&self, gateway: &Gateway<C>, steps: &Steps) -> Result<Said, RustError> {
        let crates = steps.graph.digest(steps.crates)?.to_string();
        let compile = steps.graph.digest(steps.compile)?.to_string();
        let definition = steps.graph.definition(Some(steps.compiled))?;
        let read = async {
            let made = gateway.solve(&definition, &SolveOptions::default()).await?;
            let status = gateway.read_file(&made, steps::STATUS, None).await?;
            let range = FileRange { offset: 0, length: CHUNK };
            let text = gateway.read_file(&made, steps::DIAGNOSTICS, Some(range)).await?;
            Ok((status, text))
        };
        let (status, text) = read.await.map_err(|source: GatewayError| match source.vertex() {
            Some(vertex) if vertex == crates => {
                // Otherwise it is cargo that has said why.
                let hint = match source.exit_code() {
                    Some(101) => "",
                    _ => "; it needs `/bin/sh`, `sed`, coreutils, `cargo`, `rustc` 1.95 or later, a linker and a static libc",
                };
                RustError::Crates { toolchain: self.toolchain.clone(), hint, source }
            }
            Some(vertex) if is_vertex(&vertex, &compile) => {
                let reached = self.limits.compile().reached(source.exit_code());
                let hint = reached.map(|reached| format!("; {reached}; {}", self.limits.advice()));
                let program = self.file_name.clone();
                RustError::Rustc { program, hint: hint.unwrap_or_default(), source: Box::new(source) }
            }
            _ => RustError::Daemon(source),
        })?;
        Ok(Said {
            status: String::from_utf8_lossy(&status).trim().to_owned(),
            text: String::from_utf8_lossy(&text).into_owned(),
        })
    }
}

struct Said {
    status: String,
    text: String,
}

/// Whether a daemon means a vertex by this digest. One that is asked for twice, once without cache, has another for that
/// (BuildKit v0.34 `solver/jobs.go`).
fn is_vertex(told: &str, vertex: &str) -> bool {
    told == vertex || told == Digest::of(format!("{vertex}-ignorecache").as_bytes()).to_string()
}

fn compile_error(file: &str, texts: &Texts, status: &str, said: Diagnostics) -> RustError {
    let count = match said.errors.len() {
        0 => format!("rustc ended with status {status}"),
        1 => "1 error".to_owned(),
        count => format!("{count} errors"),
    };
    let mut message = format!("{file} does not compile: {count}");
    let told = said.errors.iter().take(MAX_TOLD);
    let rendered = told.clone().map(|error| error.rendered.as_str()).chain([said.other.trim()]);
    for text in rendered.filter(|text| !text.is_empty()) {
        message.push_str("\n\n");
        message.push_str(&error::shortened(text, MAX_TEXT));
    }
    if let Some(more) = said.errors.len().checked_sub(MAX_TOLD).filter(|more| *more > 0) {
        message.push_str(&format!("\n\nand {more} more"));
    }
    let spans = told.flat_map(|error| &error.spans);
    let sources = sources(texts, spans.map(range));
    RustError::Compile { message, sources }
}

fn told(warning: &Diagnostic, vertex: &str, texts: &Texts) -> Warning {
    Warning {
        digest: vertex.to_owned(),
        level: 1,
        short: error::shortened(&warning.message, MAX_TEXT).into_owned(),
        detail: error::shortened(&warning.rendered, MAX_TEXT)
            .lines()
            .map(str::to_owned)
            .collect(),
        url: String::new(),
        source: sources(texts, warning.spans.iter().map(range)).into_iter().next(),
    }
}

fn range(span: &rustc::Span) -> (String, Range) {
    let position = |line: u32, column: u32| {
        let number = |value: u32| i32::try_from(value).unwrap_or(i32::MAX);
        Position { line: number(line), character: number(column.saturating_sub(1)) }
    };
    let range = Range {
        start: position(span.first_line, span.first_column),
        end: position(span.last_line, span.last_column),
    };
    (span.file.clone(), range)
}
