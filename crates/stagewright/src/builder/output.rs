//! What is done with an image once it is built.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// What takes the place of the target's name in a destination.
const PLACEHOLDER: &str = "{target}";

/// What is done with an image: where it goes, in which form.
///
/// Written as for `docker buildx build --output`: `type=oci,dest=app.tar`, or a directory alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    pub(super) kind: OutputKind,
    pub(super) dest: Option<PathBuf>,
    pub(super) attrs: BTreeMap<String, String>,
}

/// Forms in which an image goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum OutputKind {
    /// An image in the daemon's own store, or in a registry.
    Image,
    /// The filesystem, as a tar file here.
    Tar,
    /// The image in the OCI layout, as a tar file here.
    Oci,
    /// The image as `docker load` takes it, as a tar file here.
    Docker,
    /// The filesystem, as a directory here.
    Local,
}

/// A text that is no output.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OutputError {
    /// Something that is no `key=value`.
    #[error("`{field}` in output `{text}` is not of the form key=value")]
    Field {
        /// The output.
        text: String,
        /// The part at fault.
        field: String,
    },
    /// It does not say what it is.
    #[error("output `{0}` has no type: image, registry, tar, oci, docker and local are known")]
    NoType(String),
    /// A form that is not known.
    #[error(
        "output `{text}` has the unknown type `{kind}`: image, registry, tar, oci, docker and local are known"
    )]
    Kind {
        /// The output.
        text: String,
        /// The type.
        kind: String,
    },
    /// Files without a place to go to.
    #[error("output `{0}` has no destination: add dest=PATH")]
    NoDest(String),
    /// A place for something that makes no files here.
    #[error("output `{0}` makes no files here: leave out `dest`, or use type=oci or type=docker")]
    Dest(String),
    /// The standard output.
    #[error("output `{0}` goes to the standard output, which is not supported: name a file")]
    Stdout(String),
    /// A quote without its end.
    #[error("output `{0}` has a quote that does not end")]
    Quote(String),
}

impl Output {
    /// The image in the daemon's own store.
    #[must_use]
    pub fn image() -> Self {
        Self::new(OutputKind::Image, None)
    }

    /// The image in the registries that its tags name.
    #[must_use]
    pub fn push() -> Self {
        Self::image().attr("push", "true")
    }

    /// The filesystem as a tar file.
    #[must_use]
    pub fn tar(file: impl Into<PathBuf>) -> Self {
        Self::new(OutputKind::Tar, Some(file.into()))
    }

    /// The image in the OCI layout as a tar file.
    #[must_use]
    pub fn oci(file: impl Into<PathBuf>) -> Self {
        Self::new(OutputKind::Oci, Some(file.into()))
    }

    /// The image as `docker load` takes it, as a tar file.
    #[must_use]
    pub fn docker(file: impl Into<PathBuf>) -> Self {
        Self::new(OutputKind::Docker, Some(file.into()))
    }

    /// The filesystem as a directory.
    #[must_use]
    pub fn local(directory: impl Into<PathBuf>) -> Self {
        Self::new(OutputKind::Local, Some(directory.into()))
    }

    /// With an attribute of BuildKit's exporter, such as `compression`.
    #[must_use]
    pub fn attr(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.attrs.insert(key.into(), value.into());
        self
    }

    /// Whether it pushes to a registry.
    #[must_use]
    pub fn pushes(&self) -> bool {
        self.kind == OutputKind::Image && self.attrs.get("push").is_some_and(|push| is_true(push))
    }

    /// Whether the destination differs from target to target.
    pub(super) fn is_per_target(&self) -> bool {
        self.dest
            .as_deref()
            .and_then(Path::to_str)
            .is_none_or(|dest| dest.contains(PLACEHOLDER))
    }

    /// Whether it carries the tags of a target: it has a name, and is not given one of its own.
    pub(super) fn takes_tags(&self) -> bool {
        self.kind.is_named() && !self.attrs.contains_key("name")
    }

    /// The destination for this target.
    pub(super) fn dest_of(&self, target: &str) -> Option<PathBuf> {
        let dest = self.dest.as_ref()?;
        Some(match dest.to_str() {
            Some(text) => PathBuf::from(text.replace(PLACEHOLDER, target)),
            None => dest.clone(),
        })
    }

    fn new(kind: OutputKind, dest: Option<PathBuf>) -> Self {
        Self { kind, dest, attrs: BTreeMap::new() }
    }
}

