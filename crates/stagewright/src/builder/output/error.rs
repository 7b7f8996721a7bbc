//! Why a text is no output.

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
