//! What a daemon looks at in an op before it runs: whether the op says all that it must, and agrees with its inputs.
//!
//! Graphs make no other ops; those of others are read as they are. Rules of BuildKit v0.34
//! solver/llbsolver/ops/opsutils/validate.go and of the ops beside it. Daemons before v0.33.1 die of some of these.

use buildkit_proto::pb;

/// Why a daemon would refuse an op, or die of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LoadProblem {
    /// Nothing that is done.
    #[error("is of no kind that there is in BuildKit v0.34")]
    Kind,
    /// A source that starts from something.
    #[error("is a source, which has no inputs, and has {inputs}")]
    SourceInputs {
        /// How many there are.
        inputs: usize,
    },
    /// A source without scheme.
    #[error("is a source whose identifier has no scheme such as docker-image://")]
    SourceScheme,
    /// An exec without program.
    #[error("is an exec without arguments")]
    ExecWithoutArgs,
    /// An exec without root filesystem.
    #[error("is an exec without a mount at `/`")]
    ExecWithoutRoot,
    /// A mount whose kind says more than is there.
    #[error("has a {kind} mount at {dest:?} without the options of one")]
    MountOptions {
        /// The mount's kind.
        kind: &'static str,
        /// Where it is.
        dest: String,
    },
    /// A file op that does nothing.
    #[error("is a file op without actions")]
    FileWithoutActions,
    /// An action that does nothing.
    #[error("is a file op whose action {action} does nothing")]
    ActionKind {
        /// The action's position.
        action: usize,
    },
    /// An index that is neither -1, for scratch, nor that of an input or an earlier action.
    #[error("uses input {index}, and has {inputs}")]
    Input {
        /// The index.
        index: i64,
        /// How many inputs there are, earlier actions of the op among them.
        inputs: usize,
    },
    /// An output number that no input can name.
    #[error("gives output {output}: outputs are numbered from 0, and -1 is for none")]
    Output {
        /// The number.
        output: i64,
    },
    /// A merge or a diff that has more or fewer inputs than its op.
    #[error("lists {listed} inputs, and has {inputs}")]
    Inputs {
        /// How many it lists.
        listed: usize,
        /// How many there are.
        inputs: usize,
    },
    /// A diff without lower or upper side; scratch would be an index of -1.
    #[error("is a diff without {side} side")]
    DiffSide {
        /// The one that is missing.
        side: &'static str,
    },
    /// A passthrough without id.
    #[error("is a passthrough without id")]
    PassthroughWithoutId,
    /// A passthrough that hands nothing on.
    #[error("is a passthrough without outputs")]
    PassthroughWithoutOutputs,
    /// A build by another builder than the daemon, or of no definition.
    #[error("is a build op that does not take buildkit.llb.definition from an input, by the builder -1")]
    Build,
}

/// Checks one op that is not the terminal one.
pub(crate) fn check(op: &pb::Op) -> Result<(), LoadProblem> {
    let inputs = op.inputs.len();
    match op.op.as_ref().ok_or(LoadProblem::Kind)? {
        pb::op::Op::Source(source) => {
            if inputs != 0 {
                return Err(LoadProblem::SourceInputs { inputs });
            }
            if !source.identifier.contains("://") {
                return Err(LoadProblem::SourceScheme);
            }
            Ok(())
        }
        pb::op::Op::Exec(exec) => check_exec(exec, inputs),
        pb::op::Op::File(file) => check_file(file, inputs),
        pb::op::Op::Merge(merge) => {
            if merge.inputs.len() != inputs {
                return Err(LoadProblem::Inputs { listed: merge.inputs.len(), inputs });
            }
            merge
                .inputs
                .iter()
                .try_for_each(|input| check_input(input.input, inputs, false))
        }
        pb::op::Op::Diff(diff) => {
            let lower = diff.lower.ok_or(LoadProblem::DiffSide { side: "lower" })?.input;
            let upper = diff.upper.ok_or(LoadProblem::DiffSide { side: "upper" })?.input;
            let listed = [lower, upper].iter().filter(|&&index| index != -1).count();
            if listed != inputs {
                return Err(LoadProblem::Inputs { listed, inputs });
            }
            [lower, upper]
                .into_iter()
                .try_for_each(|index| check_input(index, inputs, true))
        }
        pb::op::Op::Passthrough(passthrough) => {
            if passthrough.id.is_empty() {
                return Err(LoadProblem::PassthroughWithoutId);
            }
            if passthrough.outputs.is_empty() {
                return Err(LoadProblem::PassthroughWithoutOutputs);
            }
            passthrough
                .outputs
                .iter()
                .try_for_each(|&index| check_input(index, inputs, false))
        }
        pb::op::Op::Build(build) => {
            let definition = build
                .inputs
                .iter()
                .find(|entry| entry.key.as_deref() == Some("buildkit.llb.definition"));
            if build.builder != -1 || definition.is_none() {
                return Err(LoadProblem::Build);
            }
            let mut indices = build.inputs.iter().map(|entry| entry.value.map_or(0, |input| input.input));
            indices.try_for_each(|index| check_input(index, inputs, false))
        }
    }
}

