//! The words of the command line.

use std::path::PathBuf;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use stagewright_plan::{Parameter, Parameters};

use super::shell::OnError;
use crate::builder::Output;
use crate::progress::Mode;

/// Builds container images that this program describes.
#[derive(Debug, Parser)]
#[command(version, propagate_version = false)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
#[allow(clippy::large_enum_variant, reason = "there is one in a process")]
pub(super) enum Command {
    /// Build images and run tests on a BuildKit daemon
    Build(Box<BuildArgs>),
    /// Write the definition (LLB) of one target to the standard output, for `buildctl build` or for people
    Print(PrintArgs),
    /// Write the plan as JSON
    Plan(PlanArgs),
    /// List what can be built
    Targets(PlanArgs),
    /// Pin what every image, repository and URL of the build is now, in a file beside the build file
    Lock(LockArgs),
}

#[derive(Debug, Args)]
pub(super) struct BuildArgs {
    #[command(flatten)]
    pub(super) what: What,
    /// Name the image; with several targets, say which one is meant: `-t api=registry.example/api:1`
    #[arg(short, long = "tag", value_name = "[TARGET=]NAME")]
    pub(super) tags: Vec<String>,
    /// Where images go, beside their tags: a directory, `-` for a tar archive on the standard output, or
    /// `type=image|registry|oci|docker|tar|local|cacheonly,dest=PATH`; with several targets, write `{target}` in the
    /// path; `type=local,dest=DIRECTORY,mode=delete` removes what else is in the directory
    #[arg(short, long = "output", value_name = "OUTPUT")]
    pub(super) outputs: Vec<Output>,
    /// Push images to the registries that their tags name
    #[arg(long)]
    pub(super) push: bool,
    /// Write the reports of testers into this directory, also of those that fail: `DIRECTORY/TESTER/PATH`
    #[arg(long, value_name = "DIRECTORY")]
    pub(super) reports: Option<PathBuf>,
    /// When a step fails, open a shell with all that it had, on this terminal: `shell` for /bin/sh, or `shell=PROGRAM`
    #[arg(long, value_name = "shell[=PROGRAM]")]
    pub(super) on_error: Option<OnError>,
    /// Take no image, repository or file from anywhere but the daemon: refuse the build unless each is pinned, by the lock
    /// file or by its own digest, and there, and list those that are not; steps keep their network, see --network
    #[arg(long, conflicts_with = "pull")]
    pub(super) offline: bool,
    /// Give a secret: `id=NAME,src=FILE`, `id=NAME,env=VARIABLE`, or `id=NAME` for the variable or file of that name
    #[arg(long = "secret", value_name = "SECRET")]
    pub(super) secrets: Vec<String>,
    /// Look for the secrets in what is made, before it goes out: in layers, config, history, attestations and log, also in
    /// base64, hexadecimal, and as SHA-256; a hit fails the build
    #[arg(long)]
    pub(super) audit_secrets: bool,
    /// Lend an ssh agent: `default` for that of $SSH_AUTH_SOCK, or `ID=SOCKET`
    #[arg(long = "ssh", value_name = "ID[=SOCKET]")]
    pub(super) ssh: Vec<String>,
    /// Write the cache: `type=registry,ref=NAME`, `type=local,dest=DIRECTORY`, `type=inline`, with `mode=max` for all
    /// steps
    #[arg(long = "cache-to", value_name = "CACHE")]
    pub(super) cache_to: Vec<String>,
    /// Attest to how the image was built: `true`, `mode=max`, …
    #[arg(long, value_name = "OPTIONS", num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    pub(super) provenance: Option<String>,
    /// Attest to what is in the image: `true`, `generator=IMAGE`, …
    #[arg(long, value_name = "OPTIONS", num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    pub(super) sbom: Option<String>,
    /// How progress is shown, on the standard error
    #[arg(long, value_enum, default_value_t)]
    pub(super) progress: Mode,
    /// Write what the daemon tells of each target, such as digests, to a file as JSON
    #[arg(long, value_name = "FILE")]
    pub(super) metadata_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct PrintArgs {
    #[command(flatten)]
    pub(super) what: What,
    /// What is written; all but `binary` is text
    #[arg(long, value_enum, default_value_t)]
    pub(super) format: Format,
}

#[derive(Debug, Args)]
pub(super) struct LockArgs {
    #[command(flatten)]
    pub(super) what: What,
    /// Write nothing, and exit with 1 if the lock is not what a new one would be
    #[arg(long, conflicts_with = "update")]
    pub(super) check: bool,
    /// Let the daemon fetch all that is pinned, too, for builds with --offline
    #[arg(long, conflicts_with = "check")]
    pub(super) fetch: bool,
    /// Renew all pins, or those of these sources
    #[arg(
        long,
        value_name = "SOURCE",
        num_args = 0..=1,
        default_missing_value = "",
        require_equals = true,
        value_delimiter = ','
    )]
    pub(super) update: Option<Vec<String>>,
}

