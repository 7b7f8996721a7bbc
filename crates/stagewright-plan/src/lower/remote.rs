//! Files of repositories and web servers that a Plan names, as docker/dockerfile's ADD.
//!
//! Ops as in BuildKit v0.34 `frontend/dockerfile/dockerfile2llb/convert_copy.go`.

use buildkit_llb::{Metadata, Output};

use super::{LowerError, Lowering, names};
use crate::lock::LockKey;
use crate::plan::{Git, Http};
use crate::site::Site;

impl<'a> Lowering<'a> {
    pub(super) fn git(&mut self, git: &Git, stage: &str, at: &'a Site) -> Result<Output, LowerError> {
        let mut source = git.source().expect("a checked Plan has git URLs only");
        source.advice = self.world.settings.git_advice;
        if source.checksum.is_empty()
            && let Some(pin) = self.world.lock.get(&git.lock_key())
        {
            // By its name it would be what it is now, and differ.
            source.git_ref.clone_from(&pin.digest);
            source.checksum.clone_from(&pin.digest);
        }
        let name = names::remote(stage, &names::repository(&source.url));
        Ok(self.add(source, Metadata::named(name), at)?.root())
    }

    pub(super) fn http(&mut self, http: &Http, stage: &str, at: &'a Site) -> Result<Output, LowerError> {
        let mut source = http.source().expect("a checked Plan has digests only");
        if source.checksum.is_none() {
            let pin = self.world.lock.get(&LockKey::http(&http.url));
            source.checksum = pin.and_then(|pin| pin.digest.parse().ok());
        }
        let name = names::remote(stage, &source.shown());
        Ok(self.add(source, Metadata::named(name), at)?.root())
    }
}
