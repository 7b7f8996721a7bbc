//! What stages begin with, each looked at once: chains of stages may be long.

use std::collections::BTreeMap;

use super::step::fills;
use crate::plan::{Origin, Plan};

/// What is in a stage before its own steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Begin {
    /// Nothing.
    Empty,
    /// What was put into an empty filesystem.
    Filled,
    /// An image's files.
    Base,
    /// It cannot be told: a stage is missing, or the stages are in a ring.
    Unknown,
}

/// What each stage of a Plan begins with.
pub(super) fn begins(plan: &Plan, index: &BTreeMap<&str, usize>) -> Vec<Begin> {
    let mut known: Vec<Option<Begin>> = vec![None; plan.stages.len()];
    for start in 0..plan.stages.len() {
        let mut path = Vec::new();
        let mut at = start;
        let mut begin = loop {
            if let Some(begin) = known[at] {
                break begin;
            }
            // Until its beginning is found, a stage that is met again is in a ring.
            known[at] = Some(Begin::Unknown);
            path.push(at);
            match &plan.stages[at].from {
                Origin::Scratch => break Begin::Empty,
                Origin::Image(_) | Origin::Context(_) | Origin::Git(_) | Origin::Http(_) => {
                    break Begin::Base;
                }
                Origin::Reports(_) | Origin::Root(_) => break Begin::Unknown,
                Origin::Stage(name) => match index.get(name.as_str()) {
                    Some(from) => at = *from,
                    None => break Begin::Unknown,
                },
            }
        };
        while let Some(stage) = path.pop() {
            if let Origin::Stage(name) = &plan.stages[stage].from
                && begin == Begin::Empty
                && plan.stages[index[name.as_str()]].steps.iter().any(fills)
            {
                begin = Begin::Filled;
            }
            known[stage] = Some(begin);
        }
    }
    known.into_iter().map(|begin| begin.unwrap_or(Begin::Unknown)).collect()
}
