//! Testers whose reports are taken also when they fail: what their commands leave is kept, and the verdict is a step of
//! its own.
//!
//! A command that fails has no filesystem in a graph. So each of them is run by a script that notes the exit code in a
//! mount beside the tester's filesystem and ends with an exit code that counts as success for this op; later commands are
//! then skipped, while steps that only place files are done. Behind the last step a verdict for each command ends with the
//! code that was noted, at the command's line. Who starts from the tester, is gated by it or has it as a target gets the
//! filesystem behind the verdicts; who takes its reports, the one before.
//!
//! A failure that is kept is in the daemon's cache as a success would be. A script that dies, or that is not there, is no
//! such failure: it ends with another code.

use std::collections::{BTreeMap, BTreeSet};

use buildkit_llb::{ExecOp, FileOp, Metadata, MkfileAction, Mount, Network, OpId, Output, caps};

use super::stage::State;
use super::{LowerError, Lowering, names};
use crate::check::Checked;
use crate::plan::{Origin, Stage, Step};
use crate::site::Site;

/// Where the scripts are while they run. The runtime makes `/dev` anew for each container, so nothing of it stays.
const SCRIPTS: &str = "/dev/stagewright";
/// Where the exit code is noted.
const NOTED: &str = "/dev/stagewright-noted";
/// The exit code that says: the command failed, and its own code is noted.
const KEPT: i32 = 100;

/// Runs a command unless one before it failed. Its environment is the command's, so it has no variables before that.
const RUN: &str = r#"if [ -s /dev/stagewright-noted/code ]; then
    echo "skipped, since a step of this tester failed before" >&2
    exit 100
fi
"$@"
code=$?
if [ "$code" -eq 0 ]; then exit 0; fi
echo "$code" > /dev/stagewright-noted/code || exit 1
exit 100
"#;

/// Ends as the command of a stage did.
const VERDICT: &str = r#"if [ ! -s /dev/stagewright-noted/code ]; then exit 0; fi
read -r code < /dev/stagewright-noted/code
echo "exit code $code; that it failed is cached: --no-cache-filter $1 runs it again" >&2
exit "$code"
"#;

/// What names, in a verdict's description, the op that it is of, by its digest.
pub const VERDICT_OF: &str = "stagewright.verdict.of";

/// The commands of a tester so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Kept {
    scripts: Option<Output>,
    commands: Vec<Command>,
}

/// A command that was added.
#[derive(Clone, Debug)]
struct Command {
    /// Its position among the stage's steps.
    position: usize,
    op: OpId,
    /// What was noted when it had ended.
    noted: Output,
    env: Vec<String>,
    cwd: String,
    user: String,
}

/// The testers whose reports these targets take, each with the place where they are taken.
pub(super) fn taken<'a>(
    checked: &Checked<'a>,
    targets: &[&str],
    reached: &BTreeSet<&str>,
) -> BTreeMap<&'a str, &'a Site> {
    let plan = checked.plan();
    let asked = targets
        .iter()
        .filter_map(|name| plan.target(name))
        .filter(|target| target.reports)
        .map(|target| (target.stage.as_str(), &target.at));
    let stages = plan.stages.iter().filter(|stage| reached.contains(stage.name.as_str()));
    let steps = stages.flat_map(|stage| &stage.steps).flat_map(|step| {
        step.origins().into_iter().filter_map(move |(origin, _)| match origin {
            Origin::Reports(tester) => Some((tester.as_str(), &step.at)),
            _ => None,
        })
    });
    let mut taken = BTreeMap::new();
    for (tester, at) in asked.chain(steps) {
        taken.entry(tester).or_insert(at);
    }
    taken
}

impl<'a> Lowering<'a> {
    /// Whether what a stage's commands leave is kept.
    ///
    /// # Errors
    ///
    /// A daemon that cannot.
    pub(super) fn is_kept(&self, stage: &Stage) -> Result<bool, LowerError> {
        let Some(at) = self.taken.get(stage.name.as_str()) else { return Ok(false) };
        if self.world.abilities.has(caps::EXEC_VALID_EXIT_CODE) {
            return Ok(true);
        }
        Err(LowerError::Reports { tester: stage.name.clone(), site: (*at).clone() })
    }

