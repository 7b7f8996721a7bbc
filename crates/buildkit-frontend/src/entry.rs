//! The file that says what to build: where it is, its text, and how it is shown.
//!
//! Source: BuildKit v0.34 `frontend/dockerui/config.go`, `frontend/dockerui/readfile.go`.

use std::sync::Arc;

use buildkit_gateway::errdefs::{Position, Range, Source, SourceInfo};
use buildkit_gateway::{Channel, FileRange, Gateway, GatewayError, Ref, SolveOptions, Warning};
use buildkit_llb::{
    Definition, Graph, LocalDiffer, LocalIdentity, LocalSource, Metadata, OpError, SourceFile,
};
use bytes::Bytes;

use crate::options::{EntryOptions, Options};

/// What is read with one call, so that no answer is larger than a message may be.
const CHUNK: u64 = 4 << 20;

/// The name that clients send when they have none, and the other one under which such a file may be.
const DEFAULT: (&str, &str) = ("Dockerfile", "dockerfile");

/// The file that says what to build.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its path.
    pub filename: String,
    /// Its text.
    pub text: String,
    /// What stands beside it under the name `<file>.dockerignore`: what of the main context is not sent. A file
    /// of that name in the context itself then counts for nothing.
    pub ignore: Option<Bytes>,
    /// What stands beside it under its name with `lock` in place of what follows the last dot, by that name: what its
    /// sources are pinned to.
    pub lock: Option<(String, Bytes)>,
    /// How the daemon can get the file itself.
    pub definition: Definition,
}

/// No file that says what to build.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum EntryError {
    /// It is not there.
    #[error("there is no `{filename}` in {place}")]
    Missing {
        /// The file.
        filename: String,
        /// Where it was looked for.
        place: &'static str,
    },
    /// It is nothing that can be read.
    #[error("`{filename}` in {place} is a directory, not a file that says what to build")]
    Directory {
        /// The file.
        filename: String,
        /// Where it was looked for.
        place: &'static str,
    },
    /// It is too large.
    #[error("`{filename}` has more than {} bytes, which is the most that is read", Entry::MAX_BYTES)]
    TooLarge {
        /// The file.
        filename: String,
    },
    /// Nothing is in it.
    #[error("`{filename}` is empty: it has to say what to build")]
    Empty {
        /// The file.
        filename: String,
    },
    /// It is no text.
    #[error("`{filename}` is no UTF-8 text: line {line} has a byte 0x{byte:02x} that cannot stand there")]
    NotText {
        /// The file.
        filename: String,
        /// The line, counted from 1.
        line: usize,
        /// The byte.
        byte: u8,
    },
    /// The daemon cannot read it.
    #[error("`{filename}` cannot be read: {source}")]
    Daemon {
        /// The file.
        filename: String,
        /// Why.
        source: GatewayError,
    },
    /// An op that no daemon would take, by the name of a directory or the session.
    #[error("`{filename}` cannot be asked for: {source}")]
    Op {
        /// The file.
        filename: String,
        /// Why.
        source: Arc<OpError>,
    },
}

impl Entry {
    /// The largest file that is read, in bytes, and the largest of patterns beside it.
    pub const MAX_BYTES: u64 = 16 << 20;

    /// Reads the file, and what is not sent of the main context if that stands beside it.
    ///
    /// It is in the main context if that is a repository or an archive, whose definition `remote` is; else in the build's
    /// input `dockerfile`; else in the directory of the client that has this name. A client can insist on a directory.
    ///
    /// # Errors
    /// It is not there, or no text of at most 16 MiB.
    pub async fn read<C: Channel>(
        gateway: &Gateway<C>,
        options: &Options,
        session: &str,
        remote: Option<Definition>,
    ) -> Result<Self, EntryError> {
        let EntryOptions { filename, local, forced } = &options.entry;
        let failed = |source| EntryError::Daemon { filename: filename.clone(), source };
        let (definition, place) = match remote.filter(|_| !forced) {
            Some(remote) => (remote, "the main context"),
            None => {
                let mut inputs =
                    if *forced { Default::default() } else { gateway.inputs().await.map_err(failed)? };
                match inputs.remove(local) {
                    Some(input) => (input, "the definition that the client gives"),
                    None => {
                        let session = options.session_of(local, session);
                        (directory(filename, local, session)?, "the directory that the client sends")
                    }
                }
            }
        };
        let files = gateway.solve(&definition, &SolveOptions::default()).await.map_err(failed)?;
        let found = Files { gateway, files: &files, place };
        let (filename, data) = match found.read(filename).await? {
            Some(data) => (filename.clone(), data),
            None => match found.other_spelling(filename).await? {
                Some(found) => found,
                None => return Err(EntryError::Missing { filename: filename.clone(), place }),
            },
        };
        let ignore = found.read(&format!("{filename}.dockerignore")).await?;
        let lock_name = lock_name(&filename);
        let lock = found.read(&lock_name).await?.map(|data| (lock_name, data));
        let text = text(&filename, data)?;
        Ok(Self { filename, text, ignore, lock, definition })
    }