impl OutputKind {
    /// BuildKit's name of it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Tar => "tar",
            Self::Oci => "oci",
            Self::Docker => "docker",
            Self::Local => "local",
        }
    }

    /// Whether it has a name: only an image has, not a filesystem.
    pub(super) fn is_named(self) -> bool {
        matches!(self, Self::Image | Self::Oci | Self::Docker)
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "type={}", self.kind.name())?;
        if let Some(dest) = &self.dest {
            write!(f, ",dest={}", dest.display())?;
        }
        for (key, value) in &self.attrs {
            write!(f, ",{key}={value}")?;
        }
        Ok(())
    }
}

impl FromStr for Output {
    type Err = OutputError;

    fn from_str(text: &str) -> Result<Self, OutputError> {
        if text == "-" {
            return Err(OutputError::Stdout(text.to_owned()));
        }
        if !text.contains('=') && !text.is_empty() {
            return Ok(Self::local(text));
        }
        let mut attrs = BTreeMap::new();
        for field in fields(text)? {
            let Some((key, value)) = field.split_once('=') else {
                return Err(OutputError::Field { text: text.to_owned(), field });
            };
            attrs.insert(key.trim().to_lowercase(), value.to_owned());
        }
        let kind = match attrs.remove("type").as_deref() {
            Some("image") => OutputKind::Image,
            Some("registry") => {
                attrs.insert("push".to_owned(), "true".to_owned());
                OutputKind::Image
            }
            Some("tar") => OutputKind::Tar,
            Some("oci") => OutputKind::Oci,
            Some("docker") => OutputKind::Docker,
            Some("local") => OutputKind::Local,
            Some(kind) => return Err(OutputError::Kind { text: text.to_owned(), kind: kind.to_owned() }),
            None => return Err(OutputError::NoType(text.to_owned())),
        };
        let dest = attrs.remove("dest").filter(|dest| !dest.is_empty());
        match (&dest, kind) {
            (Some(dest), _) if dest == "-" => return Err(OutputError::Stdout(text.to_owned())),
            (Some(_), OutputKind::Image) => return Err(OutputError::Dest(text.to_owned())),
            (None, OutputKind::Image) | (Some(_), _) => {}
            (None, _) => return Err(OutputError::NoDest(text.to_owned())),
        }
        Ok(Self { kind, dest: dest.map(PathBuf::from), attrs })
    }
}

/// As the daemon's own reading of booleans (Go's `strconv.ParseBool`); nothing after the key means yes.
fn is_true(text: &str) -> bool {
    matches!(text, "" | "1" | "t" | "T" | "true" | "True" | "TRUE")
}

/// Fields between commas. A field with a comma stands in quotes, where a quote is written twice.
fn fields(text: &str) -> Result<Vec<String>, OutputError> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let last = fields.last_mut().expect("starts with one");
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                last.push('"');
            }
            '"' if quoted || last.is_empty() => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            _ => last.push(character),
        }
    }
    if quoted {
        return Err(OutputError::Quote(text.to_owned()));
    }
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_read_as_docker_writes_them() {
        let check = |text: &str, expected: Output| assert_eq!(text.parse(), Ok(expected), "{text}");
        check("out/{target}", Output::local("out/{target}"));
        check("type=local,dest=out", Output::local("out"));
        check("type=oci,dest=a.tar,compression=zstd", Output::oci("a.tar").attr("compression", "zstd"));
        check("type=image,push=true", Output::push());
        check("type=registry", Output::push());
        check("type=image,\"name=a,b\"", Output::image().attr("name", "a,b"));
        check("Type=tar,dest=a.tar", Output::tar("a.tar"));
    }

    #[test]
    fn other_texts_are_told_what_is_right() {
        let check = |text: &str, part: &str| {
            let error = text.parse::<Output>().unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        };
        check("", "not of the form");
        check("type=oci", "add dest=PATH");
        check("type=zip,dest=a", "unknown type `zip`");
        check("dest=a", "has no type");
        check("type=tar,a", "`a` in output");
        check("type=image,dest=a", "makes no files here");
        check("type=tar,dest=-", "standard output");
        check("-", "standard output");
        check("type=image,\"name=a", "does not end");
    }

    #[test]
    fn the_targets_name_stands_in_its_destination() {
        let output = Output::tar("out/{target}/{target}.tar");
        assert!(output.is_per_target() && !Output::tar("a.tar").is_per_target());
        assert_eq!(output.dest_of("api").unwrap(), Path::new("out/api/api.tar"));
    }
}
