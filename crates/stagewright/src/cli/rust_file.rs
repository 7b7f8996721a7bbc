//! Build files in Rust: the daemon compiles them, and tells what they describe.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use buildkit_gateway::ResolveMode;
use buildkit_llb::Platform;
use stagewright_plan::lock::{Lock, Need};
use stagewright_plan::{Parameter, Plan, Site};
use tokio::time::{MissedTickBehavior, interval};

use super::error::CliError;
use super::inputs::InputError;
use super::{args, runtime, terminal};
use crate::builder::{Builder, RustFile, RustPlans};
use crate::progress::{Display, Mode, Options};
use crate::rust::{Args, BUNDLE_IMAGE, LIMITS_ARG, TOOLCHAIN, TOOLCHAIN_ARG};
use crate::{build_file, lock};

/// How often the display sees that time goes by.
const TICK: Duration = Duration::from_millis(100);

/// What a file describes.
pub(super) struct Told {
    plans: Vec<Arc<Plan>>,
    pub(super) parameters: Vec<Parameter>,
    pub(super) sources: BTreeMap<String, String>,
}

impl Told {
    /// The Plan for the platform of this number: each has its own, or one serves all.
    pub(super) fn plan(&self, index: usize) -> &Arc<Plan> {
        self.plans.get(index).unwrap_or(&self.plans[0])
    }
}

/// How a file is asked.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct How<'a> {
    /// Where the daemon looks for the toolchain.
    pub(super) resolve_mode: ResolveMode,
    /// Whether the file is compiled whatever is cached.
    pub(super) no_cache: bool,
    /// How progress is shown.
    pub(super) mode: Mode,
    /// What the images are pinned to that compile it.
    pub(super) lock: Option<&'a Lock>,
    /// Whether these images must be on the daemon.
    pub(super) offline: bool,
}

/// The text of a build file.
pub(super) fn text(path: &Path) -> Result<String, CliError> {
    build_file::read(path).map_err(|source| CliError::File { path: path.to_owned(), source })
}

/// The images that read and compile a file.
pub(super) fn frontends(path: &Path, given: &[(String, String)]) -> Result<Vec<Need>, CliError> {
    let name = path.display().to_string();
    let syntax = lock::syntax(&name, &text(path)?);
    let toolchain = Args::of(given).map_err(InputError::from)?.toolchain;
    let toolchain = toolchain.unwrap_or_else(|| TOOLCHAIN.to_owned());
    let mut all: Vec<Need> = syntax.into_iter().collect();
    for image in [toolchain.as_str(), BUNDLE_IMAGE] {
        let at = Site { file: name.clone(), line: 1, column: 1 };
        // What is no image's name is told by who pulls it.
        let need = image.parse().ok().and_then(|image| lock::frontend(&image, at));
        all.extend(need.filter(|need| all.iter().all(|known| known.key != need.key)));
    }
    Ok(all)
}

/// Asks a file for its Plans. How that goes is shown as builds are.
pub(super) async fn describe(
    builder: &Builder,
    path: &Path,
    given: &[(String, String)],
    platforms: &[Platform],
    how: How<'_>,
) -> Result<Told, CliError> {
    let How { resolve_mode, no_cache, mode, lock, offline } = how;
    let args = Args::of(given).map_err(InputError::from)?;
    let file = RustFile {
        toolchain: args.toolchain,
        resolve_mode,
        no_cache,
        limits: args.limits,
        lock: lock.cloned().unwrap_or_default(),
        offline,
        ..RustFile::new(path)
    };

    let terminal = terminal::screen();
    let options = Options { mode, terminal, colours: terminal::colours() };
    let display = Mutex::new(Display::new(options, io::stderr()));
    let shown = || display.lock().unwrap_or_else(PoisonError::into_inner);
    let begin = Instant::now();
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The display's writer fails once, and then is silent: the build goes on without it.
    let on_status = |update| drop(shown().update(begin.elapsed(), "", &update));
    let mut told = pin!(builder.describe_file(&file, &args.own, platforms, on_status));
    let told = loop {
        tokio::select! {
            told = &mut told => break told,
            _ = ticks.tick() => drop(shown().tick(begin.elapsed())),
        }
    };
    let _ = shown().finish(begin.elapsed());
    let RustPlans { parameters, answers, sources } = told?;
    let plans = answers.into_iter().map(|answer| Arc::new(answer.plan)).collect();
    Ok(Told { plans, parameters, sources })
}

/// The list of a file's parameters for its help, which must not fail.
pub(super) fn parameter_list(path: &Path, builder: Option<&str>) -> String {
    let told = runtime().and_then(|runtime| {
        runtime.block_on(async {
            let builder = match builder {
                Some(address) => Builder::at(address).await?,
                None => Builder::connect().await?,
            };
            describe(&builder, path, &[], &[], How { mode: Mode::Quiet, ..How::default() }).await
        })
    });
    let list = match told {
        Ok(told) => args::parameter_list(&told.parameters),
        Err(error) => {
            format!("The parameters are those of {}, and a daemon must tell them: {error}", path.display())
        }
    };
    format!(
        "{list}\n\n--build-arg {TOOLCHAIN_ARG}=IMAGE names the image that the program is compiled in [default: {TOOLCHAIN}]\n\
         --build-arg {LIMITS_ARG}=NUMBER multiplies what compiling and running it may take [default: 1]"
    )
}
