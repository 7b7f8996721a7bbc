//! What a daemon can do.

use std::collections::BTreeSet;

use buildkit_llb::CapSet;

/// The LLB capabilities of a daemon.
#[derive(Clone, Debug)]
pub struct Abilities {
    /// `None` for all.
    known: Option<CapSet>,
    lacking: BTreeSet<String>,
}

impl Abilities {
    /// A daemon that can do everything.
    #[must_use]
    pub fn all() -> Self {
        Self { known: None, lacking: BTreeSet::new() }
    }

    /// A daemon with these capabilities.
    pub fn of<C: Into<String>>(caps: impl IntoIterator<Item = C>) -> Self {
        let known = caps.into_iter().map(Into::into).collect();
        Self { known: Some(known), lacking: BTreeSet::new() }
    }

    /// The same without one of them.
    #[must_use]
    pub fn without(mut self, cap: impl Into<String>) -> Self {
        self.lacking.insert(cap.into());
        self
    }

    /// Whether the daemon has this capability.
    #[must_use]
    pub fn has(&self, cap: &str) -> bool {
        !self.lacking.contains(cap) && self.known.as_ref().is_none_or(|known| known.contains(cap))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_away_is_missing() {
        assert!(Abilities::all().has("a"));
        assert!(!Abilities::all().without("a").has("a"));
        let some = Abilities::of(["a", "b"]).without("b");
        assert!(some.has("a") && !some.has("b") && !some.has("c"));
    }
}
