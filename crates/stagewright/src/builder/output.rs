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
    pub(super) dest: Option<Dest>,
    pub(super) attrs: BTreeMap<String, String>,
}

/// Where files of an output go.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Dest {
    /// A file or a directory.
    Path(PathBuf),
    /// The standard output, as the bytes come.
    Stdout,
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
    /// Nothing goes out: the image stays in the daemon's cache.
    CacheOnly,
}

/// Attributes of `local` that are for this end alone.
pub(super) const LOCAL_ATTRS: [&str; 3] = ["setuid", "devices", "xattrs"];

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
    #[error("output `{0}` has no type: image, registry, tar, oci, docker, local and cacheonly are known")]
    NoType(String),
    /// A form that is not known.
    #[error(
        "output `{text}` has the unknown type `{kind}`: image, registry, tar, oci, docker, local and cacheonly are \
         known"
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
    /// A directory where one stream of bytes is wanted.
    #[error(
        "output `{0}` is a directory, which the standard output cannot take: use type=tar, or name a directory"
    )]
    Stdout(String),
    /// More where nothing goes out.
    #[error("output `{0}` keeps everything in the daemon's cache: it has a type and nothing else")]
    CacheOnly(String),
    /// A value that is none of an attribute's.
    #[error("output `{output}` has `{key}={value}`: {known} are known")]
    Value {
        /// The output.
        output: String,
        /// The attribute.
        key: String,
        /// What it was set to.
        value: String,
        /// The values that would be right.
        known: &'static str,
    },
    /// A layout as a directory.
    #[error(
        "output `{0}` is an OCI layout in a directory, which is not supported: leave out tar=false for an archive"
    )]
    Layout(String),
    /// An attribute that the form does not have.
    #[error("output `{text}` has the unknown attribute `{key}`: {known} are known")]
    Key {
        /// The output.
        text: String,
        /// The attribute.
        key: String,
        /// Those that would be right.
        known: String,
    },
    /// A quote without its end.
    #[error("output `{0}` has a quote that does not end")]
    Quote(String),
}

/// What the exporters of images take.
const IMAGE_KEYS: [&str; 20] = [
    "name",
    "compression",
    "compression-level",
    "force-compression",
    "oci-mediatypes",
    "oci-artifact",
    "attestation-inline",
    "prefer-nondist-layers",
    "rewrite-timestamp",
    "source-date-epoch",
    "tar",
    "push",
    "push-by-digest",
    "registry.insecure",
    "store",
    "unpack",
    "name-canonical",
    "dangling-name-prefix",
    "danging-name-empty-only",
    "unsafe-internal-store-allow-incomplete",
];