    /// The same command, by way of the script.
    pub(super) fn keep_command(
        &mut self,
        mut op: ExecOp,
        kept: &mut Kept,
        step: &'a Step,
    ) -> Result<ExecOp, LowerError> {
        let scripts = match kept.scripts {
            Some(scripts) => scripts,
            None => {
                let run = MkfileAction::new("/run", 0o755, RUN);
                let verdict = MkfileAction::new("/verdict", 0o755, VERDICT);
                self.internal(FileOp::chain(None, [run, verdict]), "[internal] preparing scripts", step)?
            }
        };
        kept.scripts = Some(scripts);
        let noted = match kept.commands.last() {
            Some(last) => last.noted,
            None => {
                // Whoever the command runs as writes it.
                let code = MkfileAction::new("/code", 0o666, Vec::new());
                self.internal(
                    FileOp::chain(None, [code]),
                    "[internal] preparing a place for an exit code",
                    step,
                )?
            }
        };
        let script = ["/bin/sh".to_owned(), format!("{SCRIPTS}/run")];
        op.args = script.into_iter().chain(op.args).collect();
        op.mounts.push(Mount::bind(SCRIPTS, Some(scripts)).readonly());
        op.mounts.push(Mount::bind(NOTED, Some(noted)));
        op.valid_exit_codes = vec![0, KEPT];
        Ok(op)
    }

    /// The filesystem of a tester behind the verdicts on its commands.
    pub(super) fn judge(
        &mut self,
        stage: &'a Stage,
        state: &State,
        kept: &Kept,
    ) -> Result<Option<Output>, LowerError> {
        let mut root = state.root;
        for command in &kept.commands {
            let step = &stage.steps[command.position];
            let name = self.step_name(stage, command.position, state);
            let script = ["/bin/sh".to_owned(), format!("{SCRIPTS}/verdict")];
            let told = [stage.name.clone(), names::action(&step.action)];
            let mut op = ExecOp::new(root, script.into_iter().chain(told), state.platform.clone());
            // Who looks into the verdict finds what the command had.
            op.env.clone_from(&command.env);
            op.cwd.clone_from(&command.cwd);
            op.user.clone_from(&command.user);
            op.network = Network::None;
            op.mounts.push(Mount::bind(SCRIPTS, kept.scripts).readonly());
            op.mounts.push(Mount::bind(NOTED, Some(command.noted)).readonly());
            // A command that runs anew is judged anew.
            let ignore_cache = self.world.settings.no_cache.is_for(&stage.name);
            let mut metadata = Metadata { ignore_cache, ..Metadata::named(names::verdict(&name)) };
            let digest = self
                .graph
                .digest(command.op)
                .map_err(|e| LowerError::Op { source: e, site: step.at.clone() })?;
            metadata.description.insert(VERDICT_OF.to_owned(), digest.to_string());
            root = Some(self.add(op, metadata, &step.at)?.root());
        }
        Ok(root)
    }

    fn internal(&mut self, op: FileOp, name: &str, step: &'a Step) -> Result<Output, LowerError> {
        Ok(self.add(op, Metadata::named(name), &step.at)?.root())
    }
}

impl Kept {
    /// Takes a command that was added.
    pub(super) fn ran(&mut self, position: usize, op: OpId, command: &ExecOp) {
        let noted = command.output_at(NOTED).expect("mounted to be written");
        self.commands.push(Command {
            position,
            op,
            noted: op.output(noted),
            env: command.env.clone(),
            cwd: command.cwd.clone(),
            user: command.user.clone(),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scripts_say_where_the_code_is_noted() {
        assert!(RUN.contains(&format!("> {NOTED}/code || exit 1\nexit {KEPT}\n")), "{RUN}");
        for script in [RUN, VERDICT] {
            assert!(
                script.starts_with("if [ ") && script.contains(&format!("-s {NOTED}/code ]; then")),
                "{script}"
            );
        }
        assert!(VERDICT.contains(&format!("read -r code < {NOTED}/code\n")), "{VERDICT}");
    }
}
