//! Commands: one exec op each, as docker/dockerfile's RUN.

use buildkit_llb::{
    CacheSharing, ExecOp, FileOp, Metadata, MkdirAction, MkfileAction, Mount, Network, Output, Owner,
    SecretEnv, SecretMount, SshMount, path,
};

use super::stage::{State, bits};
use super::{LowerError, Lowering, epoch};
use crate::plan::{self, Command, Run, Sharing, Stage, Step};

/// Where a script is while it runs, and what it is called: as a heredoc of docker/dockerfile.
const SCRIPTS: &str = "/dev/pipes";
const SCRIPT: &str = "EOF";
/// The variable that tells a command in which span of time it runs, so that it runs anew in each.
const REFRESH: &str = "STAGEWRIGHT_REFRESH";
/// From a Monday's midnight to that of the first day of 1970, a Thursday, in seconds.
const MONDAY: i64 = 3 * 24 * 60 * 60;

/// What reads command lines where the image does not say.
const DEFAULT_SHELL: [&str; 2] = ["/bin/sh", "-c"];

impl<'a> Lowering<'a> {
    pub(super) fn exec(
        &mut self,
        stage: &'a Stage,
        step: &'a Step,
        run: &'a Run,
        state: &State,
    ) -> Result<ExecOp, LowerError> {
        let mut op = ExecOp::new(
            state.root,
            arguments(&run.command, &state.config.config.shell),
            state.platform.clone(),
        );
        if let Command::Script { text, .. } = &run.command {
            op.mounts.push(self.script(text, step)?);
        }
        op.env = environment(run, state);
        if let Some(seconds) = run.refresh {
            op.env
                .push(format!("{REFRESH}={}", epoch::rfc3339(began(self.world.now, seconds))));
        }
        op.cwd = run
            .workdir
            .as_ref()
            .map_or_else(|| state.cwd().to_owned(), |dir| path::resolve(state.cwd(), dir));
        op.user = run.user.clone().unwrap_or_else(|| state.config.config.user.clone());
        self.apply_settings(&mut op);
        if run.no_network {
            op.network = Network::None;
        }
        for mount in &run.mounts {
            match mount {
                plan::Mount::Cache(cache) => {
                    let mount = self.cache(cache, step)?;
                    op.mounts.push(mount);
                }
                plan::Mount::Tmpfs { path } => op.mounts.push(Mount::tmpfs(path.clone(), 0)),
                plan::Mount::Bind { from, source, path } => {
                    let from = self.origin(from, &stage.name, &step.at)?;
                    op.mounts.push(bind(from, source, path));
                }
                plan::Mount::Secret { id, path } => {
                    let optional = self.optional_secrets.contains(id.as_str());
                    op.secrets
                        .push(SecretMount { optional, ..SecretMount::new(id.clone(), path.clone()) });
                }
                plan::Mount::Ssh { id } => {
                    let socket = SshMount::default_dest(op.ssh.len());
                    op.ssh.push(SshMount::new(id.clone(), socket));
                }
            }
        }
        name_socket(&mut op);
        for secret in &run.secret_env {
            let optional = self.optional_secrets.contains(secret.id.as_str());
            op.secret_env
                .push(SecretEnv { optional, ..SecretEnv::new(secret.id.clone(), secret.name.clone()) });
        }
        if self.world.settings.shm_size > 0 {
            let size = i64::try_from(self.world.settings.shm_size).unwrap_or(i64::MAX);
            op.mounts.push(Mount::tmpfs("/dev/shm", size));
        }
        Ok(op)
    }

    /// A script, by way of an op of its own.
    fn script(&mut self, text: &str, step: &'a Step) -> Result<Mount, LowerError> {
        let made = MkfileAction::new(format!("/{SCRIPT}"), 0o755, text.to_owned().into_bytes());
        let metadata = Metadata::named("[internal] preparing inline document");
        let document = self.add(FileOp::chain(None, [made]), metadata, &step.at)?.root();
        Ok(Mount::bind(SCRIPTS, Some(document)).readonly())
    }

