//! The door inside a daemon: a build program as a BuildKit frontend.
//!
//! What is built comes from a [`Program`](program::Program); all else is the same for each: the options of the client
//! become a request for the driver, and what is wrong is told with the lines of the file that the user wrote.

mod answers;
mod attests;
mod contexts;
mod fields;
mod lock;
mod overlay;
mod program;
mod run;
#[cfg(feature = "rust")]
mod rust_file;
mod settings;
mod spec;
mod target;
mod told;

use std::process::ExitCode;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use stagewright_plan::{Build, Outcome};

use program::BuildFunction;
#[cfg(feature = "yaml")]
use program::YamlFile;
use spec::SpecFunction;

pub(crate) use run::serve;

/// A BuildKit frontend whose build files are a type of yours.
///
/// It is the same as a build function for `stagewright::main`, but for where its second argument comes from: the file
/// that the user names (`docker build -f`), in YAML. `--build-arg` sets the fields at its top, by their names, in place of
/// what the file says.
///
/// ```no_run
/// use stagewright::prelude::*;
///
/// /// What stands in a file.
/// #[derive(Deserialize, JsonSchema)]
/// #[serde(deny_unknown_fields)]
/// struct Service {
///     /// Major version of Node.
///     node: u32,
///     /// What a container runs.
///     start: Vec<String>,
/// }
///
/// fn build(b: &Build, service: Service) -> Targets {
///     let app = b
///         .runtime("app", b.image(format!("node:{}-slim", service.node)))
///         .workdir("/app")
///         .copy(b.context().dir("."), "./")
///         .cmd(service.start);
///     Targets::new().product(app)
/// }
///
/// fn main() -> ExitCode {
///     stagewright::frontend(build)
/// }
/// ```
///
/// Put the program into an image of its own, as its entrypoint, and name that image in the first line of a file:
/// `# syntax=registry.example/service:1`.
///
/// The code is 0 whenever the daemon was told how the build ended. Outside of a daemon it is 2.
pub fn frontend<S, O>(build: impl Fn(&Build, S) -> O) -> ExitCode
where
    S: DeserializeOwned + JsonSchema,
    O: Outcome,
{
    outside().unwrap_or_else(|| serve(&SpecFunction::new(build)))
}

/// The BuildKit frontend of `stages.yaml`.
///
/// The code is as that of [`frontend`].
#[cfg(feature = "yaml")]
pub fn yaml_frontend() -> ExitCode {
    outside().unwrap_or_else(|| serve(&YamlFile))
}

/// The BuildKit frontend of build programs that are one Rust file: see [`mod@crate::rust`].
///
/// It compiles them with the sources that its own image carries at `/stagewright`. The code is as that of [`frontend`].
#[cfg(feature = "rust")]
pub fn rust_frontend() -> ExitCode {
    outside().unwrap_or_else(|| serve(&rust_file::RustFile))
}

/// Serves a build function as a frontend, whose parameters are the build args.
pub(crate) fn serve_build<P, O>(build: &impl Fn(&Build, P) -> O) -> ExitCode
where
    P: DeserializeOwned + JsonSchema,
    O: Outcome,
{
    serve(&BuildFunction::new(build))
}

/// The code for a program that can be nothing but a frontend, where it is none.
fn outside() -> Option<ExitCode> {
    if buildkit_frontend::is_inside() {
        return None;
    }
    eprintln!(
        "error: this program is a BuildKit frontend: put it into an image as its entrypoint, and name that image in the \
         first line of a file, as in `# syntax=registry.example/name:1`"
    );
    Some(ExitCode::from(2))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_label_of_an_image_says_what_is_served() {
        assert_eq!(crate::FRONTEND_CAPS, super::run::CAPS.join(","));
    }
}
