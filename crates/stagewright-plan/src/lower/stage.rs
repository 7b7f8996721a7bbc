//! A stage: where it starts, and its steps one by one.

use buildkit_llb::{
    CopyAction, CopyMode, FileInput, FileOp, Metadata, MkdirAction, MkfileAction, Output, Owner,
    PassthroughOp, Platform, RmAction, SymlinkAction, caps, path,
};

use super::kept::Kept;
use super::{ContextKey, LowerError, Lowering, epoch, image, names, platform_of};
use crate::config::{History, ImageConfig};
use crate::plan::{Action, NewUser, Origin, Role, Stage, Step};

/// A stage so far.
#[derive(Clone, Debug)]
pub(super) struct State {
    /// Its filesystem; `None` is an empty one.
    pub(super) root: Option<Output>,
    /// The platform of what runs in it.
    pub(super) platform: Platform,
    /// Environment of its commands, in the config's order, where a variable that is set again keeps its place.
    env: Vec<(String, String)>,
    /// Variables that this stage set again: to its commands they come last, as in the Go client.
    moved: Vec<String>,
    /// Config of an image of it.
    pub(super) config: ImageConfig,
    /// Config of the image that it started from, as it is.
    pub(super) base_config: Option<ImageConfig>,
    /// The users that were made in it, if it began empty: otherwise its files tell.
    pub(super) users: Option<Vec<NewUser>>,
    /// The last step of its history, which is kept by [`Steps`]: its config has that of the image that it started from.
    pub(super) recorded: Option<usize>,
    /// The commands of a tester of which everything is kept.
    pub(super) kept: Option<Kept>,
    /// What such a tester left, whatever its verdict.
    pub(super) left: Option<Option<Output>>,
}

/// The history of all stages. What a stage has from another stands in it once, however long a chain of stages is.
#[derive(Debug, Default)]
pub(super) struct Steps(Vec<(Option<usize>, History)>);

impl Steps {
    /// Adds a step behind another, and gives its position.
    fn record(&mut self, before: Option<usize>, step: &Step, layer: bool, created: Option<String>) -> usize {
        let entry = History {
            created,
            created_by: names::action(&step.action),
            comment: "stagewright".to_owned(),
            empty_layer: !layer,
            ..History::default()
        };
        self.0.push((before, entry));
        self.0.len() - 1
    }

    /// A step and those before it, from the first.
    pub(super) fn up_to(&self, last: Option<usize>) -> Vec<History> {
        let chain = std::iter::successors(last, |step| self.0[*step].0);
        let mut history: Vec<History> = chain.map(|step| self.0[step].1.clone()).collect();
        history.reverse();
        history
    }
}

impl State {
    /// The working directory.
    pub(super) fn cwd(&self) -> &str {
        match self.config.config.working_dir.as_str() {
            "" => "/",
            cwd => cwd,
        }
    }

    /// The environment of a command, in its order.
    pub(super) fn env(&self) -> impl Iterator<Item = &(String, String)> {
        let is_moved = |variable: &(String, String)| self.moved.contains(&variable.0);
        let placed = self.env.iter().filter(move |variable| !is_moved(variable));
        let moved = self.moved.iter();
        placed.chain(moved.filter_map(|name| self.env.iter().find(|(known, _)| known == name)))
    }

    fn set_env(&mut self, name: &str, value: &str) {
        match self.env.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => {
                value.clone_into(old);
                self.moved.retain(|known| known != name);
                self.moved.push(name.to_owned());
            }
            None => self.env.push((name.to_owned(), value.to_owned())),
        }
        image::set_env(&mut self.config.config.env, name, value);
    }
}

impl<'a> Lowering<'a> {
    /// A stage, once everything that it is made from is lowered.
    pub(super) fn stage(&mut self, stage: &'a Stage) -> Result<State, LowerError> {
        if let Some(key) = self.substitutes.of(&stage.name) {
            return Ok(self.stood_in(&key));
        }
        let mut state = self.start(stage)?;
        state.kept = self.is_kept(stage)?.then(Kept::default);
        state.left = None;
        for (position, step) in stage.steps.iter().enumerate() {
            self.step(stage, position, step, &mut state)?;
        }
        if let Some(kept) = state.kept.take() {
            state.left = Some(state.root);
            state.root = self.judge(stage, &state, &kept)?;
        }
        if stage.role.is_image() {
            image::apply(&stage.runtime, &mut state.config.config);
        }
        Ok(state)
    }

