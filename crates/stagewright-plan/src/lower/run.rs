//! Commands: one exec op each, as docker/dockerfile's RUN.

use buildkit_llb::{CacheSharing, ExecOp, Mount, Network, Output, SecretEnv, SecretMount, SshMount, path};

use super::stage::State;
use super::{LowerError, Lowering};
use crate::plan::{self, Command, Run, Sharing, Stage, Step};

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
        op.env = environment(run, state);
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
                plan::Mount::Cache { path, id, sharing } => {
                    let namespace = &self.world.settings.cache_namespace;
                    op.mounts.push(cache(path, namespace, id.as_deref(), *sharing));
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

    fn apply_settings(&self, op: &mut ExecOp) {
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

fn arguments(command: &Command, shell: &[String]) -> Vec<String> {
    match command {
        Command::Argv(arguments) => arguments.clone(),
        Command::Shell(line) if shell.is_empty() => {
            DEFAULT_SHELL.map(str::to_owned).into_iter().chain([line.clone()]).collect()
        }
        Command::Shell(line) => shell.iter().chain([line]).cloned().collect(),
    }
}

/// The stage's environment, then the command's own: a variable stands where it was set last.
fn environment(run: &Run, state: &State) -> Vec<String> {
    let mut env: Vec<&(String, String)> = state.env.iter().collect();
    for own in &run.env {
        env.retain(|known| known.0 != own.0);
        env.push(own);
    }
    env.into_iter().map(|(name, value)| format!("{name}={value}")).collect()
}

/// A cache under the id that docker/dockerfile gives it: the namespace, a slash, and the id or the path.
fn cache(at: &str, namespace: &str, id: Option<&str>, sharing: Sharing) -> Mount {
    let id = id.map_or_else(|| path::clean(at), str::to_owned);
    let sharing = match sharing {
        Sharing::Shared => CacheSharing::Shared,
        Sharing::Private => CacheSharing::Private,
        Sharing::Locked => CacheSharing::Locked,
    };
    Mount::cache(at, format!("{namespace}/{id}"), sharing)
}

fn bind(from: Option<Output>, source: &str, at: &str) -> Mount {
    let mount = Mount::bind(at, from).readonly();
    match path::resolve("/", source) {
        root if root == "/" => mount,
        source => mount.selecting(source),
    }
}