fn check_exec(exec: &pb::ExecOp, inputs: usize) -> Result<(), LoadProblem> {
    if exec.meta.as_ref().is_none_or(|meta| meta.args.is_empty()) {
        return Err(LoadProblem::ExecWithoutArgs);
    }
    if !exec.mounts.iter().any(|mount| mount.dest == "/") {
        return Err(LoadProblem::ExecWithoutRoot);
    }
    for mount in &exec.mounts {
        check_input(mount.input, inputs, true)?;
        check_output(mount.output)?;
        let missing = match mount.mount_type() {
            pb::MountType::Secret if mount.secret_opt.is_none() => "secret",
            pb::MountType::Ssh if mount.ssh_opt.is_none() => "ssh",
            pb::MountType::Cache if mount.cache_opt.is_none() => "cache",
            _ => continue,
        };
        return Err(LoadProblem::MountOptions { kind: missing, dest: mount.dest.clone() });
    }
    Ok(())
}

fn check_file(file: &pb::FileOp, inputs: usize) -> Result<(), LoadProblem> {
    if file.actions.is_empty() {
        return Err(LoadProblem::FileWithoutActions);
    }
    for (position, action) in file.actions.iter().enumerate() {
        let earlier = inputs + position;
        check_input(action.input, earlier, true)?;
        check_output(action.output)?;
        let what = action.action.as_ref().ok_or(LoadProblem::ActionKind { action: position })?;
        let owner = match what {
            pb::file_action::Action::Copy(copy) => {
                check_input(action.secondary_input, earlier, true)?;
                &copy.owner
            }
            pb::file_action::Action::Mkdir(mkdir) => &mkdir.owner,
            pb::file_action::Action::Mkfile(mkfile) => &mkfile.owner,
            pb::file_action::Action::Symlink(symlink) => &symlink.owner,
            pb::file_action::Action::Rm(_) => &None,
        };
        let users = owner.iter().flat_map(|owner| [&owner.user, &owner.group]).flatten();
        for user in users {
            if let Some(pb::user_opt::User::ByName(named)) = &user.user {
                check_input(named.input, inputs + file.actions.len(), false)?;
            }
        }
    }
    Ok(())
}

fn check_input(index: i64, inputs: usize, or_scratch: bool) -> Result<(), LoadProblem> {
    let is_input = usize::try_from(index).is_ok_and(|index| index < inputs);
    if is_input || (or_scratch && index == -1) {
        return Ok(());
    }
    Err(LoadProblem::Input { index, inputs })
}

