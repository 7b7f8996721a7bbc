//! The list of all tests in the project, and what ran compared with it.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context as _, Result, bail};

use crate::place::Place;

/// Where the list is, from the root.
pub(super) const LIST: &str = "tests/all-tests.txt";

/// Fails unless exactly the listed tests ran; with `bless` writes the list instead.
pub(super) fn compare(place: &Place, ran: &BTreeSet<String>, bless: bool) -> Result<()> {
    let path = place.root.join(LIST);
    if bless {
        let text: String = ran.iter().map(|name| format!("{name}\n")).collect();
        return fs::write(&path, text).with_context(|| format!("cannot write {LIST}"));
    }
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {LIST}"))?;
    let listed = text.lines().map(str::to_owned).collect();
    let differences = differences(&listed, ran);
    for difference in &differences {
        println!("{difference}");
    }
    if !differences.is_empty() {
        bail!("{LIST} says otherwise; if that is meant, run `cargo xtask test --bless`");
    }
    Ok(())
}

fn differences(listed: &BTreeSet<String>, ran: &BTreeSet<String>) -> Vec<String> {
    let lost = listed.difference(ran).map(|name| format!("did not run: {name}"));
    let new = ran.difference(listed).map(|name| format!("is not listed: {name}"));
    lost.chain(new).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lost_and_new_tests_are_named() {
        let listed = BTreeSet::from(["a x", "a y"].map(str::to_owned));
        let ran = BTreeSet::from(["a y", "a z"].map(str::to_owned));
        assert_eq!(differences(&listed, &ran), ["did not run: a x", "is not listed: a z"]);
    }
}
