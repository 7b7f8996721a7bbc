//! Options that do not fit the build, or each other.

use std::path::PathBuf;

use buildkit_llb::PlatformError;
use stagewright_plan::lower::ArgError;

use crate::builder::audit::MIN_SECRET;
use crate::builder::output::OutputError;

/// Options that do not fit the build, or each other.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OptionsError {
    /// A target that there is not.
    #[error("there is no target `{name}`: {}", list("the targets are", known))]
    UnknownTarget {
        /// What was asked for.
        name: String,
        /// The names that would be right.
        known: Vec<String>,
    },
    /// No target is named, and none is a product.
    #[error("the build has no product: name a target; {}", list("the targets are", known))]
    NoProduct {
        /// The names that would be right.
        known: Vec<String>,
    },
    /// A text that is no image's name.
    #[error("tag `{tag}`: {reason}")]
    Tag {
        /// The tag.
        tag: String,
        /// Why.
        reason: String,
    },
    /// A tag that does not say which target it means.
    #[error("tag `{tag}` does not say which of the targets {} it names: write `{}={tag}`", targets.join(", "), targets[0])]
    TagOfSeveral {
        /// The tag.
        tag: String,
        /// The images that are built.
        targets: Vec<String>,
    },
    /// A tag for a target that is not built.
    #[error("tag `{tag}` names target `{target}`, which is not built: {}", list("the images are", known))]
    TagOfOther {
        /// The tag.
        tag: String,
        /// The target that it names.
        target: String,
        /// The images that are built.
        known: Vec<String>,
    },
    /// A tester, or a target of files, has no image.
    #[error(
        "target `{target}` is no image, and there is nothing to {what}; the files of a target, and the reports of a tester, \
         go to type=local and type=tar"
    )]
    NoImage {
        /// The target.
        target: String,
        /// `tag`, `push` or `export`.
        what: &'static str,
    },
    /// A tag that no output carries.
    #[error(
        "tag `{tag}` is lost: no output takes it; push the image, or write it as type=oci or type=docker, without a \
         `name` in the output"
    )]
    UnusedTag {
        /// The tag.
        tag: String,
    },
    /// Nothing to push to.
    #[error("target `{target}` is to be pushed and has no tag: add `-t {target}=registry.example/{target}`")]
    PushWithoutTag {
        /// The target.
        target: String,
    },
    /// A tag for something that is pushed by its digest.
    #[error("`{tag}` is pushed by digest, under no tag: leave the tag out")]
    TagByDigest {
        /// The name.
        tag: String,
    },
    /// Several targets would be written to one place.
    #[error("output `{output}` has one destination for several targets: {}", match stdout {
        true => "name one with `--target`",
        false => "write `{target}` in it",
    })]
    SharedDest {
        /// The output.
        output: String,
        /// Whether it is the standard output.
        stdout: bool,
    },
    /// Two outputs would be written to one place.
    #[error("two outputs go to {}", dest.display())]
    SameDest {
        /// The place.
        dest: PathBuf,
    },
    /// Two outputs would be written to the standard output.
    #[error("two outputs go to the standard output: name a file for all but one")]
    SameStdout,
    /// An output into a directory that another one empties.
    #[error(
        "the output to {} would be removed by the one to {}, which has mode=delete: write it elsewhere",
        dest.display(), mirror.display()
    )]
    InMirror {
        /// The directory that becomes equal to an export.
        mirror: PathBuf,
        /// The place in it.
        dest: PathBuf,
    },
    /// An output that empties a directory which is needed.
    #[error(
        "the output to {} has mode=delete and would remove what is in {}: name a directory that is for it alone",
        mirror.display(), kept.display()
    )]
    MirrorOf {
        /// The directory that would become equal to an export.
        mirror: PathBuf,
        /// The directory that is needed: a context, the working directory, or the home directory.
        kept: PathBuf,
    },
    /// An attribute of an output.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// Reports are asked for, and there are none.
    #[error("no tester that {} needs leaves reports: say where they are, `.report(\"/app/reports\")`", .targets.join(", "))]
    NoReports {
        /// The targets.
        targets: Vec<String>,
    },
    /// The main context, given by name.
    #[error("context `context` is the build's own directory, and is not given by name: give it as DIRECTORY")]
    MainContext,
    /// A context for a platform that is none.
    #[error("context `{given}`: {source}; write NAME, or NAME::OS/ARCH for one that is for a platform alone")]
    ContextPlatform {
        /// What was given.
        given: String,
        /// Why.
        source: PlatformError,
    },
    /// An offline build that asks registries.
    #[error("an offline build asks no registry what an image is now: leave out `--pull`, or `--offline`")]
    OfflinePull,
    /// An offline build that looks into a cache elsewhere.
    #[error(
        "an offline build looks into no cache of the kind {kind}: leave it out, or take one of type=local"
    )]
    OfflineCache {
        /// The kind.
        kind: String,
    },
    /// A cache that several targets would write.
    #[error("a cache is written by one target, not by {}: name one with `--target`", .0.join(", "))]
    SharedCache(Vec<String>),
    /// An arg that every build has, with a value that does not read.
    #[error(transparent)]
    Arg(#[from] ArgError),
    /// A context that no step reads.
    #[error("no step reads context `{name}`: {}", list("the contexts are", known))]
    UnknownContext {
        /// The name.
        name: String,
        /// The names that would be right.
        known: Vec<String>,
    },
    /// A context that is read and not given.
    #[error("a step reads context `{name}`, which is not given: add `--context {name}=DIRECTORY`")]
    NoContext {
        /// The name.
        name: String,
    },
    /// A secret that is taken and not given.
    #[error(
        "a step takes secret `{id}`, which is not given: add `--secret id={id},src=FILE` or \
         `--secret id={id},env=VARIABLE`"
    )]
    NoSecret {
        /// The id.
        id: String,
    },
    /// A secret too short to be looked for.
    #[error(
        "secret `{id}` has {length} bytes: of fewer than {} the audit would take other things for it; leave out the audit, \
         or make the secret longer",
        MIN_SECRET
    )]
    SecretTooShort {
        /// The id.
        id: String,
        /// Its bytes, without line ends after it.
        length: usize,
    },
    /// Layers that go out without being looked into.
    #[error(
        "a cache with mode=max holds the layers of all steps, which no audit of the image looks into: leave out the audit, \
         or write mode=min"
    )]
    AuditedCache,
    /// A secret that no step takes.
    #[error("the build takes no secret `{id}`: {}", list("its secrets are", known))]
    UnknownSecret {
        /// The id.
        id: String,
        /// The ids that would be right.
        known: Vec<String>,
    },
    /// An ssh agent that is taken and not lent.
    #[error("a step takes ssh agent `{id}`, which is not lent: add `--ssh {id}`")]
    NoAgent {
        /// The id.
        id: String,
    },
    /// An ssh agent that no step takes.
    #[error("no step takes ssh agent `{id}`: {}", list("the agents are", known))]
    UnknownAgent {
        /// The id.
        id: String,
        /// The ids that would be right.
        known: Vec<String>,
    },
    /// An image would be made and kept nowhere.
    #[error(
        "target `{target}` has a tag, but this daemon keeps no images: push it with `--push`, or write it to a file \
         with `--output type=docker,dest={target}.tar`"
    )]
    NoImageStore {
        /// The target.
        target: String,
    },
}

fn list(intro: &str, names: &[String]) -> String {
    if names.is_empty() { "there are none".to_owned() } else { format!("{intro} {}", names.join(", ")) }
}
