//! Why an op cannot become part of a graph.

/// What a daemon would refuse, die of or silently ignore, said before anything is sent.
///
/// The rules are those of BuildKit v0.34 solver/llbsolver/ops/opsutils/validate.go, solver/llbsolver/vertex.go
/// and client/llb.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
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
    #[error("the tmpfs mount at {dest:?} has an input: it starts empty")]
    TmpfsWithInput {
        /// Where it is mounted.
        dest: String,
    },
    /// A cache mount without a name.
    #[error("the cache mount at {dest:?} has no id")]
    CacheWithoutId {
        /// Where it is mounted.
        dest: String,
    },
    /// A resource limit that no kernel knows.
    #[error("ulimit {name:?} does not exist: there are {}", crate::exec::ULIMITS.join(", "))]
    UnknownUlimit {
        /// Its name.
        name: String,
    },
    /// A file op that does nothing.
    #[error("a file op has no actions")]
    FileWithoutActions,
    /// An action that uses the result of a later one, or its own.
    #[error("action {action} of a file op uses action {input}: only earlier ones are there")]
    ActionOrder {
        /// Its position.
        action: usize,
        /// What it uses.
        input: usize,
    },
    /// An action that the last one does not depend on.
    #[error("action {action} of a file op is not used: only the last action and what it depends on is done")]
    UnusedAction {
        /// Its position.
        action: usize,
    },
    /// An owner by name where there is no `/etc/passwd`.
    #[error("action {action} of a file op names the owner {name:?}, but starts from scratch: use a number")]
    OwnerOnScratch {
        /// Its position.
        action: usize,
        /// The name.
        name: String,
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
    /// More ops than a graph numbers.
    #[error("a graph has no place for more than {} ops", u32::MAX)]
    TooManyOps,
}
