//! What is in an image: its own stage, and those that it starts from.

use std::collections::BTreeSet;

use crate::plan::{Origin, Stage};

/// The names of stages of a kind, and of all that they start from.
pub(super) fn with_those_below<'a>(
    stages: &[&'a Stage],
    is_kind: impl Fn(&Stage) -> bool,
) -> BTreeSet<&'a str> {
    let mut below: BTreeSet<&str> = BTreeSet::new();
    // Each comes after what it starts from.
    for stage in stages.iter().rev() {
        if is_kind(stage) || below.contains(stage.name.as_str()) {
            below.insert(&stage.name);
            if let Origin::Stage(from) = &stage.from {
                below.insert(from);
            }
        }
    }
    below
}
