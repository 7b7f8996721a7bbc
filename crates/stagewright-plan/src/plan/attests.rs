//! What an image carries beside its layers: statements of what is in it and how it was built.

use serde::{Deserialize, Serialize};

/// What an image carries, unless whoever builds says something else.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attests {
    /// What is in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sbom: Option<Sbom>,
    /// How it was built.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provenance: Option<Provenance>,
}

impl Attests {
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A list of what is in an image (a software bill of materials), which a scanner makes of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sbom {
    /// The scanner's image; the daemon's own choice if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generator: Option<String>,
}

/// How much is told of how an image was built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provenance {
    /// What it was built from, and when.
    Min,
    /// Also every step, and the values of parameters: not for builds whose parameters are nobody's business.
    Max,
}
