//! Why an op cannot become part of a graph.

/// What a daemon would refuse, die of or silently ignore, said before anything is sent.
///
/// The rules are those of BuildKit v0.34 solver/llbsolver/ops/opsutils/validate.go, solver/llbsolver/vertex.go
/// and client/llb.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpError {
    /// An input, or an op to be described, of another graph.
    #[error("op {op} is not in this graph, which has {ops} ops")]
    UnknownOp {
        /// Its position.
        op: u32,
        /// How many ops there are.
        ops: usize,
    },
    /// An output that its op does not have.
    #[error("output {index} of op {op} does not exist: it has {outputs}")]
    UnknownOutput {
        /// The op's position.
        op: u32,
        /// The output asked for.
        index: u32,
        /// How many there are.
        outputs: u32,
    },
    /// A source file of another graph.
    #[error("source file {file} is not in this graph, which has {files}")]
    UnknownFile {
        /// Its position.
        file: usize,
        /// How many files there are.
        files: usize,
    },
    /// A limit of zero layers.
    #[error("source {identifier:?} has a limit of 0 layers: at least 1 is needed")]
    NoLayers {
        /// The source.
        identifier: String,
    },
    /// A local source that no session can serve.
    #[error("a local source has no name: it is what its session knows the directory by")]
    LocalWithoutName,
    /// A local source of a session without id.
    #[error("the local source {name:?} names its session, but with an empty id")]
    LocalWithoutSession {
        /// Its name.
        name: String,
    },
    /// A choice that is required, and not made.
    #[error("the local source {name:?} requires its differ, and has the default one")]
    LocalWithoutDiffer {
        /// Its name.
        name: String,
    },
    /// A fragment beside the fields that are what it says.
    #[error("git source {identifier:?} has a url with a fragment: what it says are fields of the source")]
    GitFragment {
        /// The source.
        identifier: String,
    },
    /// Known hosts or an agent for a url that ssh is not used for.
    #[error("git source {identifier:?} has options of ssh, but its url is of another protocol")]
    GitWithoutSsh {
        /// The source.
        identifier: String,
    },
    /// A git source whose path, ref or directory has a character that ends it for a daemon.
    #[error(
        "git source {identifier:?} has a `#`, `:`, `?` or `%` in its path, ref or directory: its identifier would be \
         read as another repository, ref or directory"
    )]
    GitIdentifier {
        /// The source.
        identifier: String,
    },
    /// A ref that git would take for an option.
    #[error("git source {identifier:?} has a ref that starts with `-`")]
    GitRef {
        /// The source.
        identifier: String,
    },
    /// A checksum that is none.
    #[error("git source {identifier:?} has the checksum {checksum:?}: hexadecimal digits are expected")]
    GitChecksum {
        /// The source.
        identifier: String,
        /// What was given.
        checksum: String,
    },
    /// A commit as ref, and another one as checksum.
    #[error("git source {identifier:?} has the checksum {checksum:?}, which is not that of its ref")]
    GitChecksumMismatch {
        /// The source.
        identifier: String,
        /// What was given.
        checksum: String,
    },
    /// Fetching by commit without commit.
    #[error(
        "git source {identifier:?} is fetched by commit, which needs a whole commit of 40 or 64 digits as checksum"
    )]
    GitFetchByCommit {
        /// The source.
        identifier: String,
    },
    /// A secret that no session has.
    #[error("git source {identifier:?} names a secret with an empty name")]
    GitSecretWithoutName {
        /// The source.
        identifier: String,
    },
    /// A bundle that is no blob.
    #[error("git source {identifier:?} has the bundle {bundle:?}, which has no sha256 digest")]
    GitBundle {
        /// The source.
        identifier: String,
        /// The bundle's name.
        bundle: String,
    },
    /// A bundle of which no commit is chosen.
    #[error("git source {identifier:?} has a bundle, but no checksum that says which commit of it")]
    GitBundleWithoutChecksum {
        /// The source.
        identifier: String,
    },
    /// A bundle as result, with what only a checkout has.
    #[error(
        "git source {identifier:?} gives a bundle, which has neither the directory .git nor a directory as root"
    )]
    GitCheckoutBundle {
        /// The source.
        identifier: String,
    },
    /// A signature that nobody can make.
    #[error("source {identifier:?} has to be signed, but by no key")]
    SignatureWithoutKey {
        /// The source.
        identifier: String,
    },
    /// A file that has to be signed, without signature.
    #[error("http source {url:?} has to be signed, but has no signature")]
    SignatureMissing {
        /// The source, without user name and password.
        url: String,
    },
    /// Something that is no URL of a web server.
    #[error("http source {url:?} is not http:// or https:// with a host")]
    HttpUrl {
        /// What was given, without user name and password.
        url: String,
    },
    /// A header that would be several.
    #[error("http source {url:?} has a line break or other control character in {header}")]
    HttpHeader {
        /// The source, without user name and password.
        url: String,
        /// The header.
        header: &'static str,
    },
    /// A name that a daemon would replace.
    #[error("source {identifier:?} names its file {name:?}, which is no plain file name")]
    FileName {
        /// The source.
        identifier: String,
        /// The name.
        name: String,
    },
    /// A mode with more than permission bits.
    #[error("source {identifier:?} gives its file the mode {mode:o}: the highest is 0777")]
    FileMode {
        /// The source.
        identifier: String,
        /// The mode.
        mode: u16,
    },
    /// An image of an OCI layout that is not pinned.
    #[error(
        "oci layout source {identifier:?} is not host/name@sha256:… and 64 digits, with or without a tag"
    )]
    OciImage {
        /// The source.
        identifier: String,
    },
    /// A blob that is not pinned, or has a tag too.
    #[error("blob source {identifier:?} is not a repository and a digest, without tag")]
    BlobImage {
        /// The source.
        identifier: String,
    },
    /// A blob of an OCI layout without name.
    #[error("source {identifier:?} names no store")]
    BlobWithoutStore {
        /// The source.
        identifier: String,
    },
    /// An exec without a program.
    #[error("an exec op has no arguments: the first one is the program")]
    ExecWithoutArgs,
    /// An exec without a working directory.
    #[error("the exec of {program:?} has no working directory: `/` is the least")]
    ExecWithoutCwd {
        /// What would run.
        program: String,
    },
    /// An exec without a root filesystem.
    #[error("the exec of {program:?} has no mount at `/`")]
    ExecWithoutRoot {
        /// What would run.
        program: String,
    },
    /// A mount in memory that has content.
    #[error("the exec of {program:?} has a tmpfs mount at {dest:?} with an input: it starts empty")]
    TmpfsWithInput {
        /// What would run.
        program: String,
        /// Where it is mounted.
        dest: String,
    },
    /// A cache mount without a name.
    #[error("the exec of {program:?} has a cache mount at {dest:?} without id")]
    CacheWithoutId {
        /// What would run.
        program: String,
        /// Where it is mounted.
        dest: String,
    },
    /// A resource limit that no kernel knows.
    #[error(
        "the exec of {program:?} has the ulimit {name:?}, which does not exist: there are {}",
        crate::Ulimit::NAMES.join(", ")
    )]
    UnknownUlimit {
        /// What would run.
        program: String,
        /// Its name.
        name: String,
    },
    /// A mount without place.
    #[error("the exec of {program:?} has a mount without destination")]
    MountWithoutDest {
        /// What would run.
        program: String,
    },
    /// A limit below zero.
    #[error("the exec of {program:?} has a tmpfs mount at {dest:?} of {size} bytes: 0 is for no limit")]
    TmpfsSize {
        /// What would run.
        program: String,
        /// Where it is mounted.
        dest: String,
        /// The limit.
        size: i64,
    },
    /// A secret that no session has.
    #[error("the exec of {program:?} has a secret at {place:?} without id")]
    SecretWithoutId {
        /// What would run.
        program: String,
        /// The file or the variable.
        place: String,
    },
    /// Something that is no variable.
    #[error("the exec of {program:?} has {entry:?} in its environment, which is not NAME=value")]
    Environment {
        /// What would run.
        program: String,
        /// The entry; of a secret, the variable alone.
        entry: String,
    },
    /// A device without name.
    #[error("the exec of {program:?} has the device {device:?}, which is not vendor/class=name")]
    Device {
        /// What would run.
        program: String,
        /// The device.
        device: String,
    },
    /// A zero byte, which ends a text for an operating system.
    #[error("the exec of {program:?} has a zero byte in {place}")]
    ExecZeroByte {
        /// What would run.
        program: String,
        /// Where it is.
        place: &'static str,
    },
    /// A capability that daemons declare and do not know, so that they refuse every build with it.
    #[error("{op:?} needs the capability {cap:?}, which no daemon grants")]
    UnknownCap {
        /// The op.
        op: String,
        /// The capability.
        cap: String,
    },
    /// An op that uses what is not there.
    #[error("{op:?} has an input that is not there: {problem}")]
    Input {
        /// The op.
        op: String,
        /// What is wrong with the input.
        problem: Box<OpError>,
    },
    /// A file op that does nothing.
    #[error("a file op has no actions")]
    FileWithoutActions,
    /// An action that uses the result of a later one, or its own.
    #[error("action {action} of a file op, at {path:?}, uses action {input}: only earlier ones are there")]
    ActionOrder {
        /// Its path.
        path: String,
        /// Its position.
        action: usize,
        /// What it uses.
        input: usize,
    },
    /// An action that the last one does not depend on.
    #[error(
        "action {action} of a file op, at {path:?}, is not used: only the last action and what it depends on is done"
    )]
    UnusedAction {
        /// Its path.
        path: String,
        /// Its position.
        action: usize,
    },
    /// An owner by name where there is no `/etc/passwd`.
    #[error(
        "action {action} of a file op, at {path:?}, names the owner {name:?}, but starts from scratch: use a number"
    )]
    OwnerOnScratch {
        /// Its path.
        path: String,
        /// Its position.
        action: usize,
        /// The name.
        name: String,
    },
    /// An owner without name.
    #[error("action {action} of a file op, at {path:?}, names an owner with an empty name")]
    OwnerWithoutName {
        /// Its path.
        path: String,
        /// Its position.
        action: usize,
    },
    /// An action that would replace the root directory.
    #[error("action {action} of a file op, at {path:?}, would make the root directory something else")]
    ActionOnRoot {
        /// Its path.
        path: String,
        /// Its position.
        action: usize,
    },
    /// Something that chmod would not take.
    #[error(
        "action {action} of a file op, at {path:?}, has the mode {mode:?}: octal digits, or a change such as u+x,go-w, \
         are expected"
    )]
    Mode {
        /// Its path.
        path: String,
        /// Its position.
        action: usize,
        /// The mode.
        mode: String,
    },
    /// Fewer than two filesystems.
    #[error("a merge op needs at least 2 inputs, and has {inputs}")]
    MergeTooSmall {
        /// How many there are.
        inputs: usize,
    },
    /// The difference of scratch and scratch.
    #[error("a diff op has neither a lower nor an upper input")]
    DiffOfNothing,
    /// A passthrough without a name.
    #[error("a passthrough op has no id")]
    PassthroughWithoutId,
    /// A passthrough that hands nothing on.
    #[error("the passthrough op {id:?} has no outputs")]
    PassthroughWithoutOutputs {
        /// Its id.
        id: String,
    },
    /// A passthrough that hands on what it does not have.
    #[error("the passthrough op {id:?} hands on input {input}, and has {inputs}")]
    PassthroughInput {
        /// Its id.
        id: String,
        /// The input asked for.
        input: u32,
        /// How many there are.
        inputs: usize,
    },
    /// An input in another definition that is not there, or is its terminal op.
    #[error("op {digest} of an embedded definition, an input there, is none that can run")]
    NotEmbedded {
        /// Its digest, as the definition says it.
        digest: String,
    },
    /// More ops than a graph numbers.
    #[error("a graph has no place for more than {} ops", u32::MAX)]
    TooManyOps,
}
