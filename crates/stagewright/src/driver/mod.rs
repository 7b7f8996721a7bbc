//! The driver: a build as calls of the gateway API.
//!
//! It knows nothing of what surrounds the gateway: outside a daemon it runs beside a solve of the control API,
//! inside one over stdin and stdout. Both doors fill a [`Request`]. [`prepare`] asks what the Plans need to know of the
//! world and lowers them, once for all targets and platforms; [`drive`] builds one target.

mod archive;
pub(crate) mod contexts;
mod error;
mod given;
mod images;
#[cfg(feature = "client")]
pub(crate) mod offline;
#[cfg(feature = "frontend")]
mod remote;
pub(crate) mod warnings;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::SystemTime;

use buildkit_gateway::{
    CacheImport, Caps, Channel, Gateway, GatewayError, GatewayResult, Ref, ResolveMode, SolveOptions,
    metadata,
};
use buildkit_llb::{Graph, Output, Platform};
use futures_util::future::{try_join, try_join_all, try_join3};
use serde_json::json;
use stagewright_plan::check::{Checked, check};
use stagewright_plan::lock::Need;
use stagewright_plan::lower::{
    self, Abilities, Lowered, LoweredTarget, ResolvedImage, Settings, World, images as images_of,
};
use stagewright_plan::{Plan, Problem, Site};

pub use error::DriveError;
#[cfg(feature = "frontend")]
pub(crate) use remote::remote;

use crate::images::llb_mode;
use crate::lock::Locked;
use contexts::GivenContext;
use given::{Asked, Resolved, Resolver};
#[cfg(feature = "client")]
use offline::Offline;

/// The capability of a gateway that takes caches from a frontend.
const IMPORT_CACHES: &str = "importcaches";

/// What is built, and with what: the same from outside a daemon and from inside.
#[derive(Debug)]
pub(crate) struct Request {
    /// The platforms that are built for, each with its Plan; at least one, each once.
    pub(crate) plans: Vec<(Platform, Arc<Plan>)>,
    /// The targets that are built, all of them: a context is one op, whatever their number.
    pub(crate) targets: Vec<String>,
    /// The platform that builds.
    pub(crate) build_platform: Platform,
    /// What the person who builds says for every step.
    pub(crate) settings: Settings,
    /// The contexts that are given. One that is not needed is not asked for.
    pub(crate) contexts: Vec<GivenContext>,
    /// Caches outside the daemon that are looked into.
    pub(crate) cache_imports: Vec<CacheImport>,
    /// Where the daemon looks for images.
    pub(crate) resolve_mode: ResolveMode,
    /// The texts of the files in which the Plans were written, by the names that sites have for them.
    pub(crate) sources: BTreeMap<String, String>,
    /// What is doubtful about it beside what its Plans say.
    pub(crate) doubts: Vec<Problem>,
    /// What its sources are pinned to, if there is a lock.
    pub(crate) lock: Option<Locked>,
    /// Set for a build that takes no source from anywhere but the daemon.
    #[cfg(feature = "client")]
    pub(crate) offline: Option<Offline>,
    /// Whether a debugger may walk through the result: places are then whole lines, and what need not be done before
    /// there is a result is left to those who take it.
    pub(crate) for_debuggers: bool,
    /// Whether the result is one per platform, even if there is only one.
    pub(crate) multi_platform: bool,
    /// Capabilities that count as missing, whatever the daemon says.
    pub(crate) without_caps: BTreeSet<String>,
}

/// What is built, lowered.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// Each platform with the ops of all targets, in the order asked for.
    pub(crate) platforms: Vec<(Platform, Lowered)>,
    /// What a person should know of the sources: those that the lock does not have.
    pub(crate) notes: Vec<String>,
    multi_platform: bool,
    for_debuggers: bool,
    cache_imports: Vec<CacheImport>,
    source_date_epoch: Option<i64>,
    /// What images have to have, which is known once they are built.
    wanted: Vec<warnings::Wanted>,
}

