//! What a daemon can do: capabilities of its gateway and of its solver, and its workers.
//!
//! Source: BuildKit v0.34 `util/apicaps`, `frontend/gateway/pb/caps.go`, `solver/pb/caps.go`.

use std::collections::BTreeMap;

use buildkit_llb::Platform;
use buildkit_proto::{caps, into_map, pb, worker};

/// The answer to a ping.
#[derive(Debug, Clone, Default)]
pub struct Caps {
    /// Capabilities of the gateway API, such as `gateway.evaluate`.
    pub frontend: CapSet,
    /// Capabilities of LLB, such as `exec.meta.base` or `passthroughop`.
    pub llb: CapSet,
    /// The workers; the first is the one that builds unless a constraint says otherwise.
    pub workers: Vec<Worker>,
}

/// Capabilities by id.
#[derive(Debug, Clone, Default)]
pub struct CapSet {
    known: BTreeMap<String, Cap>,
}

#[derive(Debug, Clone)]
struct Cap {
    enabled: bool,
    reason: String,
}

/// The daemon lacks a capability.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unsupported {
    /// It does not know it.
    #[error("the daemon does not know the capability {id}; a newer BuildKit may")]
    Unknown {
        /// The capability.
        id: String,
    },
    /// It knows it, and has it switched off.
    #[error("the capability {id} is disabled at the daemon{}", because(reason))]
    Disabled {
        /// The capability.
        id: String,
        /// The daemon's reason; may be empty.
        reason: String,
    },
}

/// One worker of a daemon.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Worker {
    /// Its id.
    pub id: String,
    /// Its labels, such as `org.mobyproject.buildkit.worker.executor`.
    pub labels: BTreeMap<String, String>,
    /// The platforms it can run; the first is its own.
    pub platforms: Vec<Platform>,
}

impl CapSet {
    /// Whether a capability can be used; if not, why.
    ///
    /// # Errors
    /// The daemon does not know it or has it disabled.
    pub fn supports(&self, id: &str) -> Result<(), Unsupported> {
        match self.known.get(id) {
            None => Err(Unsupported::Unknown { id: id.to_owned() }),
            Some(cap) if cap.enabled => Ok(()),
            Some(cap) => Err(Unsupported::Disabled { id: id.to_owned(), reason: cap.reason.clone() }),
        }
    }

    /// Whether a capability can be used.
    #[must_use]
    pub fn has(&self, id: &str) -> bool {
        self.supports(id).is_ok()
    }

    /// The ids of all capabilities that can be used, sorted.
    pub fn enabled(&self) -> impl Iterator<Item = &str> {
        self.known.iter().filter(|(_, cap)| cap.enabled).map(|(id, _)| id.as_str())
    }

    pub(crate) fn from_pb(list: Vec<caps::ApiCap>) -> Self {
        let known = list.into_iter().filter(|cap| !cap.id.is_empty()).map(|cap| {
            let reason = if cap.disabled_reason_msg.is_empty() {
                cap.disabled_reason
            } else {
                cap.disabled_reason_msg
            };
            (cap.id, Cap { enabled: cap.enabled, reason })
        });
        Self { known: known.collect() }
    }
}

/// For tests and offline use: a set in which exactly these capabilities are enabled.
impl<S: Into<String>> FromIterator<S> for CapSet {
    fn from_iter<I: IntoIterator<Item = S>>(ids: I) -> Self {
        let known = ids
            .into_iter()
            .map(|id| (id.into(), Cap { enabled: true, reason: String::new() }));
        Self { known: known.collect() }
    }
}

impl Worker {
    /// Reads a worker from the wire.
    #[must_use]
    pub fn from_pb(record: worker::WorkerRecord) -> Self {
        Self {
            id: record.id,
            labels: into_map(record.labels),
            platforms: record.platforms.into_iter().map(platform_from_pb).collect(),
        }
    }
}

fn platform_from_pb(platform: pb::Platform) -> Platform {
    Platform {
        os: platform.os,
        architecture: platform.architecture,
        variant: platform.variant,
        os_version: platform.os_version,
        os_features: platform.os_features,
    }
}

fn because(reason: &str) -> String {
    if reason.is_empty() { String::new() } else { format!(": {reason}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cap(id: &str, enabled: bool, reason: &str) -> caps::ApiCap {
        caps::ApiCap { id: id.into(), enabled, disabled_reason_msg: reason.into(), ..Default::default() }
    }

    #[test]
    fn a_refusal_says_why() {
        let set = CapSet::from_pb(vec![
            cap("a", true, ""),
            cap("b", false, "the snapshotter cannot merge"),
            cap("c", false, ""),
            cap("", true, ""),
        ]);
        assert!(set.has("a"));
        let why = |id| set.supports(id).unwrap_err().to_string();
        assert_eq!(why("b"), "the capability b is disabled at the daemon: the snapshotter cannot merge");
        assert_eq!(why("c"), "the capability c is disabled at the daemon");
        assert_eq!(why("x"), "the daemon does not know the capability x; a newer BuildKit may");
        assert_eq!(set.enabled().collect::<Vec<_>>(), ["a"]);
    }
}