    fn start(&mut self, stage: &'a Stage) -> Result<State, LowerError> {
        let mut state = match (self.substitutes.of_origin(&stage.from), &stage.from) {
            (Some(key), Origin::Image(_)) => self.stood_in(&key),
            (_, Origin::Stage(from)) => self.take(from).started_from(),
            (_, Origin::Image(image)) => {
                let (op, config) = self.image(image, &stage.name, &stage.at)?;
                State::from_image(Some(op.root()), self.world.platform_of(image), config)
            }
            (_, _) => State::scratch(None, self.world.platform.clone()),
        };
        if stage.role == Role::Tester && !stage.gates.is_empty() && self.waits(stage) {
            state.root = Some(self.after_other_testers(stage, &state)?);
        }
        Ok(state)
    }

    /// What a context is that stands in for an image or a stage.
    fn stood_in(&self, key: &ContextKey) -> State {
        let root = self.contexts[key];
        let platform = platform_of(&key.on, &self.world.platform, &self.world.build_platform);
        match self.world.contexts[key].config() {
            Some(config) => State::from_image(root, platform, config),
            None => State::scratch(root, platform),
        }
    }

    /// Whether a gated tester waits for others by its own ops. One without steps need not: they are then beside it.
    pub(super) fn waits(&self, tester: &Stage) -> bool {
        !tester.steps.is_empty() || self.world.abilities.has(caps::PASSTHROUGH_OP)
    }

    /// Where a tester starts that waits for others.
    fn after_other_testers(&mut self, stage: &'a Stage, state: &State) -> Result<Output, LowerError> {
        let at = &stage.gates[0].at;
        if !self.world.abilities.has(caps::PASSTHROUGH_OP) {
            return Err(LowerError::Order { stage: stage.name.clone(), site: at.clone() });
        }
        let root = self.or_empty(state.root, stage)?;
        let gates = stage.gates.iter().filter_map(|gate| self.roots[gate.stage.as_str()]);
        let op = PassthroughOp::requiring(format!("order {}", stage.name), root, gates);
        let name = names::order(&stage.name, stage.gates.iter().map(|gate| gate.stage.as_str()));
        Ok(self.add(op, Metadata::named(name), at)?.root())
    }

    fn step(
        &mut self,
        stage: &'a Stage,
        position: usize,
        step: &'a Step,
        state: &mut State,
    ) -> Result<(), LowerError> {
        let settings = &self.world.settings;
        let name = self.step_name(stage, position, state);
        let metadata =
            Metadata { ignore_cache: settings.no_cache.is_for(&stage.name), ..Metadata::named(name.clone()) };
        let layer = match &step.action {
            Action::Copy(copy) => {
                let from = self.origin(&copy.from, &stage.name, &step.at)?;
                state.root = Some(self.copy(copy, from, &name, metadata, step, state)?);
                true
            }
            Action::Run(run) => {
                let mut op = self.exec(stage, step, run, state)?;
                let mut kept = state.kept.take();
                if let Some(kept) = &mut kept {
                    op = self.keep_command(op, kept, step)?;
                }
                let metadata = Metadata { linux_resources: settings.resources.clone(), ..metadata };
                let command = kept.is_some().then(|| op.clone());
                let op = self.add(op, metadata, &step.at)?;
                if let (Some(kept), Some(command)) = (&mut kept, &command) {
                    kept.ran(position, op, command);
                }
                state.kept = kept;
                self.commands.entry(&stage.name).or_default().push(op);
                state.root = Some(op.root());
                true
            }
            Action::Env { name, value } => {
                state.set_env(name, value);
                false
            }
            Action::User { user } => {
                state.config.config.user.clone_from(user);
                false
            }
            Action::AddUser(user) => {
                state.root = Some(self.user(user, metadata, step, state)?);
                true
            }
            Action::Workdir { path } => {
                let cwd = path::resolve(state.cwd(), path);
                state.config.config.working_dir.clone_from(&cwd);
                let layer = cwd != "/";
                if layer {
                    let user = &state.config.config.user;
                    let owner = (!user.is_empty()).then(|| Owner::parse(user));
                    let created = settings.created();
                    let made = MkdirAction { parents: true, owner, created, ..MkdirAction::new(cwd, 0o755) };
                    // A directory is made anew only when what is below it is: the cache is not asked to be ignored.
                    let metadata = Metadata { ignore_cache: false, ..metadata };
                    state.root =
                        Some(self.add(FileOp::chain(state.root, [made]), metadata, &step.at)?.root());
                }
                layer
            }
            Action::Mkdir { path, mode, owner } => {
                let path = path::resolve(state.cwd(), path);
                let owner = owner.as_deref().map(Owner::parse);
                let created = settings.created();
                let made =
                    MkdirAction { parents: true, owner, created, ..MkdirAction::new(path, bits(*mode)) };
                state.root = Some(self.add(FileOp::chain(state.root, [made]), metadata, &step.at)?.root());
                true
            }
            Action::File { path, text, mode, owner } => {
                let op = self.file_op(step, path, text, *mode, owner.as_deref(), state)?;
                state.root = Some(self.add(op, metadata, &step.at)?.root());
                true
            }
            Action::Remove { path, optional } => {
                let path = path::resolve(state.cwd(), path);
                let removal =
                    RmAction { allow_not_found: *optional, allow_wildcard: true, ..RmAction::new(path) };
                let op = FileOp::chain(state.root, [removal]);
                state.root = Some(self.add(op, metadata, &step.at)?.root());
                true
            }
            Action::Symlink { target, path } => {
                let created = settings.created();
                let path = path::resolve(state.cwd(), path);
                let link = SymlinkAction { created, ..SymlinkAction::new(target, path) };
                state.root = Some(self.add(FileOp::chain(state.root, [link]), metadata, &step.at)?.root());
                true
            }
        };
        state.recorded = Some(self.history.record(
            state.recorded,
            step,
            layer,
            settings.source_date_epoch.map(epoch::rfc3339),
        ));
        Ok(())
    }

