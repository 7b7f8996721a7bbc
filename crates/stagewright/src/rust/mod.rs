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
mod head;
mod rustc;
mod steps;

use buildkit_gateway::errdefs::{Position, Range};
use buildkit_gateway::{
    Channel, FileRange, FileStat, Gateway, GatewayError, ImageRequest, Ref, SolveOptions, Warning,
};
use buildkit_llb::{Definition, Graph, ImageRef, LocalIdentity, Platform, SourceFile};
use futures_util::future::try_join;
use stagewright_plan::config::ImageConfig;

pub use answer::Answer;
pub use error::RustError;

use error::{Texts, lines, sources};
use head::Declared;
use rustc::{Diagnostic, Diagnostics};
use steps::{Inputs, Steps};

/// The image that programs are compiled in, unless another is named.
pub const TOOLCHAIN: &str = "rust:1-slim";
/// The build arg that names another one.
pub const TOOLCHAIN_ARG: &str = "STAGEWRIGHT_RUST";
/// The image that carries the sources of the crates.
pub const BUNDLE_IMAGE: &str = "stagewright/rust:1";

/// Longest text that is read of a step's output at once, in bytes.
const CHUNK: u64 = 8 << 20;
/// Longer declared files are not shown in errors, in bytes.
const MAX_SHOWN: u64 = 1 << 20;
/// Bits of Go's `os.FileMode` of everything that is no regular file.
const MODE_TYPE: u32 = 0x8f28_0000;

/// A build program that is one Rust file.
#[derive(Clone, Debug)]
pub struct Program {
    /// The path of its file below what is [`beside`](Self::beside) it. Errors and sites name it so.
    pub file_name: String,
    /// Its text.
    pub text: String,
    /// The files that it may declare, if there are any.
    pub beside: Option<Beside>,
    /// The image that it is compiled in: [`TOOLCHAIN`], or one with `sh`, `sed`, `cargo`, `rustc` and a linker.
    pub toolchain: String,
    /// The sources of the crates that it uses.
    pub bundle: Bundle,
    /// The platform that compiles and runs it: the daemon's own.
    pub platform: Platform,
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
        let (toolchain, found) =
            try_join(self.toolchain(gateway), self.declared_files(gateway, &declared, &texts)).await?;
        let (reference, config) = toolchain;
        let paths: Vec<String> = found.iter().map(|(path, _)| path.clone()).collect();
        texts.extend(found.into_iter().filter_map(|(path, text)| Some((path, text?))));
        // The user's own file is the one that is compiled.
        texts.insert(name.clone(), self.text.clone());

