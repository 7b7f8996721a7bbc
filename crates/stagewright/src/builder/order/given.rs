//! What is given to a build, compared with what it takes.

use std::collections::BTreeSet;

use buildkit_gateway::ResolveMode;
use stagewright_plan::check::Checked;
use stagewright_plan::lower::{ContextKey, MAIN_CONTEXT, context_name, contexts};

use super::{OptionsError, Order};
use crate::builder::audit::{self, MIN_SECRET};
use crate::builder::cache::Cache;
use crate::builder::context::name_and_platform;
use crate::builder::options::BuildOptions;

/// Checks that the secrets and ssh agents without which no step of these orders runs are given.
pub(in crate::builder) fn check_given(
    plan: &Checked<'_>,
    orders: &[Order],
    options: &BuildOptions,
) -> Result<(), OptionsError> {
    let targets: Vec<&str> = orders.iter().map(|order| order.target.as_str()).collect();
    if let Some(id) = plan.agents(&targets).into_iter().find(|id| !options.ssh.contains_key(*id)) {
        return Err(OptionsError::NoAgent { id: id.to_owned() });
    }
    let secrets = plan.secrets(&targets).into_iter();
    match secrets
        .filter(|secret| !secret.optional)
        .find(|secret| !options.secrets.contains_key(&secret.id))
    {
        Some(secret) => Err(OptionsError::NoSecret { id: secret.id.clone() }),
        None => Ok(()),
    }
}

/// Checks that the secrets can be looked for in all that goes out.
pub(in crate::builder) fn check_audit(options: &BuildOptions) -> Result<(), OptionsError> {
    for (id, secret) in &options.secrets {
        let length = audit::trimmed(secret.bytes()).len();
        if length < MIN_SECRET {
            return Err(OptionsError::SecretTooShort { id: id.clone(), length });
        }
    }
    if options.cache_to.iter().any(Cache::is_whole) { Err(OptionsError::AuditedCache) } else { Ok(()) }
}

/// Checks that nothing is asked for that is elsewhere.
pub(in crate::builder) fn check_offline(options: &BuildOptions) -> Result<(), OptionsError> {
    if options.resolve_mode == ResolveMode::Pull {
        return Err(OptionsError::OfflinePull);
    }
    match options.cache_from.iter().find_map(Cache::elsewhere) {
        Some(kind) => Err(OptionsError::OfflineCache { kind: kind.to_owned() }),
        None => Ok(()),
    }
}

/// Checks that everything that is given has a name that the build knows.
pub(super) fn check_inputs(
    plan: &Checked<'_>,
    targets: &[&str],
    options: &BuildOptions,
) -> Result<(), OptionsError> {
    let mut names = Vec::new();
    for given in options.contexts.keys() {
        let wrong = |source| OptionsError::ContextPlatform { given: given.clone(), source };
        names.push(name_and_platform(given).map_err(wrong)?.0);
    }
    if names.contains(&MAIN_CONTEXT) {
        return Err(OptionsError::MainContext);
    }
    let all: Vec<&str> = plan.plan().targets.iter().map(|target| target.name.as_str()).collect();
    let given: BTreeSet<String> = names.iter().map(|name| context_name(name)).collect();
    let keys: BTreeSet<ContextKey> =
        names.iter().flat_map(|name| ContextKey::all(plan.plan(), name)).collect();
    let read = |targets: &[&str]| {
        let requests = contexts(plan, targets, &keys).into_iter();
        requests
            .map(|context| context.key.name)
            .filter(|name| name != MAIN_CONTEXT)
            .collect::<BTreeSet<String>>()
    };
    let known = read(&all);
    if let Some(name) = given.difference(&known).next() {
        return Err(OptionsError::UnknownContext { name: name.clone(), known: known.into_iter().collect() });
    }
    if let Some(name) = read(targets).difference(&given).next() {
        return Err(OptionsError::NoContext { name: name.clone() });
    }
    let known: Vec<String> = plan.agents(&all).into_iter().map(str::to_owned).collect();
    if let Some(id) = options.ssh.keys().find(|id| !known.contains(id)) {
        return Err(OptionsError::UnknownAgent { id: id.clone(), known });
    }
    let known: Vec<String> = plan.plan().secrets.iter().map(|secret| secret.id.clone()).collect();
    match options.secrets.keys().find(|id| !known.contains(id)) {
        Some(id) => Err(OptionsError::UnknownSecret { id: id.clone(), known }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use stagewright_plan::check::check;
    use stagewright_plan::{Build, Targets, plan, sh};

    use super::*;
    use crate::builder::order::orders;

    #[test]
    fn secrets_and_agents_that_a_step_needs_must_be_given() {
        let describe = |b: &Build, (): ()| {
            let (token, key, absent) = (b.secret("token"), b.secret("key"), b.secret("absent").optional());
            let step = sh("make").secret_env("TOKEN", &token).secret(&absent);
            let api = b.runtime("api", "busybox").run(step);
            let web = b.runtime("web", "busybox").run(sh("make").secret(&key));
            let git = b.runtime("git", "busybox").run(sh("git clone x").ssh("work"));
            Targets::new().product(api).product(web).target(git)
        };
        let plan = plan(describe, &[]).unwrap();
        let checked = check(&plan).unwrap();
        let missing = |options: BuildOptions| {
            let orders = orders(&checked, &options, true).unwrap();
            check_given(&checked, &orders, &options).map_err(|error| error.to_string())
        };
        let error = missing(BuildOptions::new(".").target("git")).unwrap_err();
        assert_eq!(error, "a step takes ssh agent `work`, which is not lent: add `--ssh work`");
        let given = || buildkit_client::session::secrets::Secret::value("x").unwrap();
        let api = || BuildOptions::new(".").target("api");
        let error = missing(api()).unwrap_err();
        assert!(error.contains("add `--secret id=token,src=FILE`"), "{error}");
        assert_eq!(missing(api().secret("token", given())), Ok(()));
        let error = missing(BuildOptions::new(".").secret("token", given())).unwrap_err();
        assert!(error.contains("secret `key`, which is not given"), "{error}");
    }
}
