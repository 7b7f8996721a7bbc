//! The lock of a build inside a daemon: read beside the build file, and kept to also by who reads that.

use std::collections::BTreeMap;
use std::fs;

use buildkit_frontend::{Entry, Environment, Options};
use buildkit_gateway::{Channel, FrontendSolve, Gateway, GatewayError, GatewayResult, SourceId};
use buildkit_llb::Definition;
use stagewright_plan::lock::{Lock, LockKey};

use crate::lock::{LOCK_ARG, Locked, syntax};

/// What a frontend's own image is, as the daemon tells each frontend (BuildKit v0.34 `frontend/gateway/gateway.go`).
const OWN_IMAGE: &str = "/run/config/buildkit/metadata/frontend.bin";
/// The option by which a frontend knows that another one has handed the build to it.
const HANDED_ON: &str = "stagewright.handed-on";

/// The lock beside the file, unless a build arg says that it is ignored. The arg is the program's no more.
pub(super) fn take(entry: Option<&Entry>, options: &mut Options) -> Result<Option<Locked>, GatewayError> {
    let strict = match options.build_args.remove(LOCK_ARG).as_deref() {
        None | Some("") => false,
        Some("strict") => true,
        Some("none") => return Ok(None),
        Some(other) => {
            let told = format!(
                "build arg {LOCK_ARG}: {other:?} is unknown: `strict` refuses what is not pinned, `none` ignores the lock"
            );
            return Err(GatewayError::new(told));
        }
    };
    let Some(entry) = entry else { return Ok(None) };
    let Some((name, data)) = &entry.lock else {
        if strict {
            let told =
                format!("there is no lock file beside `{}`: `stagewright lock` writes it", entry.filename);
            return Err(GatewayError::new(told));
        }
        return Ok(None);
    };
    let text = String::from_utf8_lossy(data);
    let lock = Lock::parse(&text).map_err(|error| GatewayError::new(format!("{name}: {error}")))?;
    Ok(Some(Locked { lock, name: name.clone(), strict }))
}

/// Hands the build to the frontend that the lock pins the `syntax` line to, if that is another one than this.
///
/// None if this is the right one, or nobody knows better.
pub(super) async fn hand_on<C: Channel>(
    gateway: &Gateway<C>,
    environment: &Environment,
    entry: &Entry,
    locked: &Locked,
    inputs: &BTreeMap<String, Definition>,
) -> Option<Result<GatewayResult, GatewayError>> {
    let need = syntax(&entry.filename, &entry.text)?;
    let LockKey::Frontend(image) = &need.key else { return None };
    if need.written.is_some() || environment.options.contains_key(HANDED_ON) {
        return None;
    }
    let pinned = image.with_digest(&locked.lock.get(&need.key)?.digest).ok()?;
    let own = SourceId::of(&Definition::decode(&fs::read(OWN_IMAGE).ok()?).ok()?)?;
    // Who names another image by an option of the build wants that one.
    let is_of_line = own.identifier.strip_prefix("docker-image://")?.starts_with(&image.to_string());
    if !is_of_line || own.identifier.ends_with(pinned.digest()?) {
        return None;
    }
    let mut options = environment.options.clone();
    options.insert("source".to_owned(), pinned.to_string());
    options.insert(HANDED_ON.to_owned(), "true".to_owned());
    let solve = FrontendSolve {
        frontend: "gateway.v0".to_owned(),
        options,
        inputs: inputs.clone(),
        ..Default::default()
    };
    Some(gateway.solve_frontend(&solve).await)
}