    /// The file as a graph's ops refer to it.
    #[must_use]
    pub fn source_file(&self, language: &str) -> SourceFile {
        SourceFile {
            filename: self.filename.clone(),
            language: language.to_owned(),
            data: Bytes::copy_from_slice(self.text.as_bytes()),
            definition: Some(self.definition.clone()),
        }
    }

    /// Lines of the file, counted from 1, as errors and warnings refer to them.
    #[must_use]
    pub fn lines(&self, first: usize, last: usize, language: &str) -> Source {
        let position = |line: usize| Position { line: i32::try_from(line).unwrap_or(i32::MAX), character: 0 };
        Source {
            info: SourceInfo {
                filename: self.filename.clone(),
                data: self.text.clone().into_bytes(),
                language: language.to_owned(),
            },
            ranges: vec![Range { start: position(first), end: position(last) }],
        }
    }

    /// Warns of a line `# syntax=` that is not where such a line counts. None if there is none.
    #[must_use]
    pub fn misplaced_syntax(&self, language: &str) -> Option<Warning> {
        let line = misplaced_syntax(&self.text)?;
        let digest = self.definition.head().map(|(digest, _)| digest.to_string()).unwrap_or_default();
        Some(Warning {
            digest,
            level: 1,
            short: format!(
                "a `syntax=` in line {line} of {} does nothing: it counts only at the very beginning",
                self.filename
            ),
            detail: vec!["Only comments of the form `# key=value` may stand above it.".to_owned()],
            source: Some(self.lines(line, line, language)),
            ..Warning::default()
        })
    }
}

/// The directory of the client in which the file is, without all else in it.
fn directory(filename: &str, local: &str, session: &str) -> Result<Definition, EntryError> {
    let mut op = LocalSource::new(local, LocalIdentity::Session(session.to_owned()));
    op.follow_paths = vec![filename.to_owned(), format!("{filename}.dockerignore"), lock_name(filename)];
    op.follow_paths.extend(other_spelling(filename));
    op.shared_key_hint = local.to_owned();
    op.differ = LocalDiffer::None;
    let name = format!("[internal] load build definition from {filename}");
    let failed = |error: OpError| EntryError::Op { filename: filename.to_owned(), source: Arc::new(error) };
    let mut graph = Graph::new();
    let op = graph.add(op, Metadata::named(name)).map_err(failed)?;
    graph.definition(Some(op.root())).map_err(failed)
}

/// What the lock of a file is called.
fn lock_name(filename: &str) -> String {
    let (directory, name) = filename.split_at(filename.rfind('/').map_or(0, |slash| slash + 1));
    let stem = name
        .rsplit_once('.')
        .map_or(name, |(stem, _)| if stem.is_empty() { name } else { stem });
    format!("{directory}{stem}.lock")
}

/// What a file of the default name may be called, too.
fn other_spelling(filename: &str) -> Option<String> {
    let parent = filename.strip_suffix(DEFAULT.0)?;
    (parent.is_empty() || parent.ends_with('/')).then(|| format!("{parent}{}", DEFAULT.1))
}

/// Files of a ref.
struct Files<'a, C> {
    gateway: &'a Gateway<C>,
    files: &'a Ref,
    place: &'static str,
}

