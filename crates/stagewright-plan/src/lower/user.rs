//! Users and groups: by the tools of the image, or in the files of an empty filesystem.

use buildkit_llb::{ExecOp, FileInput, FileOp, Metadata, MkdirAction, Output, Owner};

use super::run::{arguments, environment};
use super::stage::State;
use super::{LowerError, Lowering};
use crate::plan::{Command, NewUser, Run, Step};

/// The shell of a user who does not log in: Debian's tools have it here, and in Alpine no other is.
const NO_LOGIN: &str = "/sbin/nologin";
/// The home of a user without one.
const NO_HOME: &str = "/nonexistent";

impl<'a> Lowering<'a> {
    /// A user, and a group of the same name and id.
    ///
    /// Where a stage began empty there are no tools for it: then it is a line in `/etc/passwd` and one in `/etc/group`,
    /// beside those of the users before it.
    pub(super) fn user(
        &mut self,
        user: &'a NewUser,
        metadata: Metadata,
        step: &'a Step,
        state: &mut State,
    ) -> Result<Output, LowerError> {
        let Some(mut users) = state.users.take() else {
            let op = self.command(&line(user), state);
            return Ok(self.add(op, metadata, &step.at)?.root());
        };
        users.push(user.clone());
        let lines = |line: fn(&NewUser) -> String| users.iter().map(line).collect::<String>();
        let (passwd, group) = (lines(passwd), lines(group));
        state.users = Some(users);
        for (path, text) in [("/etc/passwd", passwd), ("/etc/group", group)] {
            let op = self.file_op(step, path, &text, 0o644, None, state)?;
            state.root = Some(self.add(op, metadata.clone(), &step.at)?.root());
        }
        if let Some(home) = &user.home {
            let mut made = MkdirAction { parents: true, ..MkdirAction::new(home.clone(), 0o755) };
            made.owner = Some(Owner::ids(user.id, user.id));
            made.created = self.world.settings.created();
            let mut op = FileOp::default();
            op.push(FileInput::from(state.root), made);
            state.root = Some(self.add(op, metadata, &step.at)?.root());
        }
        Ok(state.root.expect("a file was written"))
    }

    /// A line for the image's shell, as root.
    fn command(&self, line: &str, state: &State) -> ExecOp {
        let run = Run::new(Command::Shell(line.to_owned()));
        let words = arguments(&run.command, &state.config.config.shell);
        let mut op = ExecOp::new(state.root, words, state.platform.clone());
        op.env = environment(&run, state);
        op.cwd = "/".to_owned();
        op.user = "0".to_owned();
        self.apply_settings(&mut op);
        op
    }
}

/// Debian's and Fedora's tools, Alpine's, or the two files where there are none. A checked Plan has no word in it that a
/// shell would take for its own.
fn line(user: &NewUser) -> String {
    let NewUser { name, id, home } = user;
    let (long, short, at) = match home {
        Some(home) => ("--create-home", "", home.as_str()),
        None => ("--no-create-home", " -H", NO_HOME),
    };
    let (passwd, group) = (passwd(user), group(user));
    let made = match home {
        Some(home) => format!(" && mkdir -p {home} && chown {id}:{id} {home}"),
        None => String::new(),
    };
    format!(
        "if command -v useradd >/dev/null; then groupadd --gid {id} {name} && useradd --no-log-init --uid {id} \
         --gid {id} {long} --home-dir {at} --shell {NO_LOGIN} {name}; \
         elif command -v adduser >/dev/null; then addgroup -g {id} {name} && \
         adduser -D{short} -h {at} -s {NO_LOGIN} -G {name} -u {id} {name}; \
         else echo {} >>/etc/group && echo {} >>/etc/passwd{made}; fi",
        group.trim_end(),
        passwd.trim_end(),
    )
}

fn passwd(user: &NewUser) -> String {
    let NewUser { name, id, home } = user;
    let home = home.as_deref().unwrap_or(NO_HOME);
    format!("{name}:x:{id}:{id}:{name}:{home}:{NO_LOGIN}\n")
}

fn group(user: &NewUser) -> String {
    format!("{}:x:{}:\n", user.name, user.id)
}