/// How many of them those of archives take.
const ARCHIVE_KEYS: usize = 11;

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

    /// Nothing: the image stays in the daemon's cache.
    #[must_use]
    pub fn cache_only() -> Self {
        Self::new(OutputKind::CacheOnly, None)
    }

    /// Goes to the standard output instead of a file. It gets the bytes as they come and cannot give them back.
    ///
    /// Not for a directory or an image, which have no bytes to give.
    #[must_use]
    pub fn to_stdout(mut self) -> Self {
        self.dest = self.dest.map(|_| Dest::Stdout);
        self
    }

    /// Whether it goes to the standard output.
    #[must_use]
    pub fn is_stdout(&self) -> bool {
        self.dest == Some(Dest::Stdout)
    }

    /// With an attribute of BuildKit's exporter, such as `compression`.
    ///
    /// For a directory `mode=delete` removes what the export does not have, and `setuid`, `devices` and `xattrs`
    /// keep what is not written otherwise: setuid and setgid bits, devices and pipes, and attributes of the system
    /// (`security.*`, `trusted.*`).
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

    /// Whether it pushes without a tag.
    pub(super) fn pushes_by_digest(&self) -> bool {
        self.attrs.get("push-by-digest").is_some_and(|by_digest| is_true(by_digest))
    }

    /// Whether the destination differs from target to target.
    pub(super) fn is_per_target(&self) -> bool {
        match &self.dest {
            Some(Dest::Path(path)) => path.to_str().is_none_or(|dest| dest.contains(PLACEHOLDER)),
            Some(Dest::Stdout) => false,
            None => true,
        }
    }

    /// Whether what else is in its directory is removed.
    pub(super) fn mirrors(&self) -> Result<bool, OutputError> {
        match self.attrs.get("mode").map(String::as_str) {
            _ if self.kind != OutputKind::Local => Ok(false),
            None | Some("copy") => Ok(false),
            Some("delete") => Ok(true),
            Some(value) => Err(self.wrong_value("mode", value, "copy and delete")),
        }
    }

    /// Whether one of [`LOCAL_ATTRS`] is set.
    pub(super) fn wants(&self, key: &str) -> Result<bool, OutputError> {
        match self.attrs.get(key).map(String::as_str) {
            None => Ok(false),
            Some(value) if is_true(value) => Ok(true),
            Some("0" | "f" | "F" | "false" | "False" | "FALSE") => Ok(false),
            Some(value) => Err(self.wrong_value(key, value, "true and false")),
        }
    }

    fn wrong_value(&self, key: &str, value: &str, known: &'static str) -> OutputError {
        let (output, key, value) = (self.to_string(), key.to_owned(), value.to_owned());
        OutputError::Value { output, key, value, known }
    }

    /// Whether it carries the tags of a target: it has a name, and is not given one of its own.
    pub(super) fn takes_tags(&self) -> bool {
        self.kind.is_named() && !self.attrs.contains_key("name")
    }

    /// The destination for this target.
    pub(super) fn dest_of(&self, target: &str) -> Option<Dest> {
        let replaced = |path: &Path| Some(path.to_str()?.replace(PLACEHOLDER, target));
        Some(match self.dest.as_ref()? {
            Dest::Path(path) => Dest::Path(replaced(path).map_or_else(|| path.clone(), PathBuf::from)),
            Dest::Stdout => Dest::Stdout,
        })
    }

    fn new(kind: OutputKind, dest: Option<PathBuf>) -> Self {
        Self { kind, dest: dest.map(Dest::Path), attrs: BTreeMap::new() }
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
            Self::CacheOnly => "cacheonly",
        }
    }

    /// The attributes that it takes, those of annotations left out (BuildKit v0.34 exporter/containerimage/exptypes/keys.go).
    fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Image => &IMAGE_KEYS,
            // What only a daemon's store or a registry knows comes last.
            Self::Oci | Self::Docker => &IMAGE_KEYS[..ARCHIVE_KEYS],
            Self::Tar => &["attestation-prefix", "platform-split", "source-date-epoch"],
            Self::Local => &[
                "mode",
                "setuid",
                "devices",
                "xattrs",
                "attestation-prefix",
                "platform-split",
                "source-date-epoch",
            ],
            Self::CacheOnly => &[],
        }
    }

    pub(super) fn takes(self, key: &str) -> bool {
        self.keys().contains(&key) || (self.is_named() && key.starts_with("annotation"))
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
            match dest {
                Dest::Path(path) => write!(f, ",dest={}", path.display())?,
                Dest::Stdout => f.write_str(",dest=-")?,
            }
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
            return Ok(Self::tar(text).to_stdout());
        }
        if !text.contains('=') && !text.is_empty() {
            return Ok(Self::local(text));
        }
        let mut attrs = BTreeMap::new();
        for field in fields(text).ok_or_else(|| OutputError::Quote(text.to_owned()))? {
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
            Some("cacheonly") => OutputKind::CacheOnly,
            Some(kind) => return Err(OutputError::Kind { text: text.to_owned(), kind: kind.to_owned() }),
            None => return Err(OutputError::NoType(text.to_owned())),
        };
        let dest = attrs.remove("dest").filter(|dest| !dest.is_empty());
        match (dest.as_deref(), kind) {
            (Some("-"), OutputKind::Local) => return Err(OutputError::Stdout(text.to_owned())),
            (Some(_), OutputKind::Image) => return Err(OutputError::Dest(text.to_owned())),
            (_, OutputKind::CacheOnly) if dest.is_some() || !attrs.is_empty() => {
                return Err(OutputError::CacheOnly(text.to_owned()));
            }
            (None, OutputKind::Image | OutputKind::CacheOnly) | (Some(_), _) => {}
            (None, _) => return Err(OutputError::NoDest(text.to_owned())),
        }
        if kind != OutputKind::Image && attrs.get("tar").is_some_and(|tar| !is_true(tar)) {
            return Err(OutputError::Layout(text.to_owned()));
        }
        if let Some(key) = attrs.keys().find(|key| !kind.takes(key)) {
            let known = kind.keys().join(", ");
            return Err(OutputError::Key { text: text.to_owned(), key: key.clone(), known });
        }
        let stdout = dest.as_deref() == Some("-");
        let output = Self { attrs, ..Self::new(kind, dest.map(PathBuf::from)) };
        let output = if stdout { output.to_stdout() } else { output };
        output.mirrors()?;
        if kind == OutputKind::Local {
            LOCAL_ATTRS.iter().try_for_each(|key| output.wants(key).map(drop))?;
        }
        Ok(output)
    }
}

/// As the daemon's own reading of booleans (Go's `strconv.ParseBool`); nothing after the key means yes.
fn is_true(text: &str) -> bool {
    matches!(text, "" | "1" | "t" | "T" | "true" | "True" | "TRUE")
}

/// Fields between commas. A field with a comma stands in quotes, where a quote is written twice; `None` if they do not end.
pub(crate) fn fields(text: &str) -> Option<Vec<String>> {
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
    (!quoted).then_some(fields)
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
        check("-", Output::tar("-").to_stdout());
        check("type=oci,dest=-", Output::oci("").to_stdout());
        check("type=cacheonly", Output::cache_only());
        check(
            "type=local,dest=o,mode=delete,setuid=true",
            Output::local("o").attr("mode", "delete").attr("setuid", "true"),
        );
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
        check("type=local,dest=-", "use type=tar");
        check("type=cacheonly,dest=a", "nothing else");
        check("type=local,dest=a,mode=mirror", "`mode=mirror`: copy and delete are known");
        check("type=local,dest=a,devices=yes", "`devices=yes`: true and false are known");
        check("type=image,\"name=a", "does not end");
        check("type=oci,dest=a,compresion=zstd", "unknown attribute `compresion`: name, compression, ");
        check("type=oci,dest=a,push=true", "unknown attribute `push`");
        check("type=oci,dest=a,tar=false", "leave out tar=false");
        check("type=local,dest=a,name=b", "unknown attribute `name`: mode, setuid, ");
    }

    #[test]
    fn the_targets_name_stands_in_its_destination() {
        let output = Output::tar("out/{target}/{target}.tar");
        assert!(output.is_per_target() && !Output::tar("a.tar").is_per_target());
        assert_eq!(output.dest_of("api"), Some(Dest::Path("out/api/api.tar".into())));
        assert!(!Output::tar("a").to_stdout().is_per_target());
    }
}