    /// What people read about a step.
    pub(super) fn step_name(&self, stage: &Stage, position: usize, state: &State) -> String {
        // What all platforms share is for none of them: it has one name, whichever of them is built first.
        let is_shared = self.checked.plan().serves_all_platforms();
        let target = (!is_shared).then_some(&self.world.platform);
        let several = self.world.multi_platform.then_some((&state.platform, target));
        names::step(stage, position, several)
    }

    /// A file, by way of an op of its own: as `COPY <<EOF`, which makes the directories above it. Its name there is
    /// part of the cache key, so it is the one that most heredocs have.
    pub(super) fn file_op(
        &mut self,
        step: &'a Step,
        path: &str,
        text: &str,
        mode: u32,
        owner: Option<&str>,
        state: &State,
    ) -> Result<FileOp, LowerError> {
        let dest = path::resolve(state.cwd(), path);
        let made = MkfileAction::new("/EOF", 0o644, text.to_owned().into_bytes());
        let metadata = Metadata::named("[internal] preparing inline document");
        let document = self.add(FileOp::chain(None, [made]), metadata, &step.at)?.root();
        let mut copy = CopyAction::new(document, "/EOF", dest);
        copy.create_dest_path = true;
        copy.owner = owner.map(Owner::parse);
        copy.mode = (mode != 0o644).then(|| CopyMode::Bits(bits(mode)));
        let mut op = FileOp::default();
        op.push(FileInput::from(state.root), copy);
        Ok(op)
    }
}

impl State {
    /// A stage with nothing of its own.
    fn new(root: Option<Output>, platform: Platform, config: ImageConfig) -> Self {
        Self {
            root,
            platform,
            env: Vec::new(),
            moved: Vec::new(),
            config,
            base_config: None,
            users: None,
            recorded: None,
            kept: None,
            left: None,
        }
    }

    fn from_image(root: Option<Output>, platform: Platform, config: &ImageConfig) -> Self {
        let base_config = Some(config.clone());
        let mut config = config.clone();
        // The exporter says when this image was made.
        config.created = None;
        // Triggers are for who starts from the base, not for who starts from this.
        config.config.on_build.clear();
        let mut state = Self { base_config, ..Self::new(root, platform, config) };
        for variable in state.config.config.env.clone() {
            let (name, value) = variable.split_once('=').unwrap_or((&variable, ""));
            state.set_env(name, value);
        }
        state
    }

    /// What a stage that starts from this one begins with: there a variable that was set again has its old place (BuildKit
    /// v0.33.1 `frontend/dockerfile/dockerfile2llb/convert.go`).
    fn started_from(mut self) -> Self {
        self.moved.clear();
        self
    }

    /// As docker/dockerfile: an empty image has the default `PATH` in its config.
    fn scratch(root: Option<Output>, platform: Platform) -> Self {
        let config = ImageConfig {
            architecture: platform.architecture.clone(),
            os: platform.os.clone(),
            variant: Some(platform.variant.clone()).filter(|variant| !variant.is_empty()),
            ..ImageConfig::default()
        };
        // A context that stands in for something has files of its own.
        let users = root.is_none().then(Vec::new);
        let mut state = Self { users, ..Self::new(root, platform, config) };
        state.set_env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        state
    }
}

/// Permission bits, which a checked Plan keeps below 0o10000.
pub(super) fn bits(mode: u32) -> u16 {
    u16::try_from(mode & 0o7777).expect("twelve bits fit")
}