    /// A cache under the id that docker/dockerfile gives it: the namespace, a slash, and the id or the path.
    fn cache(&mut self, cache: &plan::Cache, step: &'a Step) -> Result<Mount, LowerError> {
        let namespace = &self.world.settings.cache_namespace;
        let id = cache.id.clone().unwrap_or_else(|| path::clean(&cache.path));
        let sharing = match cache.sharing {
            Sharing::Shared => CacheSharing::Shared,
            Sharing::Private => CacheSharing::Private,
            Sharing::Locked => CacheSharing::Locked,
        };
        let mount = Mount::cache(cache.path.clone(), format!("{namespace}/{id}"), sharing);
        if cache.owner.is_none() && cache.mode.is_none() {
            return Ok(mount);
        }
        let (user, group) = cache.owner.unwrap_or_default();
        let mut made = MkdirAction::new("/cache", cache.mode.map_or(0o755, bits));
        made.owner = Some(Owner::ids(user, group));
        let metadata = Metadata::named("[internal] setting cache mount permissions");
        let beginning = self.add(FileOp::chain(None, [made]), metadata, &step.at)?.root();
        Ok(mount.with_input(Some(beginning)).selecting("/cache"))
    }

    pub(super) fn apply_settings(&self, op: &mut ExecOp) {
        let settings = &self.world.settings;
        op.hostname.clone_from(&settings.hostname);
        op.network = settings.network;
        op.proxy.clone_from(&settings.proxy);
        op.extra_hosts.clone_from(&settings.extra_hosts);
        op.ulimits.clone_from(&settings.ulimits);
        op.cgroup_parent.clone_from(&settings.cgroup_parent);
    }
}

/// Says where the first agent's socket is, unless the environment does.
fn name_socket(op: &mut ExecOp) {
    const NAME: &str = "SSH_AUTH_SOCK=";
    if let Some(agent) = op.ssh.first()
        && !op.env.iter().any(|variable| variable.starts_with(NAME))
    {
        op.env.push(format!("{NAME}{}", agent.dest));
    }
}

pub(super) fn arguments(command: &Command, shell: &[String]) -> Vec<String> {
    match command {
        Command::Argv(arguments) => arguments.clone(),
        Command::Shell(line) if shell.is_empty() => {
            DEFAULT_SHELL.map(str::to_owned).into_iter().chain([line.clone()]).collect()
        }
        Command::Shell(line) => shell.iter().chain([line]).cloned().collect(),
        Command::Script { interpreter, .. } => {
            interpreter.iter().cloned().chain([format!("{SCRIPTS}/{SCRIPT}")]).collect()
        }
    }
}

/// The stage's environment, then the command's own: a variable stands where it was set last.
pub(super) fn environment(run: &Run, state: &State) -> Vec<String> {
    let mut env: Vec<&(String, String)> = state.env().collect();
    for own in &run.env {
        env.retain(|known| known.0 != own.0);
        env.push(own);
    }
    env.into_iter().map(|(name, value)| format!("{name}={value}")).collect()
}

/// When the span of time began that this moment is in, in seconds since 1970: weeks begin on Mondays.
fn began(now: i64, seconds: u64) -> i64 {
    let span = i64::try_from(seconds).unwrap_or(i64::MAX);
    now - now.saturating_add(MONDAY).rem_euclid(span)
}

fn bind(from: Option<Output>, source: &str, at: &str) -> Mount {
    let mount = Mount::bind(at, from).readonly();
    match path::resolve("/", source) {
        root if root == "/" => mount,
        source => mount.selecting(source),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_of_time_begin_when_people_expect() {
        let check = |now: &str, seconds: u64, expected: &str| {
            let seconds_of = |text: &str| {
                let (days, clock) = text.split_once(' ').unwrap();
                let (hours, minutes) = clock.split_once(':').unwrap();
                let number = |text: &str| text.parse::<i64>().unwrap();
                number(days) * 86_400 + number(hours) * 3600 + number(minutes) * 60
            };
            assert_eq!(began(seconds_of(now), seconds), seconds_of(expected), "{now}");
        };
        check("20000 10:59", 3600, "20000 10:00");
        check("20000 10:59", 86_400, "20000 0:00");
        // Day 0 was a Thursday.
        check("3 23:59", 7 * 86_400, "-3 0:00");
        check("4 0:00", 7 * 86_400, "4 0:00");
        check("10 23:59", 7 * 86_400, "4 0:00");
    }
}