/// Lowers all targets for all platforms, with what the daemon and the contexts say, and warns of what is doubtful.
///
/// What platforms have in common is asked once: their graphs have equal ops for equal work, which a daemon does once.
///
/// # Errors
///
/// An image, a context or an ignore file that cannot be had, and a Plan that does not hold together or cannot be built
/// in this world.
pub(crate) async fn prepare<C: Channel>(
    gateway: &Gateway<C>,
    request: &Request,
) -> Result<Prepared, DriveError> {
    let plans = request
        .plans
        .iter()
        .map(|(platform, plan)| Ok((platform, check(plan)?)))
        .collect::<Result<Vec<(&Platform, Checked<'_>)>, DriveError>>()?;
    let targets: Vec<&str> = request.targets.iter().map(String::as_str).collect();

    let needs = needs(request, &plans, &targets);
    let notes = match &request.lock {
        Some(lock) => lock.judge(&needs)?,
        None => Vec::new(),
    };
    #[cfg(feature = "client")]
    if let Some(offline) = &request.offline {
        offline::prove_all(gateway, request, offline, &plans, &targets).await?;
    }
    let mut wanted_images = BTreeMap::new();
    let mut wanted_contexts: BTreeMap<Asked, &Site> = BTreeMap::new();
    for (platform, plan) in &plans {
        let given = given::keys(&request.contexts, plan.plan(), platform, &request.build_platform);
        for (image, at) in images_of(plan, &targets, platform, &request.build_platform, &given) {
            wanted_images.entry(image).or_insert(at);
        }
        for context in lower::contexts(plan, &targets, &given) {
            let asked = given::asked(&request.contexts, &context, platform, &request.build_platform);
            if let Some(asked) = asked {
                wanted_contexts.entry(asked).or_insert(context.at);
            }
        }
    }

    let images = wanted_images.into_iter().map(async |(image, at)| {
        let pinned = request
            .lock
            .as_ref()
            .and_then(|locked| locked.lock.pinned_image(&image.reference));
        let asked = pinned.map(|reference| lower::ImageRequest { reference, ..image.clone() });
        let asked = asked.as_ref().unwrap_or(&image);
        #[cfg(feature = "client")]
        if let Some(offline) = &request.offline {
            let layout = offline::layout(&offline.session);
            let resolved = images::resolve_here(gateway, asked, &layout, at).await?;
            return Ok((image, resolved));
        }
        let resolved = images::resolve(gateway, asked, request.resolve_mode, at).await?;
        Ok((image, resolved))
    });
    let resolver = Resolver {
        gateway,
        given: &request.contexts,
        settings: &request.settings,
        mode: request.resolve_mode,
    };
    let contexts = wanted_contexts.into_iter().map(|(asked, at)| resolver.resolve(asked, at));
    let known = async { gateway.ping().await.map_err(DriveError::Ping) };
    let (known, images, contexts) = try_join3(known, try_join_all(images), try_join_all(contexts)).await?;
    if !request.cache_imports.is_empty() {
        known.frontend.supports(IMPORT_CACHES).map_err(DriveError::CacheImports)?;
    }

    let said = Said {
        abilities: abilities(&known, &request.without_caps),
        images: images.into_iter().collect(),
        contexts: contexts.into_iter().collect(),
        now: now(),
    };
    let lowered = plans.iter().map(|(platform, plan)| {
        let world = said.world(request, plan, platform, &targets);
        let lowered =
            lower::lower(plan, &targets, &world).map_err(|error| DriveError::Plan(Box::new(error.into())))?;
        Ok(((*platform).clone(), lowered))
    });
    let platforms = lowered.collect::<Result<Vec<_>, DriveError>>()?;
    let wanted = warnings::tell(gateway, &plans, &platforms, request).await;
    Ok(Prepared {
        platforms,
        notes,
        wanted,
        multi_platform: request.multi_platform || plans.len() > 1,
        for_debuggers: request.for_debuggers,
        cache_imports: request.cache_imports.clone(),
        source_date_epoch: request.settings.source_date_epoch,
    })
}

/// The sources of these targets on all platforms, each once.
pub(crate) fn needs(request: &Request, plans: &[(&Platform, Checked<'_>)], targets: &[&str]) -> Vec<Need> {
    let mut all: Vec<Need> = Vec::new();
    for (platform, plan) in plans {
        let given = given::keys(&request.contexts, plan.plan(), platform, &request.build_platform);
        for need in lower::sources(plan, targets, platform, &request.build_platform, &given) {
            if !all.iter().any(|known| known.key == need.key && known.written == need.written) {
                all.push(need);
            }
        }
    }
    all
}

/// Builds one target: its filesystem for every platform, and beside it the gates that the daemon cannot express.
///
/// Everything is evaluated, so that a failing step carries its details; for debuggers, only what has gates beside it.
///
/// # Errors
///
/// What the first failing step gives. The calls of all others are dropped, and with them their steps.
pub(crate) async fn drive<C: Channel>(
    gateway: &Gateway<C>,
    prepared: &Prepared,
    target: &str,
) -> Result<GatewayResult, DriveError> {
    let lowered = prepared.platforms.iter().map(|(_, lowered)| lowered.target(target));
    let options = SolveOptions {
        evaluate: !prepared.for_debuggers || lowered.into_iter().any(|target| !target.gates.is_empty()),
        cache_imports: prepared.cache_imports.clone(),
        ..SolveOptions::default()
    };
    let built = prepared.platforms.iter().map(async |(platform, lowered)| {
        let target = lowered.target(target);
        let filesystem = build(gateway, &lowered.graph, target, &options).await?;
        if options.evaluate {
            let wanted = &prepared.wanted;
            warnings::tell_of_image(gateway, wanted, &target.name, platform, &filesystem).await;
        }
        Ok::<_, DriveError>((platform.normalized(), filesystem, target))
    });
    let built = try_join_all(built).await?;

    let facts = |suffix: &dyn Fn(&str) -> String, target: &LoweredTarget| {
        let config = target.config.as_ref().map(|config| (metadata::IMAGE_CONFIG, config.to_json()));
        let base = target
            .base_config
            .as_ref()
            .map(|config| (metadata::BASE_CONFIG, config.to_json()));
        let epoch = prepared
            .source_date_epoch
            .map(|seconds| (metadata::SOURCE_DATE_EPOCH, seconds.to_string().into_bytes()));
        let facts = [config, base, epoch].into_iter().flatten();
        facts.map(|(key, value)| (suffix(key), value)).collect::<Vec<_>>()
    };
    let annotations: BTreeMap<String, String> =
        built.iter().flat_map(|(.., target)| target.annotations.clone()).collect();
    let platforms = platforms_json(built.iter().map(|(platform, ..)| platform));
    let mut keys = vec![(metadata::PLATFORMS.to_owned(), platforms)];
    for (name, value) in annotations {
        keys.push((metadata::annotation(&name), value.clone().into_bytes()));
        if prepared.multi_platform {
            keys.push((metadata::index_annotation(&name), value.into_bytes()));
        }
    }
    let result = if prepared.multi_platform {
        let mut refs = BTreeMap::new();
        for (platform, filesystem, target) in built {
            let id = platform.id();
            keys.extend(facts(&|key| metadata::for_platform(key, &id), target));
            refs.insert(id, filesystem);
        }
        GatewayResult::map(refs)
    } else {
        let (_, filesystem, target) = built.into_iter().next().expect("a request has a platform");
        keys.extend(facts(&str::to_owned, target));
        GatewayResult::single(filesystem)
    };
    Ok(keys
        .into_iter()
        .fold(result, |result, (key, value)| result.with_metadata(key, value)))
}

/// The time, in seconds since 1970.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

/// What the daemon said, for all platforms.
struct Said {
    abilities: Abilities,
    images: BTreeMap<lower::ImageRequest, ResolvedImage>,
    contexts: Resolved,
    now: i64,
}

impl Said {
    /// The world of one platform.
    fn world(&self, request: &Request, plan: &Checked<'_>, platform: &Platform, targets: &[&str]) -> World {
        let given = given::keys(&request.contexts, plan.plan(), platform, &request.build_platform);
        let asked = lower::contexts(plan, targets, &given).into_iter().filter_map(|context| {
            let asked = given::asked(&request.contexts, &context, platform, &request.build_platform)?;
            Some((context.key, self.contexts[&asked].clone()))
        });
        World {
            contexts: asked.collect(),
            build_platform: request.build_platform.clone(),
            multi_platform: request.multi_platform || request.plans.len() > 1,
            abilities: self.abilities.clone(),
            images: self.images.clone(),
            resolve_mode: llb_mode(request.resolve_mode),
            lock: request.lock.as_ref().map(|locked| locked.lock.clone()).unwrap_or_default(),
            sources: request.sources.clone(),
            whole_lines: request.for_debuggers,
            now: self.now,
            settings: request.settings.clone(),
            ..World::new(platform.clone())
        }
    }
}

async fn build<C: Channel>(
    gateway: &Gateway<C>,
    graph: &Graph,
    target: &LoweredTarget,
    options: &SolveOptions,
) -> Result<Ref, DriveError> {
    let main = evaluate(gateway, graph, target.output, options, DriveError::Target);
    let gates = target.gates.iter().map(|(gate, output)| {
        evaluate(gateway, graph, *output, options, |source| DriveError::Gate { gate: gate.clone(), source })
    });
    let (filesystem, _) = try_join(main, try_join_all(gates)).await?;
    Ok(filesystem)
}

async fn evaluate<C: Channel>(
    gateway: &Gateway<C>,
    graph: &Graph,
    output: Option<Output>,
    options: &SolveOptions,
    failed: impl FnOnce(GatewayError) -> DriveError,
) -> Result<Ref, DriveError> {
    let definition = graph.definition(output)?;
    gateway.solve(&definition, options).await.map_err(failed)
}

fn abilities(known: &Caps, without: &BTreeSet<String>) -> Abilities {
    let without = without.iter();
    without.fold(Abilities::of(known.llb.enabled()), |abilities, cap| abilities.without(cap.clone()))
}

/// The platforms of a result, as exporters read them (BuildKit v0.34 `exporter/containerimage/exptypes/types.go`).
fn platforms_json<'a>(platforms: impl Iterator<Item = &'a Platform>) -> Vec<u8> {
    let platforms = platforms.map(|platform| {
        let mut spec = json!({ "architecture": platform.architecture, "os": platform.os });
        if !platform.variant.is_empty() {
            spec["variant"] = platform.variant.clone().into();
        }
        json!({ "ID": platform.id(), "Platform": spec })
    });
    let platforms: Vec<_> = platforms.collect();
    json!({ "Platforms": platforms }).to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms_are_told_as_exporters_read_them() {
        let platforms = [Platform::new("linux", "amd64"), Platform::new("linux", "arm").with_variant("v7")];
        let text = String::from_utf8(platforms_json(platforms.iter())).unwrap();
        assert_eq!(
            text,
            r#"{"Platforms":[{"ID":"linux/amd64","Platform":{"architecture":"amd64","os":"linux"}},{"ID":"linux/arm/v7","Platform":{"architecture":"arm","os":"linux","variant":"v7"}}]}"#
        );
    }
}
