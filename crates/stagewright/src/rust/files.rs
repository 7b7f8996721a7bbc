//! The files beside a program that it declares: which are there, and the texts of those that are Rust.

use buildkit_gateway::{Channel, FileStat, Gateway, Ref, SolveOptions};
use buildkit_llb::Graph;

use super::error::{RustError, Texts, lines, sources};
use super::head::{self, Declared};
use super::{Program, steps};

/// Longer declared files are not shown in errors, in bytes.
const MAX_SHOWN: u64 = 1 << 20;
/// Bits of Go's `os.FileMode` of everything that is no regular file.
const MODE_TYPE: u32 = 0x8f28_0000;

impl Program {
    /// The paths of the declared files, with the texts of those that are Rust.
    pub(super) async fn declared_files<C: Channel>(
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
                    .partition(FileStat::is_dir);
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

pub(super) fn declared_error(texts: &Texts, file: &str, wrong: head::Wrong) -> RustError {
    let sources = sources(texts, [(file.to_owned(), lines(wrong.line, wrong.line))]);
    RustError::Declared { message: format!("{file}:{}: {}", wrong.line, wrong.message), sources }
}
