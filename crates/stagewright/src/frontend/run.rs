//! One build inside a daemon: options, file, Plans, answer.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;

use buildkit_frontend::subrequests::{Request as Asks, describe};
use buildkit_frontend::{Entry, EntryError, Frontend, NoCache, Options, OptionsError, Stdio, caps};
use buildkit_gateway::{Channel, Gateway, GatewayError, GatewayResult, Warning};
use buildkit_llb::Platform;
use stagewright_plan::check::check;
use stagewright_plan::lint::lint;
use stagewright_plan::lower::ArgError;
use stagewright_plan::{Parameter, Plan, Problem, Problems};

use super::answers::StandIns;
use super::program::{Asked, Described, Program};
use super::target::target;
use super::told::Texts;
use super::{answers, attests, contexts, lock, settings, told};
use crate::driver::contexts::GivenContext;
use crate::driver::warnings::is_pinned;
use crate::driver::{self, Request};
use crate::host_platform;
use crate::lock::{Locked, policy};

/// What a client may count on.
pub(super) const CAPS: [&str; 5] =
    [caps::INPUTS, caps::SUBREQUESTS, caps::CONTEXTS, caps::GIT_QUERY, caps::ZSTD_CONTEXTS];

/// A larger file does not travel with the ops: with a file of 16 MiB no definition would fit into a message.
const MAX_SOURCE: usize = 1 << 20;