impl<C: Channel> Files<'_, C> {
    async fn other_spelling(&self, filename: &str) -> Result<Option<(String, Bytes)>, EntryError> {
        let Some(other) = other_spelling(filename) else { return Ok(None) };
        let data = self.read(&other).await?;
        Ok(data.map(|data| (other, data)))
    }

    /// The content of a file; none if there is no such file.
    async fn read(&self, path: &str) -> Result<Option<Bytes>, EntryError> {
        let failed = |source| EntryError::Daemon { filename: path.to_owned(), source };
        let stat = match self.gateway.stat_file(self.files, path).await {
            Ok(stat) => stat,
            Err(error) if error.is_absence() => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        if stat.is_dir() {
            return Err(EntryError::Directory { filename: path.to_owned(), place: self.place });
        }
        let too_large = || EntryError::TooLarge { filename: path.to_owned() };
        if stat.size > Entry::MAX_BYTES {
            return Err(too_large());
        }
        // A link has the size of its text: what it leads to may be larger, or not be there.
        let mut data = Vec::new();
        loop {
            let range = FileRange { offset: data.len() as u64, length: CHUNK };
            let chunk = match self.gateway.read_file(self.files, path, Some(range)).await {
                Ok(chunk) => chunk,
                Err(error) if error.is_absence() => return Ok(None),
                Err(error) => return Err(failed(error)),
            };
            data.extend_from_slice(&chunk);
            if data.len() as u64 > Entry::MAX_BYTES {
                return Err(too_large());
            }
            if (chunk.len() as u64) < CHUNK {
                return Ok(Some(data.into()));
            }
        }
    }
}

fn text(filename: &str, data: Bytes) -> Result<String, EntryError> {
    let text = String::from_utf8(data.into()).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let bytes = error.as_bytes();
        let line = 1 + bytes[..at].iter().filter(|byte| **byte == b'\n').count();
        EntryError::NotText { filename: filename.to_owned(), line, byte: bytes[at] }
    })?;
    if text.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}').is_empty() {
        return Err(EntryError::Empty { filename: filename.to_owned() });
    }
    Ok(text)
}

/// The first line with `syntax=` below those at the top, which may be a `#!` and then directives.
///
/// Source: BuildKit v0.34 `frontend/dockerfile/parser/directives.go`.
fn misplaced_syntax(text: &str) -> Option<usize> {
    let mut lines = (1..).zip(text.trim_start_matches('\u{feff}').lines()).peekable();
    lines.next_if(|(_, line)| line.starts_with("#!"));
    while lines.next_if(|(_, line)| directive(line).is_some()).is_some() {}
    lines
        .find(|(_, line)| directive(line).is_some_and(|key| key.eq_ignore_ascii_case("syntax")))
        .map(|(number, _)| number)
}

/// The key of a line of the form `# key=value` or `// key=value`.
fn directive(line: &str) -> Option<&str> {
    let rest = line.strip_prefix('#').or_else(|| line.strip_prefix("//"))?;
    let (key, _) = rest.split_once('=')?;
    let key = key.trim();
    let first = key.starts_with(|c: char| c.is_ascii_alphabetic());
    (first && key.chars().all(|c| c.is_ascii_alphanumeric())).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_syntax_below_the_top_is_found() {
        let cases = [
            ("# syntax=a\nx", None),
            ("#!/bin/x\n# escape=`\n//syntax = a\nx", None),
            ("\u{feff}# syntax=a\nx", None),
            ("stages:\n# syntax=a\n", Some(2)),
            ("\n# syntax=a", Some(2)),
            ("# a comment\n# Syntax = a", Some(2)),
            ("---\n  # syntax=a\n# see the syntax = of it", None),
        ];
        for (text, line) in cases {
            assert_eq!(misplaced_syntax(text), line, "{text:?}");
        }
    }

    #[test]
    fn a_file_must_be_a_text() {
        let say = |data: &'static [u8]| text("a.yaml", Bytes::from_static(data)).unwrap_err().to_string();
        assert_eq!(say(b"\xef\xbb\xbf \n"), "`a.yaml` is empty: it has to say what to build");
        assert_eq!(
            say(b"a: b\nc: \xff"),
            "`a.yaml` is no UTF-8 text: line 2 has a byte 0xff that cannot stand there"
        );
    }

    #[test]
    fn a_lock_has_the_name_of_its_file() {
        let check = |file: &str, expected: &str| assert_eq!(lock_name(file), expected, "{file}");
        check("stages.yaml", "stages.lock");
        check("a.b/c/stages.rs", "a.b/c/stages.lock");
        check("a.b/Dockerfile", "a.b/Dockerfile.lock");
        check(".hidden", ".hidden.lock");
        check("./a.b.c", "./a.b.lock");
    }

    #[test]
    fn only_the_default_name_has_another_spelling() {
        assert_eq!(other_spelling("Dockerfile").as_deref(), Some("dockerfile"));
        assert_eq!(other_spelling("a/Dockerfile").as_deref(), Some("a/dockerfile"));
        assert_eq!(other_spelling("myDockerfile"), None);
        assert_eq!(other_spelling("stages.yaml"), None);
    }
}
