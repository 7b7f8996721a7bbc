//! What all images of the team have in common.

use stagewright::prelude::*;

/// What only images have: `builder.shipped(…)` does not compile.
pub trait Shipped: Sized {
    /// Runs as nobody, and says whose it is and which version.
    #[track_caller]
    #[must_use]
    fn shipped(self, title: &str, version: &str) -> Self;
}

impl Shipped for Stage<role::Runtime> {
    #[track_caller]
    fn shipped(self, title: &str, version: &str) -> Self {
        self.nonroot()
            .label(oci::VENDOR, "Acme")
            .label(oci::TITLE, title)
            .label(oci::VERSION, version)
    }
}
