//! An example's project, its program, and what that makes.
//!
//! ```text
//! let project = Project::new("service");
//! let built = project.build().run();                      // all products, pushed
//! assert!(built.ran().contains("RUN npm ci"), "{built}");
//! let mut app = project.start("app");                     // a container of the pushed image, healthy
//! assert_eq!(app.get(3000, "/").unwrap().status, 200);
//! stop(&mut app);                                         // SIGTERM, exit 0
//! project.edit("test/it.test.js", "equal(1, 1)", "equal(1, 2)");
//! project.build().refused("1 !== 2");                     // exit 1, the text shown, nothing pushed
//! ```

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{self, Command, ExitStatus};
use std::sync::OnceLock;
use std::{fmt, fs};

use stagewright_plan::Plan;
use stagewright_tests::buildx::Progress;
use stagewright_tests::container::{Container, Containers, Image};
use stagewright_tests::{Environment, names};
use tempfile::TempDir;

use crate::support::{example, image, program, replace, run, stdout, unique};

/// Where the tests of this process have their containers: beside the programs, under its id. What a process left that is
/// no more, the next one removes.
pub(crate) fn containers() -> &'static Containers {
    static CONTAINERS: OnceLock<Containers> = OnceLock::new();
    CONTAINERS.get_or_init(|| {
        let tests = std::env::current_exe().unwrap();
        let all = tests.ancestors().nth(2).unwrap().join("containers");
        fs::create_dir_all(&all).unwrap();
        for process in names(&all) {
            if !Path::new("/proc").join(&process).exists() {
                Containers::remove_all(&all.join(process)).unwrap_or_else(|error| panic!("{error}"));
            }
        }
        Containers::new(all.join(process::id().to_string())).unwrap_or_else(|error| panic!("{error}"))
    })
}

/// Ends a container as docker would, which must go well and in time.
pub(crate) fn stop(container: &mut Container) {
    let end = container.stop().unwrap_or_else(|error| panic!("{error}"));
    assert!(end.status.success(), "it ended with {}:\n{}", end.status, container.log());
}

/// Waits until a container is healthy by its image's own check. Its process must not be root's.
pub(crate) fn healthy(mut container: Container) -> Container {
    container.wait_healthy().unwrap_or_else(|error| panic!("{error}"));
    let uid = container.uid().unwrap();
    assert_eq!(uid, container.user().uid, "{container:?}");
    assert_ne!(uid, 0, "the process is root's: {container:?}");
    container
}

/// A copy of an example's project, to be changed.
pub(crate) struct Project {
    name: String,
    program: String,
    directory: TempDir,
    /// The tag of its images, which no other test has.
    pub(crate) tag: String,
}

impl Project {
    /// Copies `examples/NAME`, whose program has that name, too.
    pub(crate) fn new(name: &str) -> Self {
        Self::built_by(name, name)
    }

    /// Copies `examples/NAME`, whose program has a name of its own.
    pub(crate) fn built_by(name: &str, program: &str) -> Self {
        let program = program.to_owned();
        Self { name: name.to_owned(), program, directory: example(name), tag: unique() }
    }

    /// The context of its builds.
    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// A file of it.
    pub(crate) fn file(&self, path: &str) -> PathBuf {
        self.path().join(path)
    }

    /// Replaces a text in a file, where it must stand.
    pub(crate) fn edit(&self, path: &str, from: &str, to: &str) {
        replace(&self.file(path), from, to);
    }

    /// A build of all products, unless it is told otherwise.
    pub(crate) fn build(&self) -> Build<'_> {
        let (parameters, arguments) = (Vec::new(), Vec::new());
        Build {
            project: self,
            tag: self.tag.clone(),
            targets: Vec::new(),
            parameters,
            arguments,
            environment: Vec::new(),
            kept: false,
        }
    }

    /// The repository of a target's image.
    pub(crate) fn repository(&self, target: &str) -> String {
        format!("examples/{}/{target}", self.name)
    }

    /// An image that was pushed.
    pub(crate) fn image(&self, target: &str) -> Image {
        let registry = Environment::get().registry;
        Image::find(&registry, &self.repository(target), &self.tag).unwrap_or_else(|error| panic!("{error}"))
    }

    /// An image that was pushed in an index: `linux/arm64`.
    pub(crate) fn image_for(&self, target: &str, platform: &str) -> Image {
        let registry = Environment::get().registry;
        Image::find_for(&registry, &self.repository(target), &self.tag, platform)
            .unwrap_or_else(|error| panic!("{error}"))
    }

    /// A container of the image of a target, once it is healthy.
    pub(crate) fn start(&self, target: &str) -> Container {
        let image = self.image(target);
        healthy(
            containers()
                .run(&image, target)
                .start()
                .unwrap_or_else(|error| panic!("{error}")),
        )
    }
}

