//! `Stage`: one name and one list of steps.
//!
//! All methods stand beside the type: the compiler's messages call one that is defined in another module by the path
//! of that module.

mod gates;
mod value;

use std::fmt;
use std::marker::PhantomData;
use std::rc::Rc;

pub use gates::Gates;
pub use value::Value;

use super::files::{Artifact, Contents, CopyInto, Reports, Root};
use super::record::Recorder;
use super::role::{
    Base, Builder, Deps, Gated, HasRoot, IsImage, Judges, Makes, Role, Runtime, StartsBase, StartsBuilder,
    StartsDeps, StartsDev, StartsRuntime, Tester,
};
use super::run::{Argv, Run};
use super::runtime::{Healthcheck, IntoPorts, NONROOT};
use crate::plan::{self, Action, NewUser, Origin};
use crate::site::Site;

/// A stage of role `R`.
///
/// A step takes the stage and gives it back; `&stage` starts the next, named stage. A stage that was used (another
/// started from it, or an artifact was taken) is closed: a further step is an error that shows both lines. An
/// image's gates stay open.
#[must_use = "a step gives the stage back: `let stage = stage.run(…);`"]
pub struct Stage<R> {
    recorder: Rc<Recorder>,
    index: usize,
    role: PhantomData<fn() -> R>,
}

impl<R: Role> Stage<R> {
    pub(super) fn start(
        recorder: &Rc<Recorder>,
        name: String,
        role: plan::Role,
        from: Origin,
        site: Site,
    ) -> Self {
        let index = recorder.start(name, role, from, site);
        Self { recorder: Rc::clone(recorder), index, role: PhantomData }
    }

    /// Copies files: of a directory, what is in it; several files into a directory (`to` ends with a slash).
    #[track_caller]
    pub fn copy(self, from: impl CopyInto<R>, to: impl Into<String>) -> Self {
        let copy = from.copy_to(to.into());
        self.step(Action::Copy(copy))
    }

    /// Runs a command: a shell line, a list of arguments, or [`sh`](crate::sh) with options.
    #[track_caller]
    pub fn run(self, command: impl Into<Run>) -> Self {
        let run = command.into().run;
        self.step(Action::Run(run))
    }

    /// Sets an environment variable, for later steps and, in an image, for its containers.
    #[track_caller]
    pub fn env(self, name: impl Into<String>, value: impl Value) -> Self {
        self.step(Action::Env { name: name.into(), value: value.value() })
    }

    /// Sets several environment variables.
    #[track_caller]
    pub fn envs<K: Into<String>, V: Value>(self, pairs: impl IntoIterator<Item = (K, V)>) -> Self {
        let mut stage = self;
        for (name, value) in pairs {
            stage = stage.env(name, value);
        }
        stage
    }

    /// Sets the working directory and makes it.
    #[track_caller]
    pub fn workdir(self, path: impl Into<String>) -> Self {
        self.step(Action::Workdir { path: path.into() })
    }

    /// Sets the user (name or id, with `:group` if wanted), of later steps and, in an image, of its containers.
    #[track_caller]
    pub fn user(self, user: impl Into<String>) -> Self {
        self.step(Action::User { user: user.into() })
    }

    /// Makes a user with this id, and a group of the same name and id: one who does not log in and has no home.
    ///
    /// By the tools of the image, as Debian, Fedora, Alpine and busybox have them; in a stage from scratch, in
    /// `/etc/passwd` and `/etc/group`. Then `.user(name)` runs what follows as that user.
    #[track_caller]
    pub fn add_user(self, name: impl Into<String>, id: u32) -> Self {
        self.step(Action::AddUser(NewUser { name: name.into(), id, home: None }))
    }

    /// The same with a home directory, which is made and belongs to the user.
    #[track_caller]
    pub fn add_user_with_home(self, name: impl Into<String>, id: u32, home: impl Into<String>) -> Self {
        self.step(Action::AddUser(NewUser { name: name.into(), id, home: Some(home.into()) }))
    }

    /// Makes a directory with its parents, with mode 755 and owned by root.
    #[track_caller]
    pub fn mkdir(self, path: impl Into<String>) -> Self {
        self.step(Action::Mkdir { path: path.into(), mode: 0o755, owner: None })
    }

    /// Writes a file: a text, or [`text`](crate::text) with mode and owner.
    #[track_caller]
    pub fn file(self, path: impl Into<String>, contents: impl Contents) -> Self {
        let text = contents.contents();
        self.step(Action::File { path: path.into(), text: text.text, mode: text.mode, owner: text.owner })
    }

    /// Removes a file, or a directory with what is in it; `*`, `?` and `[…]` match names. What is not there is an error.
    #[track_caller]
    pub fn remove(self, path: impl Into<String>) -> Self {
        self.step(Action::Remove { path: path.into(), optional: false })
    }

