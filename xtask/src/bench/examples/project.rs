//! The project that all ways build: a copy of an example, or, for a smoke run, one of the same files that is as small as can be.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::{Spec, tiny};
use crate::bench::Scale;
use crate::demo::copy;
use crate::examples::list::{EXAMPLES, Edit};
use crate::place::Place;

/// A copy, to be edited.
pub(super) struct Project {
    /// The context of its builds.
    pub(super) directory: PathBuf,
    /// The target that is its image.
    pub(super) image: &'static str,
    /// The stages that are its testers.
    pub(super) testers: &'static [&'static str],
    bases: &'static [&'static str],
    source: Edited,
    manifest: Edited,
    /// Where files are written that are no part of the context.
    beside: PathBuf,
}

/// An edit, and the text of its file before any.
struct Edited {
    edit: Edit,
    text: String,
}

impl Project {
    pub(super) fn make(place: &Place, work: &Path, scale: Scale, spec: Spec) -> Result<Self> {
        let directory = work.join("project");
        fs::create_dir_all(work).with_context(|| format!("cannot create {}", work.display()))?;
        let Spec { example, image, testers, bases, manifest } = spec;
        let (source, manifest) = match scale {
            Scale::Full => {
                let listed = EXAMPLES.iter().find(|listed| listed.name == example);
                let listed = listed.with_context(|| format!("no example is called {example}"))?;
                let from = place.root.join("examples").join(listed.directory);
                copy(&from, &directory).with_context(|| format!("cannot copy {}", from.display()))?;
                (listed.edit, manifest)
            }
            Scale::Smoke => {
                tiny::write(&directory, image, testers)?;
                (tiny::SOURCE, tiny::MANIFEST)
            }
        };
        let bases = match scale {
            Scale::Full => bases,
            Scale::Smoke => &[],
        };
        let source = Edited::of(&directory, source)?;
        let manifest = Edited::of(&directory, manifest)?;
        Ok(Self { directory, image, testers, bases, source, manifest, beside: work.to_owned() })
    }

    pub(super) fn bases(&self) -> &'static [&'static str] {
        self.bases
    }

    /// Takes back all edits.
    pub(super) fn reset(&self) -> Result<()> {
        self.write(&self.source.edit, &self.source.text)?;
        self.write(&self.manifest.edit, &self.manifest.text)
    }

    /// Edits a source; each number is another edit, in place of those before.
    pub(super) fn edit(&self, number: usize) -> Result<()> {
        self.write(&self.source.edit, &self.source.edit.apply(&self.source.text, number)?)
    }

    /// Edits what says what is installed.
    pub(super) fn edit_manifest(&self, number: usize) -> Result<()> {
        self.write(&self.manifest.edit, &self.manifest.edit.apply(&self.manifest.text, number)?)
    }

    /// A Dockerfile of the project without the line that names its frontend; that of the daemon reads it then.
    pub(super) fn dockerfile(&self, name: &str) -> Result<PathBuf> {
        let text = read(&self.directory.join(name))?;
        let text = text.strip_prefix("# syntax=docker/dockerfile:1\n");
        let text = text.with_context(|| format!("{name} should begin with its syntax"))?;
        let path = self.beside.join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }

    fn write(&self, edit: &Edit, text: &str) -> Result<()> {
        let path = self.directory.join(edit.file);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    }
}

impl Edited {
    fn of(directory: &Path, edit: Edit) -> Result<Self> {
        Ok(Self { edit, text: read(&directory.join(edit.file))? })
    }
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}
