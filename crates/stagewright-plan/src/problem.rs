//! What is wrong with a build, with the places where it was written.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::lint::Code;
use crate::site::Site;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Problem {
    /// What is wrong, in one line: lower case, no full stop.
    pub message: String,
    /// Where it was written. Parameters come from outside and have no place.
    pub at: Option<Site>,
    /// The presets that the place was reached through, outermost first.
    pub via: Vec<Site>,
    /// What the place is, in a few words (`this stage`), shown beside the line.
    pub label: String,
    /// Other places that matter, each with a few words.
    pub related: Vec<(Site, String)>,
    /// What would be right.
    pub help: Option<String>,
    /// What it is called, if it can be allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Code>,
    /// What of the place it is about, for who knows more of the text than the Plan does.
    #[serde(skip)]
    pub about: About,
}

/// What of its place a problem is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum About {
    /// What stands there.
    #[default]
    Place,
    /// The stage that begins there as a whole: its name, or what it is.
    Stage,
}

impl Problem {
    /// A problem without a place.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            at: None,
            via: Vec::new(),
            label: String::new(),
            related: Vec::new(),
            help: None,
            code: None,
            about: About::Place,
        }
    }

    /// With the place where it was written.
    #[must_use]
    pub fn at(mut self, site: &Site) -> Self {
        self.at = Some(site.clone());
        self
    }

    /// With what it is called, and allowed by.
    #[must_use]
    pub fn code(mut self, code: Code) -> Self {
        self.code = Some(code);
        self
    }

    /// With what of its place it is about.
    #[must_use]
    pub fn about(mut self, about: About) -> Self {
        self.about = about;
        self
    }

    /// With the presets that the place was reached through.
    #[must_use]
    pub fn via(mut self, via: &[Site]) -> Self {
        self.via = via.to_vec();
        self
    }

    /// With a few words for the place itself.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// With another place that matters.
    #[must_use]
    pub fn related(mut self, site: &Site, label: impl Into<String>) -> Self {
        self.related.push((site.clone(), label.into()));
        self
    }

    /// With what would be right.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(at) = &self.at {
            write!(f, "{at}: ")?;
        }
        write!(f, "{}", self.message)?;
        if let Some(code) = self.code {
            write!(f, " [{code}]")?;
        }
        for (site, label) in &self.related {
            write!(f, "\n  {site}: {label}")?;
        }
        if let Some(help) = &self.help {
            write!(f, "\n  help: {help}")?;
        }
        Ok(())
    }
}

/// Everything that is wrong with a build: never empty, in the order of the places, each once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// The problems as a result: `Ok` when there are none.
    ///
    /// # Errors
    ///
    /// The problems, sorted by place, without repetitions.
    pub fn none_of(mut problems: Vec<Problem>) -> Result<(), Self> {
        problems.sort_by(|a, b| (&a.at, &a.message).cmp(&(&b.at, &b.message)));
        problems.dedup();
        if problems.is_empty() { Ok(()) } else { Err(Self(problems)) }
    }

    /// The problems in the order of their places.
    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.0.iter()
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

impl IntoIterator for Problems {
    type Item = Problem;
    type IntoIter = std::vec::IntoIter<Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Problems {
    type Item = &'a Problem;
    type IntoIter = std::slice::Iter<'a, Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.0.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// The name among `known` that `given` probably meant, by edit distance, case and punctuation aside.
#[must_use]
pub fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let fold = |s: &str| s.to_lowercase().replace(['-', '.'], "_");
    let given = fold(given);
    known
        .into_iter()
        .map(|name| (distance(&given, &fold(name)), name))
        .filter(|(d, name)| *d <= name.len().max(given.len()) / 3)
        .min()
        .map(|(_, name)| name)
}

/// How many characters have to be added, removed, replaced, or swapped with their neighbours.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut row: Vec<usize> = (0..=b.len()).collect();
    let mut before = Vec::new();
    for i in 0..a.len() {
        let mut next = vec![i + 1];
        for j in 0..b.len() {
            let replaced = row[j] + usize::from(a[i] != b[j]);
            let mut least = replaced.min(row[j + 1] + 1).min(next[j] + 1);
            if i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j] {
                least = least.min(before[j - 1] + 1);
            }
            next.push(least);
        }
        before = std::mem::replace(&mut row, next);
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_stand_in_the_order_of_their_places_and_once() {
        let at = |line| Site { file: "stages.rs".to_owned(), line, column: 1 };
        let late = Problem::new("late").at(&at(9));
        let early = Problem::new("early").at(&at(2)).help("do it later");
        let problems = Problems::none_of(vec![late.clone(), early, late]).unwrap_err();
        assert_eq!(problems.to_string(), "stages.rs:2:1: early\n  help: do it later\nstages.rs:9:1: late");
        assert_eq!(Problems::none_of(Vec::new()), Ok(()));
    }

    #[test]
    fn nearest_names() {
        let known = ["node", "env", "log_level"];
        assert_eq!(nearest("LOG-LEVEL", known), Some("log_level"));
        assert_eq!(nearest("nodes", known), Some("node"));
        assert_eq!(nearest("platform", known), None);
    }
}
