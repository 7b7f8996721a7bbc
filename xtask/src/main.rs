//! What can be done in this repository: `cargo xtask <task>`.

mod bake;
mod bench;
mod codegen;
mod demo;
mod editor;
mod examples;
mod frontends;
mod fuzz;
mod images;
mod maker;
mod packages;
mod place;
mod process;
mod pushed;
mod test;
mod tidy;
mod tools;
mod up;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use place::Place;

/// What can be done in this repository.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Build a project of three services, run their images, and say what it took; stops what it starts.
    Demo,
    /// Build every example, run what was pushed, and judge it; stops what it starts.
    Examples {
        /// Only these examples.
        names: Vec<String>,
        /// Measure them instead, each on a daemon of its own, and write a page of the figures: on a quiet machine.
        #[arg(long)]
        measure: bool,
    },
    /// Start a private buildkitd and a registry on loopback.
    Up,
    /// Stop what `up` started, and nothing else.
    Down {
        /// Also remove BuildKit's cache and what was pushed.
        #[arg(long)]
        purge: bool,
    },
    /// Say what runs.
    Status,
    /// Print the environment of what runs, for `eval "$(cargo xtask env)"`.
    Env,
    /// Make the base images and push them to the registry, which must run.
    Images {
        /// Also the one that compiles Rust programs for other platforms, which no test needs.
        #[arg(long)]
        cross: bool,
    },
    /// Make the images of the stock frontends and push them to the registry, which must run.
    FrontendImage {
        /// Of programs that are compiled here, unoptimized, and with this machine's libraries: in seconds.
        #[arg(long)]
        quick: bool,
    },
    /// Build and push all of docker-bake.hcl by docker buildx, for two platforms, and look at what was made: minutes.
    Bake {
        /// Only these targets and groups; without one all, and what the guide to frontends says.
        targets: Vec<String>,
    },
    /// Build Docker Engine's daemon, for the tests that run one.
    Engine,
    /// Install the YAML language server, for the tests of what editors show.
    Editor,
    /// Generate the wire types from `proto/`.
    Codegen {
        /// Change nothing; fail if what is committed differs.
        #[arg(long)]
        check: bool,
    },
    /// Check the rules of the house that a compiler does not.
    Tidy,
    /// Look for bytes that break a promise: a minute for each fuzz target. Needs a nightly compiler.
    Fuzz {
        /// The targets; all if none is named.
        targets: Vec<String>,
        /// How long each is run.
        #[arg(long, default_value_t = 60)]
        seconds: u32,
    },
    /// Run every check and test, with servers of its own, and compare with the list of tests.
    Test {
        /// Write the list of tests anew.
        #[arg(long)]
        bless: bool,
    },
    /// Measure this house beside the programs that do the same, on a quiet machine.
    Bench {
        /// The beginnings of the names of rows; all without one.
        names: Vec<String>,
        /// Only say which rows there are.
        #[arg(long)]
        list: bool,
        /// Tiny sizes and one round, to see that every row can be measured.
        #[arg(long)]
        smoke: bool,
    },
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli.task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<()> {
    let place = Place::find()?;
    // Ctrl-C ends the wait for the lock; after it, a task ends in good order.
    let _lock = match &task {
        Task::Status | Task::Env | Task::Codegen { .. } | Task::Tidy | Task::Fuzz { .. } => None,
        Task::Bench { list: true, .. } => None,
        _ => Some(place.lock()?),
    };
    process::watch_interrupts()?;
    match task {
        Task::Demo => demo::demo(&place),
        Task::Examples { names, measure: false } => examples::examples(&place, &names),
        Task::Examples { names, measure: true } => examples::measure(&place, &names),
        Task::Up => {
            up::up(&place)?;
            up::status(&place);
            Ok(())
        }
        Task::Down { purge } => up::down(&place, purge),
        Task::Status => {
            up::status(&place);
            Ok(())
        }
        Task::Env => up::env(&place),
        Task::Engine => {
            println!("{}", tools::ensure_engine(&place)?.display());
            Ok(())
        }
        Task::Editor => {
            println!("{}", editor::ensure(&place)?.display());
            Ok(())
        }
        Task::Images { cross } => images::ensure(&place, &up::running(&place)?, cross),
        Task::FrontendImage { quick: false } => frontends::ensure(&place, &up::running(&place)?),
        Task::FrontendImage { quick: true } => frontends::quick(&place, &up::running(&place)?),
        Task::Bake { targets } => bake::bake(&place, &targets),
        Task::Codegen { check } => Ok(codegen::run(check)?),
        Task::Tidy => tidy::run(&place),
        Task::Fuzz { targets, seconds } => fuzz::fuzz(&place, &targets, seconds),
        Task::Test { bless } => test::test(&place, bless),
        Task::Bench { list: true, .. } => {
            bench::list();
            Ok(())
        }
        Task::Bench { names, smoke, .. } => {
            let scale = if smoke { bench::Scale::Smoke } else { bench::Scale::Full };
            bench::bench(&place, &names, scale)
        }
    }
}