/// How a definition is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// What `buildctl build` reads
    #[default]
    Binary,
    /// A paragraph per op
    Text,
    /// One document with the ops and the result, for tools such as jq
    Json,
    /// A Mermaid flowchart
    Mermaid,
}

#[derive(Debug, Args)]
pub(super) struct PlanArgs {
    #[command(flatten)]
    pub(super) parameters: ParameterArgs,
}

/// What commands reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum WhatNetwork {
    /// The world, from a network of their own
    Default,
    /// The same
    Sandbox,
    /// The network of the daemon's host, if it allows that
    Host,
    /// Nothing but themselves
    None,
}

/// What is built, of what, and where.
#[derive(Debug, Args)]
pub(super) struct What {
    /// The build context: a directory, a git URL, or the URL of an archive
    #[arg(default_value = ".")]
    pub(super) context: String,
    /// Build this target instead of all products; may be given several times
    #[arg(long = "target", value_name = "NAME", value_delimiter = ',')]
    pub(super) targets: Vec<String>,
    #[command(flatten)]
    pub(super) parameters: ParameterArgs,
    /// Give a further context that the program reads by name, or one in place of an image or a stage of that name: a
    /// directory, a git or http URL, `docker-image://NAME` or `oci-layout://PATH:TAG`; `NAME::linux/arm64=VALUE` is for
    /// that platform alone
    #[arg(long = "context", visible_alias = "build-context", value_name = "NAME[::PLATFORM]=VALUE")]
    pub(super) contexts: Vec<String>,
    /// Build for these platforms, as in `linux/amd64,linux/arm64`; several make one image [default: the daemon's]
    #[arg(long = "platform", value_name = "PLATFORM", value_delimiter = ',')]
    pub(super) platforms: Vec<String>,
    /// Run every step, cached or not
    #[arg(long)]
    pub(super) no_cache: bool,
    /// Run the steps of these stages, cached or not
    #[arg(long, value_name = "STAGE", value_delimiter = ',')]
    pub(super) no_cache_filter: Vec<String>,
    /// Ask registries for every image, whatever the daemon has
    #[arg(long)]
    pub(super) pull: bool,
    /// Set a label of the image
    #[arg(long = "label", value_name = "NAME=VALUE")]
    pub(super) labels: Vec<String>,
    /// Add a line to the hosts file of every command
    #[arg(long = "add-host", value_name = "NAME=ADDRESS")]
    pub(super) hosts: Vec<String>,
    /// Limit a resource of every command, as in `nofile=1024:4096`
    #[arg(long = "ulimit", value_name = "NAME=SOFT[:HARD]")]
    pub(super) ulimits: Vec<String>,
    /// Set the size of `/dev/shm`, as in `64m`
    #[arg(long, value_name = "SIZE")]
    pub(super) shm_size: Option<String>,
    /// What commands reach that do not say it themselves
    #[arg(long, value_enum)]
    pub(super) network: Option<WhatNetwork>,
    /// Set the parent of the control groups of commands
    #[arg(long, value_name = "PATH")]
    pub(super) cgroup_parent: Option<String>,
    /// Look into a cache: `type=registry,ref=NAME`, `type=local,src=DIRECTORY`, or a name
    #[arg(long = "cache-from", value_name = "CACHE")]
    pub(super) cache_from: Vec<String>,
    /// Pin sources by this lock file [default: that beside the build file, if it is there]
    #[arg(long, value_name = "FILE", conflicts_with = "no_lock")]
    pub(super) lock: Option<PathBuf>,
    /// Ignore the lock file
    #[arg(long, conflicts_with = "locked")]
    pub(super) no_lock: bool,
    /// Refuse sources that are not pinned, by the lock file or by their own digest
    #[arg(long)]
    pub(super) locked: bool,
    /// Address of the daemon: `unix:///path/to/socket` or `tcp://host:port` [default: $BUILDKIT_HOST]
    #[arg(long, value_name = "ADDRESS")]
    pub(super) builder: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct ParameterArgs {
    /// Set a parameter of the program; without a value, to that of the environment variable of its name
    #[arg(long = "build-arg", value_name = "NAME[=VALUE]")]
    pub(super) build_args: Vec<String>,
}

/// The commands whose help lists the parameters.
pub(super) const COMMANDS: [&str; 5] = ["build", "print", "plan", "targets", "lock"];

/// Reads the command line. The help lists the program's parameters.
pub(super) fn parse(parameters: &Parameters) -> Result<Cli, clap::Error> {
    Cli::from_arg_matches(&command(&parameter_list(parameters.iter())).try_get_matches()?)
}

/// The command line with this list below the help of each command.
pub(super) fn command(list: &str) -> clap::Command {
    let command = COMMANDS.into_iter().fold(Cli::command(), |command, name| {
        command.mut_subcommand(name, |subcommand| subcommand.after_help(list.to_owned()))
    });
    // A lock is of all targets.
    let command = command.mut_subcommand("lock", |lock| lock.mut_arg("targets", |target| target.hide(true)));
    // A definition is of one target.
    command.mut_subcommand("print", |print| {
        print.mut_arg("targets", |target| target.help("The target; may be left out if there is one product"))
    })
}

/// The parameters with their documentation, values and defaults.
pub(super) fn parameter_list<'a>(parameters: impl IntoIterator<Item = &'a Parameter>) -> String {
    let rows: Vec<(&str, String)> = parameters
        .into_iter()
        .map(|parameter| (parameter.name.as_str(), about(parameter)))
        .collect();
    if rows.is_empty() {
        return "This program has no parameters.".to_owned();
    }
    let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default();
    let mut text = "Parameters (--build-arg NAME=VALUE):".to_owned();
    for (name, about) in rows {
        text.push_str(&format!("\n  {name:width$}  {about}"));
    }
    text
}