        let steps = Steps::new(&Inputs {
            file_name: name,
            text: &self.text,
            toolchain: &reference,
            toolchain_env: &config.config.env,
            bundle: &self.bundle,
            beside: self
                .beside
                .as_ref()
                .filter(|_| !paths.is_empty())
                .map(|beside| (beside, &paths[..])),
            platform: &self.platform,
        })?;
        let said = self.said(gateway, &steps).await?;
        let diagnostics = Diagnostics::read(&said.text, |file| texts.contains_key(file));
        if said.status != "0" {
            return Err(compile_error(name, &texts, &said.status, diagnostics));
        }
        let vertex = steps.graph.digest(steps.compile)?.to_string();
        for warning in &diagnostics.warnings {
            // A daemon that takes no warning still builds.
            let _ = gateway.warn(&told(warning, &vertex, &texts)).await;
        }
        let file = SourceFile {
            filename: name.clone(),
            language: "Rust".to_owned(),
            data: self.text.clone().into(),
            definition: None,
        };
        Ok(Compiled { file, platform: self.platform.clone(), steps, texts })
    }

    /// The toolchain with its digest, and its config.
    async fn toolchain<C: Channel>(
        &self,
        gateway: &Gateway<C>,
    ) -> Result<(ImageRef, ImageConfig), RustError> {
        let name = || self.toolchain.clone();
        let wrong = |source| RustError::ToolchainName { name: name(), source };
        let reference: ImageRef = self.toolchain.parse().map_err(wrong)?;
        let asked = ImageRequest {
            reference: reference.to_string(),
            platform: Some(self.platform.clone()),
            log_name: format!("[{}] load config of {}", self.file_name, reference.familiar()),
            ..ImageRequest::default()
        };
        let answer = gateway.resolve_image_config(&asked).await;
        let answer = answer.map_err(|source| RustError::Toolchain { name: name(), source })?;
        let config = ImageConfig::from_json(&answer.config)
            .map_err(|error| RustError::ToolchainConfig { name: name(), why: error.to_string() })?;
        // A source policy may have put another image in its place.
        let mut found = reference;
        if !answer.reference.is_empty() {
            found = answer.reference.parse().map_err(wrong)?;
        }
        if !answer.digest.is_empty() {
            found = found.with_digest(&answer.digest).map_err(wrong)?;
        }
        Ok((found, config))
    }

    /// The paths of the declared files, with the texts of those that are Rust.
    async fn declared_files<C: Channel>(
        &self,
        gateway: &Gateway<C>,
        declared: &[Declared],
        texts: &Texts,
    ) -> Result<Vec<(String, Option<String>)>, RustError> {
        let wrong = |message: String, line: u32| {
            declared_error(texts, &self.file_name, head::Wrong { message, line })
        };
        let Some(first) = declared.first() else { return Ok(Vec::new()) };
        let Some(beside) = &self.beside else {
            let message = format!("`{}` cannot be had: the program comes without a directory", first.path);
            return Err(wrong(message, first.line));
        };
        let own = self.file_name.rsplit_once('/').map(|(directory, _)| directory);
        let below = |path: &str| own.map_or_else(|| path.to_owned(), |own| format!("{own}/{path}"));
        let paths: Vec<String> = declared.iter().map(|declared| below(&declared.path)).collect();
        let mut graph = Graph::new();
        let output = steps::beside_op(&mut graph, &self.file_name, beside, &paths)?;
        let files = gateway.solve(&graph.definition(output)?, &SolveOptions::default()).await?;
        let mut found = Vec::new();
        for (one, path) in declared.iter().zip(&paths) {
            let (directory, pattern) = path.rsplit_once('/').unwrap_or(("", path));
            let (directories, entries): (Vec<FileStat>, Vec<FileStat>) =
                list(gateway, &files, directory, pattern)
                    .await?
                    .into_iter()
                    .partition(|stat| stat.is_dir());
            if !one.is_pattern() && !directories.is_empty() {
                let message = format!("`{0}` is a directory: declare its files, as in `{0}/*.rs`", one.path);
                return Err(wrong(message, one.line));
            }
            if entries.is_empty() {
                let message = format!("there is no `{}` beside {}", one.path, self.file_name);
                return Err(wrong(message, one.line));
            }
            for stat in entries {
                let name = String::from_utf8_lossy(&stat.path);
                let path =
                    if directory.is_empty() { name.into_owned() } else { format!("{directory}/{name}") };
                let shown = path.ends_with(".rs") && stat.mode & MODE_TYPE == 0 && stat.size <= MAX_SHOWN;
                let text = if shown {
                    let bytes = gateway.read_file(&files, &format!("/{path}"), None).await?;
                    String::from_utf8(bytes.to_vec()).ok()
                } else {
                    None
                };
                found.push((path, text));
            }
        }
        Ok(found)
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
                RustError::Crates { toolchain: self.toolchain.clone(), source }
            }
            Some(vertex) if vertex == compile => RustError::Rustc { program: self.file_name.clone(), source },
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

/// The entries of a directory that match, none if there is no such directory. Each step down is asked for first: so no
/// failure to read can pass for absence.
async fn list<C: Channel>(
    gateway: &Gateway<C>,
    files: &Ref,
    directory: &str,
    pattern: &str,
) -> Result<Vec<FileStat>, RustError> {
    let mut place = String::new();
    for component in directory.split('/').filter(|component| !component.is_empty()) {
        let above = if place.is_empty() { "/" } else { &place };
        if gateway.read_dir(files, above, Some(component)).await?.is_empty() {
            return Ok(Vec::new());
        }
        place = format!("{place}/{component}");
    }
    let place = if place.is_empty() { "/" } else { &place };
    Ok(gateway.read_dir(files, place, Some(pattern)).await?)
}

fn declared_error(texts: &Texts, file: &str, wrong: head::Wrong) -> RustError {
    let sources = sources(texts, [(file.to_owned(), lines(wrong.line, wrong.line))]);
    RustError::Declared { message: format!("{file}:{}: {}", wrong.line, wrong.message), sources }
}

fn compile_error(file: &str, texts: &Texts, status: &str, said: Diagnostics) -> RustError {
    let count = match said.errors.len() {
        0 => format!("rustc ended with status {status}"),
        1 => "1 error".to_owned(),
        count => format!("{count} errors"),
    };
    let mut message = format!("{file} does not compile: {count}");
    let rendered = said
        .errors
        .iter()
        .map(|error| error.rendered.as_str())
        .chain([said.other.trim()]);
    for text in rendered.filter(|text| !text.is_empty()) {
        message.push_str("\n\n");
        message.push_str(text);
    }
    let spans = said.errors.iter().flat_map(|error| &error.spans);
    let sources = sources(texts, spans.map(range));
    RustError::Compile { message, sources }
}

fn told(warning: &Diagnostic, vertex: &str, texts: &Texts) -> Warning {
    Warning {
        digest: vertex.to_owned(),
        level: 1,
        short: warning.message.clone(),
        detail: warning.rendered.lines().map(str::to_owned).collect(),
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
