//! The command line of a build program: one command, one file.
//!
//! Here alone is printed. What was asked for goes to the standard output, everything else to the standard error.

mod args;
mod build;
mod error;
mod follow;
mod inputs;
mod interrupt;
mod lock;
mod plan;
mod print;
mod raw;
#[cfg(all(feature = "yaml", feature = "rust"))]
mod rust_file;
mod settings;
mod shell;
mod targets;
mod terminal;
#[cfg(all(feature = "yaml", feature = "rust"))]
mod tool;

use std::collections::BTreeMap;
use std::io::{self, Write};
#[cfg(all(feature = "yaml", feature = "rust"))]
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use buildkit_llb::Platform;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use stagewright_plan::{Build, Outcome, Parameters, Plan, Problems, describe};
use tokio::runtime::Runtime;

use crate::builder::{BuildOptions, Builder};
#[cfg(all(feature = "yaml", feature = "rust"))]
use crate::builder::{StartError, locked};
use crate::host_platform;
use crate::progress::Mode;
use args::{Cli, Command, ParameterArgs, What};
use error::{CliError, USAGE};
use inputs::InputError;
#[cfg(all(feature = "yaml", feature = "rust"))]
use rust_file::How;
#[cfg(all(feature = "yaml", feature = "rust"))]
use stagewright_plan::lower::NoCache;
#[cfg(all(feature = "yaml", feature = "rust"))]
pub use tool::tool;

/// A build program as a command line: `build`, `print`, `plan`, `targets` and `lock`.
///
/// Exits with 0 if all went well, 1 if a build failed, 2 if the command line or the program is wrong, 130 or 143 if
/// SIGINT or SIGTERM cancelled a target, and 141 if whoever reads an archive from the standard output went away.
pub fn main<P, O>(build: impl Fn(&Build, P) -> O) -> ExitCode
where
    P: DeserializeOwned + JsonSchema,
    O: Outcome,
{
    #[cfg(feature = "frontend")]
    if buildkit_frontend::is_inside() {
        return crate::frontend::serve_build(&build);
    }
    let describe = |parameters: &[(String, String)], platform: &Platform, build_platform: &Platform| {
        describe(&build, parameters, platform, build_platform)
    };
    run(&Program::Here(&describe), Parameters::of::<P>())
}

/// From parameters, a platform and the one that builds to what a program describes.
type Describe<'a> = &'a dyn Fn(&[(String, String)], &Platform, &Platform) -> Result<Plan, Problems>;

/// The program whose command line this is.
enum Program<'a> {
    /// A function of this process.
    Here(Describe<'a>),
    /// A file that this process reads.
    #[cfg(all(feature = "yaml", feature = "rust"))]
    YamlFile { file: PathBuf, describe: Describe<'a> },
    /// A file that the daemon compiles.
    #[cfg(all(feature = "yaml", feature = "rust"))]
    RustFile(PathBuf),
}

impl Program<'_> {
    /// What the program describes, for this machine.
    fn plan(&self, arguments: &ParameterArgs) -> Result<Plan, CliError> {
        let given = inputs::parameters(&arguments.build_args)?;
        match self {
            Self::Here(describe) => Ok(describe(&given, &host_platform(), &host_platform())?),
            #[cfg(all(feature = "yaml", feature = "rust"))]
            Self::YamlFile { describe, .. } => Ok(describe(&given, &host_platform(), &host_platform())?),
            #[cfg(all(feature = "yaml", feature = "rust"))]
            Self::RustFile(path) => runtime()?.block_on(async {
                let builder = Builder::connect().await?;
                let platforms = [builder.platform()];
                let lock = crate::lock::read(&crate::lock::beside(path)).map_err(StartError::from)?;
                let how = How { lock: lock.as_ref(), ..How::default() };
                let told = rust_file::describe(&builder, path, &given, &platforms, how).await?;
                Ok(Plan::clone(told.plan(0)))
            }),
        }
    }

    /// What is asked for, with the lock that is beside the build file.
    fn options(&self, what: &What) -> Result<BuildOptions, CliError> {
        let options = what.options()?;
        #[cfg(all(feature = "yaml", feature = "rust"))]
        {
            let (file, frontends) = match self {
                Self::Here(_) => return Ok(options),
                Self::YamlFile { file, .. } => {
                    let text = rust_file::text(file)?;
                    (file, crate::lock::syntax(&file.display().to_string(), &text).into_iter().collect())
                }
                Self::RustFile(file) => {
                    let given = inputs::parameters(&what.parameters.build_args)?;
                    (file, rust_file::frontends(file, &given)?)
                }
            };
            let options = options.frontends(frontends);
            if what.lock.is_some() || what.no_lock {
                return Ok(options);
            }
            Ok(options.lock_file_if_there(crate::lock::beside(file)))
        }
        #[cfg(not(all(feature = "yaml", feature = "rust")))]
        Ok(options)
    }

    /// A connection, and what the program describes for the daemon behind it.
    ///
    /// Whether a function is right is seen first: that needs no daemon.
    #[cfg_attr(
        not(all(feature = "yaml", feature = "rust")),
        expect(unused_variables, reason = "nothing to show")
    )]
    async fn meet(&self, what: &What, options: &BuildOptions, mode: Mode) -> Result<Met, CliError> {
        let given = inputs::parameters(&what.parameters.build_args)?;
        match self {
            Self::Here(describe) => meet_here(describe, &given, what, options).await,
            #[cfg(all(feature = "yaml", feature = "rust"))]
            Self::YamlFile { describe, .. } => meet_here(describe, &given, what, options).await,
            #[cfg(all(feature = "yaml", feature = "rust"))]
            Self::RustFile(path) => {
                let builder = connect(what).await?;
                let platforms = builder.platforms(options);
                let no_cache = options.settings.no_cache == NoCache::All;
                let locked = locked(options).await.map_err(StartError::from)?;
                if let Some(locked) = &locked {
                    let notes = locked.judge(&rust_file::frontends(path, &given)?)?;
                    // An offline build refuses those that are needed, and names them.
                    let notes = notes.iter().filter(|_| !options.offline);
                    notes.for_each(|note| tell(&format!("warning: {note}\n")));
                }
                let lock = locked.as_ref().map(|locked| &locked.lock);
                let how = How {
                    resolve_mode: options.resolve_mode,
                    no_cache,
                    mode,
                    lock,
                    offline: options.offline,
                };
                let told = rust_file::describe(&builder, path, &given, &platforms, how).await?;
                let plans = platforms.into_iter().enumerate();
                let plans = plans
                    .map(|(index, platform)| (platform, Arc::clone(told.plan(index))))
                    .collect();
                Ok(Met { builder, plans, sources: told.sources })
            }
        }
    }
}

