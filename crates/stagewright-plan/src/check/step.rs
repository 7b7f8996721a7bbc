//! The steps of a stage: paths, commands, mounts, owners.

use std::collections::BTreeSet;

use buildkit_llb::{Graph, Metadata, Op, path};

use super::begin::Begin;
use super::stage::{StageCheck, image_problems};
use super::unknown_stage;
use crate::plan::{Action, Command, Copy, Git, Http, Mount, NewUser, Origin, Role, Run, Stage, Step};
use crate::problem::Problem;

impl StageCheck<'_> {
    pub(super) fn steps(&mut self) {
        let mut empty = self.begins[self.position] == Begin::Empty;
        for step in &self.stage.steps {
            match &step.action {
                Action::Copy(copy) => self.copy(step, copy),
                Action::Run(run) => {
                    if empty {
                        self.at(
                            step,
                            Problem::new(format!(
                                "stage `{}` is empty: there is nothing to run",
                                self.stage.name
                            ))
                            .help("copy a program into it first, or start from an image"),
                        );
                    }
                    self.run(step, run);
                }
                Action::Env { name, value } => self.variable(step, name, value),
                Action::Workdir { path } => self.path(step, "working directory", path),
                Action::User { user } => self.owner(step, Some(user)),
                Action::AddUser(user) => self.new_user(step, user),
                Action::Mkdir { path, mode, owner } => {
                    self.path(step, "directory", path);
                    self.directory_mode(step, *mode);
                    self.owner(step, owner.as_ref());
                }
                Action::File { path, mode, owner, .. } => {
                    self.path(step, "file", path);
                    if path.ends_with('/') {
                        self.at(step, Problem::new(format!("`{path}` is a directory's path, not a file's")));
                    }
                    self.mode(step, Some(*mode));
                    self.owner(step, owner.as_ref());
                }
                Action::Remove { path, .. } => self.removal(step, path),
                Action::Symlink { target, path } => {
                    self.path(step, "link", path);
                    self.path(step, "target of a link", target);
                }
            }
            empty &= !fills(step);
        }
    }

    fn copy(&mut self, step: &Step, copy: &Copy) {
        self.origin(step, &copy.from);
        if copy.paths.is_empty() {
            self.at(step, Problem::new("nothing is copied: the list of paths is empty"));
        }
        for path in &copy.paths {
            self.origin_path(step, &copy.from, path);
        }
        self.path(step, "destination", &copy.to);
        if copy.paths.len() > 1 && !copy.to.ends_with('/') {
            self.at(
                step,
                Problem::new(format!("{} files cannot become the one file `{}`", copy.paths.len(), copy.to))
                    .help(format!("end the destination with a slash: `{}/`", copy.to)),
            );
        }
        for pattern in copy.include.iter().chain(&copy.exclude) {
            if pattern.is_empty() || pattern.contains('\0') {
                self.at(step, Problem::new(format!("{pattern:?} is not a pattern")));
            }
        }
        self.mode(step, copy.mode);
        self.owner(step, copy.owner.as_ref());
        self.combination(step, copy);
    }

    /// Options of a copy that exclude each other.
    fn combination(&mut self, step: &Step, copy: &Copy) {
        let named = |owner: &String| owner.split(':').any(|part| part.parse::<u32>().is_err());
        if copy.link && copy.owner.as_ref().is_some_and(named) {
            let problem = Problem::new("a linked copy does not know the users of what is below it");
            self.at(step, problem.help("give the owner by ids, as in `1000:1000`"));
        }
        if copy.parents && !copy.include.is_empty() {
            let problem = Problem::new("a copy with parents takes no patterns to include");
            self.at(step, problem.help("write them as paths, as in `packages/*/package.json`"));
        }
        if copy.parents && matches!(copy.from, Origin::Http(_)) {
            self.at(step, Problem::new("a file of a web server has no parents"));
        }
    }

    fn removal(&mut self, step: &Step, path: &str) {
        self.path(step, "file", path);
        if path::resolve("/", path) == "/" {
            let problem = Problem::new(format!("`{path}` is everything that is there"));
            self.at(step, problem.help("to begin anew, start another stage"));
        }
    }

    fn run(&mut self, step: &Step, run: &Run) {
        let (empty, words) = match &run.command {
            Command::Shell(line) => (line.trim().is_empty(), std::slice::from_ref(line)),
            Command::Argv(arguments) => {
                (arguments.first().is_none_or(String::is_empty), arguments.as_slice())
            }
            Command::Script { interpreter, text } => {
                if text.trim().is_empty() {
                    self.at(step, Problem::new("the script is empty"));
                }
                (interpreter.first().is_none_or(String::is_empty), interpreter.as_slice())
            }
        };
        if run.refresh == Some(0) {
            self.at(step, Problem::new("a result cannot be stale after 0 seconds"));
        }
        if empty {
            self.at(step, Problem::new("the command is empty"));
        }
        for word in words {
            self.text(step, "a command", word);
        }
        let mut mounted = BTreeSet::new();
        for mount in &run.mounts {
            let path = match mount {
                Mount::Cache(cache) => {
                    self.directory_mode(step, cache.mode.unwrap_or_default());
                    &cache.path
                }
                Mount::Tmpfs { path } => path,
                Mount::Secret { path, id } => {
                    self.secret(step, id);
                    path
                }
                Mount::Ssh { id } => {
                    self.text(step, "the id of an ssh agent", id);
                    if id.is_empty() {
                        let problem = Problem::new("the id of an ssh agent is empty");
                        self.at(step, problem.help("the usual one is `default`"));
                    }
                    continue;
                }
                Mount::Bind { from, source, path } => {
                    self.origin(step, from);
                    self.origin_path(step, from, source);
                    path
                }
            };
            if !path.starts_with('/') || path::clean(path) == "/" {
                self.at(
                    step,
                    Problem::new(format!("`{path}` is not where something can be mounted"))
                        .help("an absolute path below the root"),
                );
            }
            if !mounted.insert(path::clean(path)) {
                self.at(step, Problem::new(format!("two mounts are at `{path}`")));
            }
        }
        for (name, value) in &run.env {
            self.variable(step, name, value);
        }
        for secret in &run.secret_env {
            self.variable(step, &secret.name, "");
            self.secret(step, &secret.id);
            if run.env.iter().any(|(name, _)| *name == secret.name) {
                self.at(step, Problem::new(format!("`{}` is a secret and a text at once", secret.name)));
            }
        }
        if let Some(path) = &run.workdir {
            self.path(step, "working directory", path);
        }
        self.owner(step, run.user.as_ref());
    }

    fn origin(&mut self, step: &Step, origin: &Origin) {
        match origin {
            Origin::Scratch => self.at(step, Problem::new("there are no files in scratch")),
            Origin::Image(image) => {
                for problem in image_problems(image) {
                    self.at(step, problem);
                }
            }
            Origin::Git(git) => self.git(step, git),
            Origin::Http(http) => self.http(step, http),
            Origin::Context(name) if name.is_empty() => {
                self.at(step, Problem::new("a context without a name"));
            }
            Origin::Context(_) => {}
            Origin::Stage(name) | Origin::Reports(name) | Origin::Root(name) => {
                let problem = match self.index.get(name.as_str()) {
                    None => Some(unknown_stage(name, self.index)),
                    Some(i) => self.taken(origin, &self.plan.stages[*i]),
                };
                if let Some(problem) = problem {
                    self.at(step, problem);
                }
            }
        }
    }

    /// What is wrong with taking this of that stage.
    fn taken(&self, origin: &Origin, from: &Stage) -> Option<Problem> {
        let judged = self.stage.role == Role::Tester;
        let message = match origin {
            Origin::Reports(_) if from.role != Role::Tester => "only a tester leaves reports",
            Origin::Reports(_) if from.reports.is_empty() => {
                let message = format!("tester `{}` leaves no reports", from.name);
                let problem = Problem::new(message).related(&from.at, "this tester");
                return Some(problem.help("say in that tester which files are its reports"));
            }
            Origin::Root(_) if !from.role.is_image() => "only an image can be taken whole",
            Origin::Reports(_) | Origin::Root(_) if !judged => {
                "reports of a tester, and whole images, go to testers only"
            }
            Origin::Stage(_) if !matches!(from.role, Role::Deps | Role::Builder) => {
                "only deps and builder stages have artifacts"
            }
            _ => return None,
        };
        let what = format!("`{}` is a {} stage", from.name, from.role.name());
        Some(Problem::new(message).related(&from.at, what))
    }

    fn git(&mut self, step: &Step, git: &Git) {
        match git.source() {
            Ok(source) => self.source(step, source),
            Err(e) => {
                let problem = Problem::new(e.to_string());
                self.at(step, problem.help("as in `https://example.com/tool.git#v1.2`"));
            }
        }
    }

    fn http(&mut self, step: &Step, http: &Http) {
        match http.source() {
            Ok(source) => self.source(step, source),
            Err(e) => self.at(step, Problem::new(e.to_string()).help("`sha256:` and 64 hexadecimal digits")),
        }
    }

    /// What no daemon would take.
    fn source(&mut self, step: &Step, source: impl Into<Op>) {
        if let Err(e) = Graph::new().add(source, Metadata::default()) {
            self.at(step, Problem::new(e.to_string()));
        }
    }

    fn origin_path(&mut self, step: &Step, origin: &Origin, path: &str) {
        self.path(step, "source", path);
        match origin {
            Origin::Context(_) if path.starts_with('/') => self.at(
                step,
                Problem::new(format!("`{path}` starts with a slash"))
                    .help("paths of a context are relative to its root"),
            ),
            Origin::Context(name) if climbs(path) => self.at(
                step,
                Problem::new(format!("`{path}` leaves the context")).help(format!(
                    "copy it into the directory of `{name}`, or give it as a context of its own"
                )),
            ),
            Origin::Stage(name) if !path.starts_with('/') => self.at(
                step,
                Problem::new(format!("the artifact `{path}` of `{name}` is not an absolute path"))
                    .help("artifacts are named from the root, as in `/app/dist`"),
            ),
            Origin::Stage(name) if path::clean(path) == "/" && self.has_base(name) => self.at(
                step,
                Problem::new(format!("all of `{name}` is copied, with the image that it started from"))
                    .help("name what is wanted, as in `/app/dist`"),
            ),
            _ => {}
        }
    }

    /// Whether a stage's filesystem began as an image's.
    fn has_base(&self, name: &str) -> bool {
        self.index.get(name).is_some_and(|stage| self.begins[*stage] == Begin::Base)
    }

    fn secret(&mut self, step: &Step, id: &str) {
        if self.plan.secrets.iter().all(|secret| secret.id != id) {
            self.at(
                step,
                Problem::new(format!("there is no secret `{id}`")).help("declare it before it is used"),
            );
        }
    }

    fn variable(&mut self, step: &Step, name: &str, value: &str) {
        if name.is_empty() || name.contains(['=', '\0']) {
            self.at(step, Problem::new(format!("{name:?} is not an environment variable's name")));
        }
        self.text(step, "an environment variable", value);
    }

    /// What no process can be given.
    fn text(&mut self, step: &Step, what: &str, text: &str) {
        if text.contains('\0') {
            self.at(step, Problem::new(format!("{what} has a NUL in it: {text:?}")));
        }
    }

    fn path(&mut self, step: &Step, what: &str, path: &str) {
        if path.is_empty() {
            self.at(
                step,
                Problem::new(format!("the path of the {what} is empty"))
                    .help("the working directory itself is `./`"),
            );
        } else if path.contains('\0') {
            self.at(step, Problem::new(format!("{path:?} is not the path of a {what}")));
        } else if let Some(junk) = ["&&", "||", "2>", ";", "\n"].iter().find(|junk| path.contains(**junk)) {
            self.at(
                step,
                Problem::new(format!("{path:?} is not the path of a {what}"))
                    .help(format!("`{}` is the shell's, and no shell reads paths", junk.escape_debug())),
            );
        }
    }

    fn mode(&mut self, step: &Step, mode: Option<u32>) {
        if let Some(mode) = mode.filter(|mode| *mode > 0o7777) {
            self.at(
                step,
                Problem::new(format!("{mode} is no mode")).help("permission bits are octal: `0o755`"),
            );
        }
    }

    /// A daemon makes directories with the nine bits alone.
    fn directory_mode(&mut self, step: &Step, mode: u32) {
        if mode > 0o777 {
            let problem = Problem::new(format!("{mode:#o} is no mode of a directory that is made"));
            self.at(
                step,
                problem
                    .help("permission bits, as in `0o755`; others are set by a command: `chmod 1777 /tmp`"),
            );
        }
    }

    /// What no tool takes, or takes for something else.
    fn new_user(&mut self, step: &Step, user: &NewUser) {
        let name = user.name.as_str();
        let is_name = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
            && name.len() <= 32
            && name
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c));
        if !is_name {
            self.at(
                step,
                Problem::new(format!("{name:?} is not a user's name"))
                    .help("up to 32 lower-case letters, digits, `_` and `-`, the first a letter or `_`"),
            );
        }
        if user.id == 0 || user.id >= u32::from(u16::MAX) {
            self.at(
                step,
                Problem::new(format!("{} is not the id of a user who is made", user.id))
                    .help("from 1 to 65534; 0 is root, and larger ones are other namespaces'"),
            );
        }
        let is_plain = |home: &str| {
            home.starts_with('/')
                && path::clean(home) != "/"
                && home.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c))
        };
        if let Some(home) = user.home.as_deref().filter(|home| !is_plain(home)) {
            let problem = Problem::new(format!("{home:?} is not a home directory"));
            self.at(step, problem.help("an absolute path of letters, digits, `.`, `_` and `-`"));
        }
    }

    fn owner(&mut self, step: &Step, owner: Option<&String>) {
        if let Some(owner) =
            owner.filter(|o| o.is_empty() || o.contains(char::is_whitespace) || o.starts_with(':'))
        {
            self.at(
                step,
                Problem::new(format!("{owner:?} is not a user"))
                    .help("a name or an id, with `:group` if wanted"),
            );
        }
    }
}

/// Whether there are files after a step, whatever was there before.
pub(super) fn fills(step: &Step) -> bool {
    matches!(step.action, Action::Copy(_) | Action::File { .. } | Action::AddUser(_))
}

fn climbs(path: &str) -> bool {
    let clean = path::clean(path);
    clean == ".." || clean.starts_with("../")
}
