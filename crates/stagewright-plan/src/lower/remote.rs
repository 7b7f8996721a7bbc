//! Files of repositories and web servers that a Plan names, as docker/dockerfile's ADD.
//!
//! Ops as in BuildKit v0.34 `frontend/dockerfile/dockerfile2llb/convert_copy.go`.

use buildkit_llb::{Digest, GitSource, GitUrl, HttpSource, Metadata, Output};

use super::{LowerError, Lowering, names};
use crate::plan::{Git, Http};
use crate::site::Site;

impl<'a> Lowering<'a> {
    pub(super) fn git(&mut self, git: &Git, stage: &str, at: &'a Site) -> Result<Output, LowerError> {
        let url: GitUrl = git.url.parse().expect("a checked Plan has git URLs only");
        let name = names::remote(stage, &names::repository(git));
        let mut source = GitSource::new(url);
        source.checksum = git.checksum.clone().unwrap_or_default();
        source.keep_git_dir = git.keep_git_dir;
        source.advice = self.world.settings.git_advice;
        Ok(self.add(source, Metadata::named(name), at)?.root())
    }

    pub(super) fn http(&mut self, http: &Http, stage: &str, at: &'a Site) -> Result<Output, LowerError> {
        let mut source = HttpSource::new(&http.url);
        http.file_name().clone_into(&mut source.file.name);
        let digest = |text: &String| text.parse::<Digest>().expect("a checked Plan has digests only");
        source.checksum = http.checksum.as_ref().map(digest);
        let name = names::remote(stage, &source.shown());
        Ok(self.add(source, Metadata::named(name), at)?.root())
    }
}
