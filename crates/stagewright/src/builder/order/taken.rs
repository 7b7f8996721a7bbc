//! The places that outputs go to: no two to one place, and none where a mirror would remove what is needed.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{self, Component, Path, PathBuf};

use super::{OptionsError, Sent};

/// The places that outputs go to.
#[derive(Default)]
pub(super) struct Taken {
    places: BTreeSet<PathBuf>,
    mirrors: BTreeSet<PathBuf>,
    stdout: bool,
    /// What no mirror may contain.
    kept: Vec<PathBuf>,
}

impl Taken {
    /// No places yet. What an output becomes equal to may not contain any of these.
    pub(super) fn keeping<'a>(kept: impl IntoIterator<Item = &'a Path>) -> Self {
        Self { kept: kept.into_iter().map(place).collect(), ..Self::default() }
    }

    /// Takes one more, which nothing else may go to.
    pub(super) fn take(&mut self, sent: &Sent) -> Result<(), OptionsError> {
        let Some(dest) = sent.path() else {
            return if std::mem::replace(&mut self.stdout, true) {
                Err(OptionsError::SameStdout)
            } else {
                Ok(())
            };
        };
        let new = place(dest);
        if self.places.contains(&new) {
            return Err(OptionsError::SameDest { dest: dest.to_owned() });
        }
        let removes = |mirror: &PathBuf, other: &PathBuf| other.starts_with(mirror);
        if let Some(mirror) = self.mirrors.iter().find(|mirror| removes(mirror, &new)) {
            return Err(OptionsError::InMirror { mirror: mirror.clone(), dest: new });
        }
        if matches!(sent, Sent::Directory { mirror: true, .. }) {
            if let Some(dest) = self.places.iter().find(|other| removes(&new, other)) {
                return Err(OptionsError::InMirror { mirror: new, dest: dest.clone() });
            }
            if let Some(kept) = self.kept.iter().find(|kept| removes(&new, kept)) {
                return Err(OptionsError::MirrorOf { mirror: new, kept: kept.clone() });
            }
            self.mirrors.insert(new.clone());
        }
        self.places.insert(new);
        Ok(())
    }
}

/// One path for each place, however it is written. What is there already is followed through links; the rest may
/// not be there yet.
fn place(dest: &Path) -> PathBuf {
    let mut place = PathBuf::new();
    for component in path::absolute(dest).unwrap_or_else(|_| dest.to_owned()).components() {
        match component {
            Component::ParentDir => drop(place.pop()),
            Component::CurDir => {}
            _ => place.push(component),
        }
    }
    let mut missing: Vec<OsString> = Vec::new();
    let mut there = place.as_path();
    loop {
        if let Ok(real) = there.canonicalize() {
            return missing.iter().rev().fold(real, |path, name| path.join(name));
        }
        let (Some(parent), Some(name)) = (there.parent(), there.file_name()) else { return place };
        missing.push(name.to_owned());
        there = parent;
    }
}

#[cfg(test)]
mod tests {
    use buildkit_client::fsutil::receive::ReceiveOptions;

    use super::*;

    fn mirror(path: impl Into<PathBuf>) -> Sent {
        Sent::Directory { path: path.into(), mirror: true, options: ReceiveOptions::default() }
    }

    #[test]
    fn a_mirror_of_what_the_build_needs_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let project = folder.path().join("project");
        std::fs::create_dir(&project).unwrap();
        std::os::unix::fs::symlink("project", folder.path().join("link")).unwrap();
        let take = |path: PathBuf| Taken::keeping([project.as_path()]).take(&mirror(path));
        for path in [project.clone(), folder.path().to_owned(), folder.path().join("link"), "/".into()] {
            let error = take(path.clone()).unwrap_err().to_string();
            assert!(error.contains("would remove what is in"), "{path:?}: {error}");
        }
        assert!(take(project.join("out")).is_ok(), "a place in it is not it");
        let directory =
            Sent::Directory { path: project.clone(), mirror: false, options: ReceiveOptions::default() };
        assert!(Taken::keeping([project.as_path()]).take(&directory).is_ok());
    }

    #[test]
    fn places_are_the_same_through_links() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("real")).unwrap();
        std::os::unix::fs::symlink("real", folder.path().join("link")).unwrap();
        let mut taken = Taken::default();
        taken.take(&Sent::File(folder.path().join("real/new/a.tar"))).unwrap();
        let again = taken.take(&Sent::File(folder.path().join("link/x/../new/a.tar")));
        assert!(matches!(again, Err(OptionsError::SameDest { .. })), "{again:?}");
    }
}