fn about(parameter: &Parameter) -> String {
    let description = parameter.description.as_deref().unwrap_or_default();
    let mut words: Vec<String> = vec![description.split_whitespace().collect::<Vec<_>>().join(" ")];
    if !parameter.values.is_empty() {
        words.push(format!("[values: {}]", parameter.values.join(", ")));
    }
    match &parameter.default {
        Some(serde_json::Value::String(text)) if text.is_empty() => {}
        Some(serde_json::Value::String(text)) => words.push(format!("[default: {text}]")),
        Some(serde_json::Value::Null) => {}
        Some(value) => words.push(format!("[default: {value}]")),
        None if parameter.required => words.push("[required]".to_owned()),
        None => {}
    }
    words.retain(|word| !word.is_empty());
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};

    use super::*;

    #[derive(Serialize, Deserialize, JsonSchema)]
    #[serde(rename_all = "lowercase")]
    enum Flavour {
        Plain,
        Salted,
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    #[serde(default)]
    struct Params {
        /// Major version
        /// of Node.
        node: String,
        flavour: Flavour,
        jobs: Option<u32>,
    }

    impl Default for Params {
        fn default() -> Self {
            Self { node: "18".to_owned(), flavour: Flavour::Salted, jobs: None }
        }
    }

    #[derive(Deserialize, JsonSchema)]
    struct Needed {
        /// Who is greeted.
        #[allow(dead_code, reason = "only its schema is of interest")]
        name: String,
    }

    #[test]
    fn the_words_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn print_writes_one_target_in_one_of_four_forms() {
        let words = ["program", "print", "--target", "app", "--format", "json"];
        let cli = Cli::from_arg_matches(&command("").try_get_matches_from(words).unwrap()).unwrap();
        let Command::Print(args) = cli.command else { panic!("print") };
        assert_eq!((args.format, args.what.targets), (Format::Json, vec!["app".to_owned()]));

        let mut all = command("");
        let help = all.find_subcommand_mut("print").unwrap().render_help().to_string();
        assert!(help.contains("[possible values: binary, text, json, mermaid]"), "{help}");
        assert!(!help.contains("several times"), "{help}");
    }

    #[test]
    fn parameters_are_listed_with_all_that_is_known_of_them() {
        let check = |parameters: Result<Parameters, _>, expected: &str| {
            assert_eq!(parameter_list(parameters.unwrap().iter()), expected);
        };
        check(
            Parameters::of::<Params>(),
            "Parameters (--build-arg NAME=VALUE):\n  flavour  [values: plain, salted] [default: salted]\n  \
             jobs     \n  node     Major version of Node. [default: 18]",
        );
        check(
            Parameters::of::<Needed>(),
            "Parameters (--build-arg NAME=VALUE):\n  name  Who is greeted. [required]",
        );
        check(Parameters::of::<()>(), "This program has no parameters.");
    }
}