/// A daemon, and what it is to build.
struct Met {
    builder: Builder,
    plans: Plans,
    /// The texts of the program's files, if they are known.
    sources: BTreeMap<String, String>,
}

/// What a program describes for each platform.
type Plans = Vec<(Platform, Arc<Plan>)>;

async fn meet_here(
    describe: Describe<'_>,
    given: &[(String, String)],
    what: &What,
    options: &BuildOptions,
) -> Result<Met, CliError> {
    let guess = host_platform();
    let asked = if options.platforms.is_empty() { vec![guess.clone()] } else { options.platforms.clone() };
    let guessed = describe_all(describe, given, asked, &guess)?;
    let builder = connect(what).await?;
    let (platforms, build_platform) = (builder.platforms(options), builder.platform());
    let is_same =
        build_platform == guess && platforms.iter().eq(guessed.iter().map(|(platform, _)| platform));
    // A Plan whose program did not ask is for every platform.
    let plans = match &guessed[..] {
        [(_, only), ..] if only.serves_all_platforms() => {
            platforms.into_iter().map(|platform| (platform, Arc::clone(only))).collect()
        }
        _ if is_same => guessed,
        _ => describe_all(describe, given, platforms, &build_platform)?,
    };
    Ok(Met { builder, plans, sources: BTreeMap::new() })
}

/// The Plans for these platforms, and for no other: a program may refuse what is not asked for.
fn describe_all(
    describe: Describe<'_>,
    given: &[(String, String)],
    platforms: Vec<Platform>,
    build_platform: &Platform,
) -> Result<Plans, CliError> {
    let mut plans: Plans = Vec::new();
    for platform in platforms {
        let plan = match plans.first() {
            Some((_, first)) if first.serves_all_platforms() => Arc::clone(first),
            _ => Arc::new(describe(given, &platform, build_platform)?),
        };
        plans.push((platform, plan));
    }
    Ok(plans)
}

async fn connect(what: &What) -> Result<Builder, CliError> {
    Ok(match &what.builder {
        Some(address) => Builder::at(address).await?,
        None => Builder::connect().await?,
    })
}

impl What {
    fn options(&self) -> Result<BuildOptions, CliError> {
        let mut options = BuildOptions::new(inputs::context(&self.context)?);
        options = self.targets.iter().fold(options, BuildOptions::target);
        for (name, context) in inputs::contexts(&self.contexts)? {
            options = options.context_named(name, context);
        }
        for (name, value) in inputs::parameters(&self.parameters.build_args)? {
            options = options.arg(name, value);
        }
        for platform in &self.platforms {
            options = options.platform(inputs::platform(platform)?);
        }
        for cache in &self.cache_from {
            options = options.cache_from(inputs::cache(cache)?.check_import().map_err(InputError::from)?);
        }
        if self.pull {
            options = options.pull();
        }
        if let Some(file) = &self.lock {
            options = options.lock_file(file);
        }
        if self.no_lock {
            options = options.no_lock();
        }
        if self.locked {
            options = options.locked();
        }
        Ok(options.settings(settings::settings(self)?))
    }
}

fn run(program: &Program<'_>, parameters: Result<Parameters, Problems>) -> ExitCode {
    let parameters = match parameters {
        Ok(parameters) => parameters,
        Err(problems) => return CliError::from(problems).report(),
    };
    let cli = match args::parse(&parameters) {
        Ok(cli) => cli,
        Err(error) => {
            // Help is no error, and whoever closed the pipe has read enough of it.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(USAGE) } else { ExitCode::SUCCESS };
        }
    };
    run_command(program, &cli)
}

fn run_command(program: &Program<'_>, cli: &Cli) -> ExitCode {
    let done = match &cli.command {
        Command::Build(args) => build::run(program, args),
        Command::Print(args) => print::run(program, args),
        Command::Plan(args) => plan::run(program, args),
        Command::Targets(args) => targets::run(program, args),
        Command::Lock(args) => lock::run(program, args),
    };
    done.unwrap_or_else(CliError::report)
}

/// Where commands that talk to a daemon run.
fn runtime() -> Result<Runtime, CliError> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(CliError::Runtime)
}

/// Writes what was asked for. A reader that has had enough is no error.
fn write_out(bytes: &[u8]) -> Result<(), CliError> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(CliError::Write(error)),
        _ => Ok(()),
    }
}

/// Tells something that was not asked for. There is nobody to tell if that fails.
fn tell(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}
