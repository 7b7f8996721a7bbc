//! Files of repositories and web servers that a Plan names, as docker/dockerfile's ADD.
//!
//! Ops as in BuildKit v0.34 `frontend/dockerfile/dockerfile2llb/convert_copy.go`.

use buildkit_llb::{Metadata, Output};

use super::{LowerError, Lowering, names};
use crate::plan::{Git, Http};
use crate::site::Site;

impl<'a> Lowering<'a> {
    pub(super) fn git(&mut self, git: &Git, stage: &str, at: &'a Site) -> Result<Output, LowerError> {
        let mut source = git.source().expect("a checked Plan has git URLs only");
        source.advice = self.world.settings.git_advice;
        let name = names::remote(stage, &names::repository(&source.url));
        Ok(self.add(source, Metadata::named(name), at)?.root())
    }

    pub(super) fn http(&mut self, http: &Http, stage: &str, at: &'a Site) -> Result<Output, LowerError> {
        let source = http.source().expect("a checked Plan has digests only");
        let name = names::remote(stage, &source.shown());
        Ok(self.add(source, Metadata::named(name), at)?.root())
    }
}