    /// Makes a symbolic link at `path` that says `target`. The directory that it stands in must be there.
    #[track_caller]
    pub fn symlink(self, target: impl Into<String>, path: impl Into<String>) -> Self {
        self.step(Action::Symlink { target: target.into(), path: path.into() })
    }

    /// Goes through a preset: a function that takes a stage and gives it back.
    #[track_caller]
    pub fn apply<S>(self, preset: impl FnOnce(Self) -> Stage<S>) -> Stage<S> {
        let recorder = Rc::clone(&self.recorder);
        recorder.through(Site::caller(), || preset(self))
    }

    /// Goes through a preset if a condition holds.
    #[track_caller]
    pub fn when(self, condition: bool, preset: impl FnOnce(Self) -> Self) -> Self {
        if condition { self.apply(preset) } else { self }
    }

    /// Goes through a preset once for each item.
    #[track_caller]
    pub fn each<T>(self, items: impl IntoIterator<Item = T>, preset: impl Fn(Self, T) -> Self) -> Self {
        let site = Site::caller();
        let recorder = Rc::clone(&self.recorder);
        items
            .into_iter()
            .fold(self, |stage, item| recorder.through(site.clone(), || preset(stage, item)))
    }

    /// Starts a base from this stage.
    #[track_caller]
    pub fn base(&self, name: impl Into<String>) -> Stage<Base>
    where
        R: StartsBase,
    {
        self.next(name.into(), plan::Role::Base)
    }

    /// Starts a deps stage from this one.
    #[track_caller]
    pub fn deps(&self, name: impl Into<String>) -> Stage<Deps>
    where
        R: StartsDeps,
    {
        self.next(name.into(), plan::Role::Deps)
    }

    /// Starts a builder from this stage.
    #[track_caller]
    pub fn builder(&self, name: impl Into<String>) -> Stage<Builder>
    where
        R: StartsBuilder,
    {
        self.next(name.into(), plan::Role::Builder)
    }

    /// Starts a tester from this stage, also from the very image that it gates.
    #[track_caller]
    pub fn tester(&self, name: impl Into<String>) -> Stage<Tester> {
        self.next(name.into(), plan::Role::Tester)
    }

    /// Starts a runtime image from this stage. If this is a dev image, so is that: it does not ship.
    #[track_caller]
    pub fn runtime(&self, name: impl Into<String>) -> Stage<Runtime>
    where
        R: StartsRuntime,
    {
        self.next(name.into(), plan::Role::Runtime)
    }

    /// Starts an image for development from this stage, with everything that is in it.
    #[track_caller]
    pub fn dev(&self, name: impl Into<String>) -> Stage<Runtime>
    where
        R: StartsDev,
    {
        self.next(name.into(), plan::Role::Dev)
    }

    /// What this stage made at an absolute path.
    #[track_caller]
    pub fn artifact(&self, path: impl Into<String>) -> Artifact
    where
        R: Makes,
    {
        self.recorder.used(self.index, Site::caller(), "copied from");
        Artifact::new(self.name(), path.into())
    }

    /// Everything in this image: for testers, which judge what ships.
    #[track_caller]
    pub fn root(&self) -> Root
    where
        R: HasRoot,
    {
        self.recorder.used(self.index, Site::caller(), "copied from");
        Root::new(self.name())
    }

    /// The reports of this tester, for other testers: they are there also when this one failed. Who wants its success, too,
    /// is gated by it.
    #[track_caller]
    pub fn reports(&self) -> Reports
    where
        R: Judges,
    {
        self.recorder.used(self.index, Site::caller(), "copied from");
        Reports::new(self.name())
    }

    /// Makes the success of testers a condition of this image, or of this tester.
    ///
    /// The gate adds nothing to the image, and the image is built beside its tests.
    #[track_caller]
    pub fn gated_by(self, gates: impl Gates) -> Self
    where
        R: Gated,
    {
        self.recorder.gate(self.index, Site::caller(), gates.testers());
        self
    }

    /// A file or directory that this tester leaves for people: what is exported when the tester is a target.
    ///
    /// It comes out also when the tester fails: by `build --reports DIRECTORY` of whatever needs the tester, and by the target
    /// `NAME-reports`, which every tester has that leaves reports, unless something else has that name. See [`Reports`] for
    /// what taking them so asks of the tester.
    #[track_caller]
    pub fn report(self, path: impl Into<String>) -> Self
    where
        R: Judges,
    {
        self.recorder.report(self.index, Site::caller(), path.into());
        self
    }

    /// Allows a finding in this stage, by its code: `stage.allow("root-user")`. No warning, and no error, tells of it then.
    #[track_caller]
    pub fn allow(self, code: impl Into<String>) -> Self {
        self.recorder.allow(Some(self.index), Site::caller(), code.into());
        self
    }

    /// The program that a container runs, with first arguments.
    #[track_caller]
    pub fn entrypoint(self, arguments: impl Argv) -> Self
    where
        R: IsImage,
    {
        let arguments = arguments.argv();
        self.configure(|runtime| runtime.entrypoint = Some(arguments))
    }