/// Why there is nothing to build, before anything is asked of the program.
#[derive(Debug, thiserror::Error)]
enum RunError {
    /// What the client asks for does not read.
    #[error(transparent)]
    Options(#[from] OptionsError),
    /// An arg that every build has does not read.
    #[error(transparent)]
    Arg(#[from] ArgError),
    /// There is no file that says what to build.
    #[error(transparent)]
    Entry(#[from] EntryError),
}

/// What the daemon says stays as it is.
impl From<RunError> for GatewayError {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Entry(EntryError::Daemon { source, .. }) => source,
            other => Self::new(other.to_string()),
        }
    }
}

/// Serves a program as a frontend, and gives the code to exit with.
pub(crate) fn serve<P: Program>(program: &P) -> ExitCode {
    buildkit_frontend::serve(&CAPS, async |frontend| {
        // In a file with args of its own, what is wrong with them belongs to its head.
        run(program, frontend).await.map_err(|error| match P::LANGUAGE {
            "Rust" => told::placed(error),
            _ => error,
        })
    })
}

async fn run<P: Program>(program: &P, frontend: Frontend) -> Result<GatewayResult, GatewayError> {
    let Frontend { gateway, environment, .. } = frontend;
    let mut options = Options::parse(&environment.options).map_err(RunError::from)?;
    let asks = options.request.as_deref().map(Asks::parse).transpose()?;
    if asks == Some(Asks::Describe) {
        return Ok(describe());
    }
    let settings = settings::settings(&options).map_err(RunError::from)?;
    let inputs = gateway.inputs().await?;
    let client = contexts::Client { options: &options, session: &environment.session, inputs: &inputs };
    let main = client.main()?;
    let named = client.named()?;

    let mut is_remote = false;
    let entry = if P::READS_FILE || options.cmdline.is_some() {
        let whole = client.whole()?;
        let remote = driver::remote(&gateway, &whole, &settings, options.resolve_mode);
        let remote = remote.await.map_err(|error| GatewayError::from(&error))?;
        let mut options = options.clone();
        if let Some(file) = remote.as_ref().and_then(|remote| remote.file.as_ref()) {
            options.entry.filename.clone_from(file);
        }
        let remote = remote.map(|remote| remote.definition);
        is_remote = !options.entry.forced && (remote.is_some() || inputs.contains_key(&options.entry.local));
        let entry = Entry::read(&gateway, &options, &environment.session, remote).await;
        Some(entry.map_err(RunError::from)?)
    } else {
        None
    };
    let locked = lock::take(entry.as_ref(), &mut options)?;
    let gateway = match &locked {
        Some(locked) => gateway.with_policies([policy(&locked.lock)]),
        None => gateway,
    };
    if let (Some(entry), Some(locked)) = (&entry, &locked)
        && let Some(handed) = lock::hand_on(&gateway, &environment, entry, locked, &inputs).await
    {
        return handed;
    }
    if let Some(warning) = entry.as_ref().and_then(|entry| entry.misplaced_syntax(P::LANGUAGE)) {
        // A daemon that takes no warning still builds.
        let _ = gateway.warn(&warning).await;
    }

    let own = environment.workers.first().and_then(|worker| worker.platforms.first());
    let build_platform = own.map_or_else(host_platform, Platform::normalized);
    let platforms =
        if options.platforms.is_empty() { vec![build_platform.clone()] } else { options.platforms.clone() };
    let args: Vec<(String, String)> = options
        .build_args
        .iter()
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let session = options.session_of(&options.entry.local, &environment.session);
    let asked = Asked {
        gateway: &gateway,
        entry: entry.as_ref(),
        directory: (!is_remote).then_some((options.entry.local.as_str(), session)),
        args: &args,
        platforms: &platforms,
        build_platform: &build_platform,
        resolve_mode: options.resolve_mode,
        no_cache: options.no_cache == NoCache::All,
    };
    let described = program.describe(&asked).await?;

    if let Some(asks) = asks {
        let sketch = match asks {
            // A file without a field that it has to have is wrong.
            Asks::Lint if P::FIELDS_ARE_PARAMETERS => None,
            _ => Sketch::of(program, &described, &asked).await,
        };
        return answer(asks, &described, sketch.as_ref(), &options, locked.as_ref(), P::LANGUAGE);
    }
    let Described { plans, sources: written, .. } = described;
    let texts = Texts { sources: &written, language: P::LANGUAGE };
    let plans = plans.map_err(|problems| texts.problems(&problems))?;
    let target = target(plans.iter().map(|(_, plan)| plan.as_ref()), options.target.as_deref())?;
    let contexts: Vec<GivenContext> = [contexts::with_ignore_of(main, entry.as_ref())]
        .into_iter()
        .chain(named)
        .collect();
    let sent = written.iter().filter(|(_, text)| text.len() <= MAX_SOURCE);
    let sources: BTreeMap<_, _> = sent.map(|(file, text)| (file.clone(), text.clone())).collect();
    let doubts = plans
        .iter()
        .find_map(|(_, plan)| attests::unordered(plan, &target, options.attests))
        .into_iter()
        .collect();
    let request = Request {
        plans,
        targets: vec![target.clone()],
        build_platform,
        settings,
        contexts,
        cache_imports: options.cache_imports.clone(),
        resolve_mode: options.resolve_mode,
        // The lines of what is not sent are told with the error, and so have to be told from here.
        for_debuggers: sources.len() == written.len(),
        doubts,
        lock: locked,
        #[cfg(feature = "client")]
        offline: None,
        sources,
        multi_platform: options.multi_platform,
        without_caps: Default::default(),
    };
    build(&gateway, request, &target, &texts).await
}

async fn build(
    gateway: &Gateway<Stdio>,
    request: Request,
    target: &str,
    texts: &Texts<'_>,
) -> Result<GatewayResult, GatewayError> {
    let prepared = driver::prepare(gateway, &request).await.map_err(|error| texts.drive(&error))?;
    for note in &prepared.notes {
        // A daemon that takes no warning still builds.
        let _ = gateway
            .warn(&Warning { short: note.clone(), level: 1, ..Warning::default() })
            .await;
    }
    // Lowered, the Plans are of no use any more, and the definition needs their room.
    drop(request);
    driver::drive(gateway, &prepared, target)
        .await
        .map_err(|error| texts.drive(&error))
}

/// Plans of a build that was not given everything yet: who asks what there is has no values for it.
struct Sketch {
    plans: Vec<(Platform, Arc<Plan>)>,
    stand_ins: StandIns,
}

impl Sketch {
    /// None where everything was given; nor where it cannot be told what is wrong without it.
    async fn of<P: Program, C: Channel>(
        program: &P,
        described: &Described,
        asked: &Asked<'_, C>,
    ) -> Option<Self> {
        let given = |parameter: &Parameter| asked.args.iter().any(|(name, _)| parameter.is_named(name));
        let missing = described.parameters.iter().filter(|it| it.required && !given(it));
        let stand_ins: Vec<_> = missing.map(|it| (it.name.clone(), it.stand_in())).collect();
        if described.plans.is_ok() || stand_ins.is_empty() {
            return None;
        }
        let texts = stand_ins.iter().map(|(name, value)| (name.clone(), value.text().to_owned()));
        let args: Vec<_> = asked.args.iter().cloned().chain(texts).collect();
        let plans = program.describe(&Asked { args: &args, ..*asked }).await.ok()?.plans.ok()?;
        Some(Self { plans, stand_ins: StandIns(stand_ins) })
    }
}

fn answer(
    asks: Asks,
    described: &Described,
    sketch: Option<&Sketch>,
    options: &Options,
    lock: Option<&Locked>,
    language: &str,
) -> Result<GatewayResult, GatewayError> {
    let texts = Texts { sources: &described.sources, language };
    if asks == Asks::Lint {
        let problems = described.plans.as_ref().err().filter(|_| sketch.is_none());
        let plans = described.plans.as_deref().unwrap_or_default();
        let checked = plans.iter().filter_map(|(_, plan)| check(plan).ok());
        let doubts: Vec<Problem> =
            checked.flat_map(|plan| lint(&plan, &|name| is_pinned(lock, name))).collect();
        let doubts = Problems::none_of(doubts).err();
        let doubts: Vec<Problem> = doubts.into_iter().flatten().collect();
        return Ok(answers::lint(problems, &doubts, &options.check, &texts).to_result());
    }
    let given = |parameter: &Parameter| options.build_args.keys().any(|name| parameter.is_named(name));
    let plans = match (&described.plans, sketch) {
        (Err(_), Some(sketch)) => &sketch.plans,
        // Who asks what can be given has not given it yet.
        (Err(_), None)
            if asks == Asks::Outline && described.parameters.iter().any(|it| it.required && !given(it)) =>
        {
            let outline = answers::outline_of_arguments(&described.parameters, options, &texts);
            return Ok(outline.to_result());
        }
        (plans, _) => plans.as_ref().map_err(|problems| texts.problems(problems))?,
    };
    let Some((_, plan)) = plans.first() else { return Ok(describe()) };
    let none = StandIns::default();
    let stand_ins = sketch.map_or(&none, |sketch| &sketch.stand_ins);
    if asks == Asks::Targets {
        return Ok(answers::targets(plan, stand_ins, &texts).to_result());
    }
    let target = target([&**plan], options.target.as_deref())?;
    let checked = check(plan).map_err(|problems| texts.problems(&problems))?;
    Ok(answers::outline(&checked, &target, &described.parameters, options, stand_ins, &texts).to_result())
}