/// One more than any output is a number too: how many there are.
fn check_output(output: i64) -> Result<(), LoadProblem> {
    match output.checked_add(1).map(u32::try_from) {
        Some(Ok(_)) => Ok(()),
        _ => Err(LoadProblem::Output { output }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(inputs: usize, what: pb::op::Op) -> String {
        let inputs = vec![pb::Input::default(); inputs];
        let op = pb::Op { inputs, op: Some(what), ..pb::Op::default() };
        check(&op).unwrap_err().to_string()
    }

    fn exec(change: impl FnOnce(&mut pb::ExecOp)) -> pb::op::Op {
        let mut exec = pb::ExecOp {
            meta: Some(pb::Meta { args: vec!["x".to_owned()], ..pb::Meta::default() }),
            mounts: vec![pb::Mount { dest: "/".to_owned(), ..pb::Mount::default() }],
            ..pb::ExecOp::default()
        };
        change(&mut exec);
        pb::op::Op::Exec(exec)
    }

    fn file(input: i64, action: pb::file_action::Action) -> pb::op::Op {
        let action = pb::FileAction { input, action: Some(action), ..pb::FileAction::default() };
        pb::op::Op::File(pb::FileOp { actions: vec![action] })
    }

    fn mount(kind: pb::MountType) -> pb::Mount {
        pb::Mount { dest: "/m".to_owned(), mount_type: kind.into(), ..pb::Mount::default() }
    }

    #[test]
    fn what_a_daemon_refuses_is_refused() {
        use pb::op::Op;
        let source = |identifier: &str| {
            Op::Source(pb::SourceOp { identifier: identifier.to_owned(), ..pb::SourceOp::default() })
        };
        let named = pb::NamedUserOpt { name: "u".to_owned(), input: 4 };
        let user = pb::UserOpt { user: Some(pb::user_opt::User::ByName(named)) };
        let owner = Some(pb::ChownOpt { user: Some(user), group: None });
        let mkdir = pb::FileActionMkDir { owner, ..pb::FileActionMkDir::default() };
        let diff = |lower| pb::DiffOp {
            lower: Some(pb::LowerDiffInput { input: lower }),
            upper: Some(pb::UpperDiffInput { input: -1 }),
        };
        let passthrough =
            |id: &str, outputs| Op::Passthrough(pb::PassthroughOp { id: id.to_owned(), outputs });
        let output = pb::FileAction { input: -1, output: -2, ..pb::FileAction::default() };
        let merge = pb::MergeOp { inputs: vec![pb::MergeInput { input: 0 }] };
        for (error, expected) in [
            (refused(1, source("local://x")), "is a source, which has no inputs, and has 1"),
            (refused(0, source("x")), "is a source whose identifier has no scheme such as docker-image://"),
            (refused(1, exec(|exec| exec.meta = None)), "is an exec without arguments"),
            (refused(1, exec(|exec| exec.mounts.clear())), "is an exec without a mount at `/`"),
            (refused(0, exec(|_| {})), "uses input 0, and has 0"),
            (
                refused(1, exec(|exec| exec.mounts.push(mount(pb::MountType::Ssh)))),
                "has a ssh mount at \"/m\" without the options of one",
            ),
            (
                refused(1, exec(|exec| exec.mounts.push(mount(pb::MountType::Secret)))),
                "has a secret mount at \"/m\" without the options of one",
            ),
            (refused(0, Op::File(pb::FileOp::default())), "is a file op without actions"),
            (
                refused(1, Op::File(pb::FileOp { actions: vec![pb::FileAction::default()] })),
                "is a file op whose action 0 does nothing",
            ),
            (
                refused(1, file(1, pb::file_action::Action::Rm(pb::FileActionRm::default()))),
                "uses input 1, and has 1",
            ),
            (refused(1, file(0, pb::file_action::Action::Mkdir(mkdir))), "uses input 4, and has 2"),
            (
                refused(1, exec(|exec| exec.mounts[0].output = i64::MAX)),
                "gives output 9223372036854775807: outputs are numbered from 0, and -1 is for none",
            ),
            (
                refused(1, exec(|exec| exec.mounts[0].output = i64::from(u32::MAX))),
                "gives output 4294967295: outputs are numbered from 0, and -1 is for none",
            ),
            (
                refused(0, Op::File(pb::FileOp { actions: vec![output] })),
                "gives output -2: outputs are numbered from 0, and -1 is for none",
            ),
            (refused(2, Op::Merge(merge)), "lists 1 inputs, and has 2"),
            (refused(0, Op::Diff(pb::DiffOp::default())), "is a diff without lower side"),
            (refused(2, Op::Diff(diff(0))), "lists 1 inputs, and has 2"),
            (refused(1, Op::Diff(diff(7))), "uses input 7, and has 1"),
            (refused(1, passthrough("", vec![0])), "is a passthrough without id"),
            (refused(1, passthrough("p", vec![])), "is a passthrough without outputs"),
            (refused(1, passthrough("p", vec![1])), "uses input 1, and has 1"),
            (
                refused(1, Op::Build(pb::BuildOp { builder: -1, ..pb::BuildOp::default() })),
                "is a build op that does not take buildkit.llb.definition from an input, by the builder -1",
            ),
        ] {
            assert_eq!(error, expected);
        }
        let nothing = pb::Op::default();
        assert_eq!(check(&nothing), Err(LoadProblem::Kind));
    }
}