    /// The arguments of the entrypoint; without one, the program that a container runs.
    #[track_caller]
    pub fn cmd(self, arguments: impl Argv) -> Self
    where
        R: IsImage,
    {
        let arguments = arguments.argv();
        self.configure(|runtime| runtime.cmd = Some(arguments))
    }

    /// A port that a container serves, or several.
    #[track_caller]
    pub fn expose(self, ports: impl IntoPorts) -> Self
    where
        R: IsImage,
    {
        let ports = ports.ports();
        self.configure(|runtime| runtime.expose.extend(ports.iter().map(ToString::to_string)))
    }

    /// A label of the image.
    #[track_caller]
    pub fn label(self, name: impl Into<String>, value: impl Value) -> Self
    where
        R: IsImage,
    {
        let (name, value) = (name.into(), value.value());
        self.configure(|runtime| {
            runtime.labels.insert(name, value);
        })
    }

    /// Several labels of the image.
    #[track_caller]
    pub fn labels<K: Into<String>, V: Value>(self, pairs: impl IntoIterator<Item = (K, V)>) -> Self
    where
        R: IsImage,
    {
        let pairs: Vec<_> = pairs.into_iter().map(|(name, value)| (name.into(), value.value())).collect();
        self.configure(|runtime| runtime.labels.extend(pairs))
    }

    /// An annotation of the image: what a registry shows without pulling it.
    #[track_caller]
    pub fn annotation(self, name: impl Into<String>, value: impl Value) -> Self
    where
        R: IsImage,
    {
        let (name, value) = (name.into(), value.value());
        self.configure(|runtime| {
            runtime.annotations.insert(name, value);
        })
    }

    /// Carries a list of what is in the image (an SBOM), made by the daemon's own scanner. Whoever builds may say otherwise
    /// by `--sbom`.
    #[track_caller]
    pub fn sbom(self) -> Self
    where
        R: IsImage,
    {
        self.configure(|runtime| runtime.attests.sbom = Some(plan::Sbom::default()))
    }

    /// The same, made by this scanner: an image that speaks BuildKit's scanner protocol.
    #[track_caller]
    pub fn sbom_by(self, scanner: impl Into<String>) -> Self
    where
        R: IsImage,
    {
        let generator = Some(scanner.into());
        self.configure(|runtime| runtime.attests.sbom = Some(plan::Sbom { generator }))
    }

    /// Carries a statement of how the image was built. Whoever builds may say otherwise by `--provenance`.
    #[track_caller]
    pub fn provenance(self, provenance: plan::Provenance) -> Self
    where
        R: IsImage,
    {
        self.configure(|runtime| runtime.attests.provenance = Some(provenance))
    }

    /// Runs containers as the user and the group of [`NONROOT`](crate::NONROOT): no image needs to know them.
    #[track_caller]
    pub fn nonroot(self) -> Self
    where
        R: IsImage,
    {
        self.user(NONROOT)
    }

    /// How it is told whether a container is healthy.
    #[track_caller]
    pub fn healthcheck(self, healthcheck: Healthcheck) -> Self
    where
        R: IsImage,
    {
        self.configure(|runtime| runtime.healthcheck = Some(healthcheck.spec()))
    }

    /// A directory of data that outlives a container.
    #[track_caller]
    pub fn volume(self, path: impl Into<String>) -> Self
    where
        R: IsImage,
    {
        let path = path.into();
        self.configure(|runtime| runtime.volumes.push(path))
    }

    /// The signal that stops a container, as in `SIGINT`.
    #[track_caller]
    pub fn stop_signal(self, signal: impl Into<String>) -> Self
    where
        R: IsImage,
    {
        let signal = signal.into();
        self.configure(|runtime| runtime.stop_signal = Some(signal))
    }

    pub(super) fn name(&self) -> String {
        self.recorder.name(self.index)
    }

    pub(super) fn place(&self, site: Site) -> Site {
        self.recorder.place(site).0
    }

    #[track_caller]
    fn step(self, action: Action) -> Self {
        self.recorder.step(self.index, Site::caller(), action);
        self
    }

    #[track_caller]
    fn configure(self, change: impl FnOnce(&mut plan::Runtime)) -> Self {
        self.recorder.configure(self.index, Site::caller(), change);
        self
    }

    #[track_caller]
    fn next<S: Role>(&self, name: String, role: plan::Role) -> Stage<S> {
        let site = Site::caller();
        let started = format!("started from by `{name}`");
        self.recorder.used(self.index, site.clone(), &started);
        if role.is_image() {
            self.recorder.inherited(self.index, site.clone(), &started);
        }
        let role = if role == plan::Role::Runtime { self.recorder.image_role(self.index) } else { role };
        Stage::start(&self.recorder, name, role, Origin::Stage(self.name()), site)
    }
}

impl<R: Role> fmt::Debug for Stage<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stage")
            .field("name", &self.name())
            .field("role", &R::ROLE)
            .finish()
    }
}
