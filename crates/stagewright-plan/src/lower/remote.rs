//! Files of repositories and web servers that a Plan names, as docker/dockerfile's ADD.
//!
//! Ops as in BuildKit v0.34 `frontend/dockerfile/dockerfile2llb/convert_copy.go`.

use buildkit_llb::{GitSource, HttpSource, Metadata, Output};

use super::{LowerError, Lowering, names};
use crate::lock::{Lock, LockKey};
use crate::plan::{Git, Http};
use crate::site::Site;

impl<'a> Lowering<'a> {
    pub(super) fn git(&mut self, git: &Git, stage: &str, at: &'a Site) -> Result<Output, LowerError> {
        let mut source = git_source(git, &self.world.lock);
        source.advice = self.world.settings.git_advice;
        let name = names::remote(stage, &names::repository(&source.url));
        Ok(self.add(source, Metadata::named(name), at)?.root())
    }

    pub(super) fn http(&mut self, http: &Http, stage: &str, at: &'a Site) -> Result<Output, LowerError> {
        let source = http_source(http, &self.world.lock);
        let name = names::remote(stage, &source.shown());
        Ok(self.add(source, Metadata::named(name), at)?.root())
    }
}

/// A repository, at the commit that a lock has for it.
pub(super) fn git_source(git: &Git, lock: &Lock) -> GitSource {
    let mut source = git.source().expect("a checked Plan has git URLs only");
    if source.checksum.is_empty()
        && let Some(pin) = lock.get(&git.lock_key())
    {
        // By its name it would be what it is now, and differ.
        source.git_ref.clone_from(&pin.digest);
        source.checksum.clone_from(&pin.digest);
    }
    source
}

/// A file of a web server, with the digest that a lock has for it.
pub(super) fn http_source(http: &Http, lock: &Lock) -> HttpSource {
    let mut source = http.source().expect("a checked Plan has digests only");
    if source.checksum.is_none() {
        let pin = lock.get(&LockKey::http(&http.url));
        source.checksum = pin.and_then(|pin| pin.digest.parse().ok());
    }
    source
}
