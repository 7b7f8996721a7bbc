//! The lock: which image, commit or file each source of a build is.
//!
//! A [`Lock`] pins sources that a build names by what may move: an image by its tag, a commit by its branch, a file by its
//! URL. [`Lock::parse`] and its [`Display`](std::fmt::Display) are the text of a lock file, [`Lock::changes`] is what differs
//! between two, and [`Lock::judge`] holds a build's [`Need`]s against one. Who reads, resolves and writes is elsewhere.

mod changes;
mod form;
mod judge;
mod key;

use std::collections::BTreeMap;

use buildkit_llb::ImageRef;

pub use changes::Change;
pub use form::LockError;
pub use form::is_commit;
pub use judge::Need;
pub use key::LockKey;

/// What the sources of a build are pinned to.
#[derive(Clone, Debug, Default)]
pub struct Lock {
    pins: BTreeMap<LockKey, Pin>,
}

/// What a source is pinned to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    /// The digest of an image (of its index, if it has one) or of a file, as in `sha256:…`; of a repository, the commit in
    /// hexadecimal.
    pub digest: String,
    /// The line of the file that says so, from one; zero if it is in no file yet.
    pub line: u32,
}

impl Lock {
    /// What this source is pinned to.
    #[must_use]
    pub fn get(&self, key: &LockKey) -> Option<&Pin> {
        self.pins.get(key)
    }

    /// All pins, in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = (&LockKey, &Pin)> {
        self.pins.iter()
    }

    /// Whether nothing is pinned.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pins.is_empty()
    }

    /// Pins a source, whatever it was pinned to.
    pub fn pin(&mut self, key: LockKey, digest: impl Into<String>) {
        self.pins.insert(key, Pin { digest: digest.into(), line: 0 });
    }

    /// The image with its digest, if it is pinned here and not by its own name.
    #[must_use]
    pub fn pinned_image(&self, image: &ImageRef) -> Option<ImageRef> {
        if image.digest().is_some() {
            return None;
        }
        let pin = self
            .get(&LockKey::Image(image.clone()))
            .or_else(|| self.get(&LockKey::Frontend(image.clone())))?;
        image.with_digest(&pin.digest).ok()
    }
}