/// A build that is about to be run by the example's program.
#[must_use]
pub(crate) struct Build<'a> {
    project: &'a Project,
    tag: String,
    targets: Vec<String>,
    parameters: Vec<String>,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    kept: bool,
}

impl Build<'_> {
    /// Builds this target, and only those that are named.
    pub(crate) fn target(mut self, name: &str) -> Self {
        self.targets.push(name.to_owned());
        self
    }

    /// Sets a parameter of the program.
    pub(crate) fn param(mut self, name: &str, value: &str) -> Self {
        self.parameters.extend(["--build-arg".to_owned(), format!("{name}={value}")]);
        self
    }

    /// Adds arguments of the command line: `["--platform", "linux/amd64,linux/arm64"]`.
    pub(crate) fn args<const N: usize>(mut self, arguments: [&str; N]) -> Self {
        self.arguments.extend(arguments.map(str::to_owned));
        self
    }

    /// Sets a variable of the program's environment: a secret's value.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Pushes nothing: what it makes stays in the daemon's cache.
    pub(crate) fn kept(self) -> Self {
        Self { kept: true, ..self }
    }

    /// Pushes under another tag than the project's.
    pub(crate) fn tag(self, tag: &str) -> Self {
        Self { tag: tag.to_owned(), ..self }
    }

    /// Builds, and pushes what are images. It must succeed.
    pub(crate) fn run(self) -> Built {
        let built = self.end();
        assert!(built.status.success(), "{built}");
        built
    }

    /// Builds where it must fail: with 1, saying these texts, and with nothing pushed.
    pub(crate) fn refused<const N: usize>(self, says: [&str; N]) -> Built {
        let build = self.tag(&unique());
        let (project, tag) = (build.project, build.tag.clone());
        let images = build.images();
        let built = build.end();
        assert_eq!(built.status.code(), Some(1), "{built}");
        for text in says {
            assert!(built.to_string().contains(text), "it should say {text:?}: {built}");
        }
        let registry = Environment::get().registry;
        for target in images {
            let manifest = registry.manifest(&project.repository(&target), &tag).unwrap();
            assert!(manifest.is_none(), "{target} was pushed: {built}");
        }
        built
    }

    /// The Plan of the program with these parameters.
    pub(crate) fn plan(&self) -> Plan {
        let json = stdout(program(&self.project.program).arg("plan").args(&self.parameters));
        Plan::from_json(&String::from_utf8(json).unwrap()).unwrap()
    }

    /// The targets that are asked for and are images.
    fn images(&self) -> Vec<String> {
        let plan = self.plan();
        let asked = plan.targets.iter().filter(|target| match &*self.targets {
            [] => target.product,
            named => named.contains(&target.name),
        });
        let is_image = |name: &str| plan.stages.iter().any(|it| it.name == name && it.role.is_image());
        asked
            .filter(|target| !target.files && is_image(&target.stage))
            .map(|target| target.name.clone())
            .collect()
    }

    fn end(self) -> Built {
        let mut command: Command = program(&self.project.program);
        command
            .args(["build", "--progress", "rawjson"])
            .args(&self.parameters)
            .args(&self.arguments);
        command.args(self.targets.iter().flat_map(|name| ["--target", name]));
        if self.kept {
            command.args(["-o", "type=cacheonly"]);
        } else {
            let images = self.images();
            if !images.is_empty() {
                command.arg("--push");
            }
            for target in images {
                let name = image(&self.project.repository(&target), &self.tag);
                command.args(["-t", &format!("{target}={name}")]);
            }
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        let output = run(command.arg(self.project.path()).env("NO_COLOR", "1"));
        let (progress, text) = Progress::split(&String::from_utf8_lossy(&output.stderr));
        Built { status: output.status, progress, text }
    }
}

/// A build that has ended: shown as everything that it said.
pub(crate) struct Built {
    pub(crate) status: ExitStatus,
    /// What it told of each step.
    pub(crate) progress: Progress,
    /// What it wrote for people: the failure with its source lines.
    pub(crate) text: String,
}

impl Built {
    /// The commands that ran, by name: `[api 3/4] RUN npm ci`. None of them twice.
    pub(crate) fn ran(&self) -> BTreeSet<&str> {
        let ran = self.progress.vertices().filter(|vertex| vertex.is_run() && vertex.ran());
        let mut names = BTreeSet::new();
        for vertex in ran {
            assert!(names.insert(&*vertex.name), "{} ran twice: {self}", vertex.name);
        }
        names
    }

    /// Whether a command ran with this text in its name.
    pub(crate) fn did_run(&self, text: &str) -> bool {
        self.ran().iter().any(|name| name.contains(text))
    }
}

impl fmt::Display for Built {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The failure first: what follows may be cut off where it is read.
        write!(f, "{}\n{}\n{}", self.status, self.text, self.progress)
    }
}
