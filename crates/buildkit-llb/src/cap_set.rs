//! What the ops of a graph need of a daemon: sets of capability names.

use std::borrow::Cow;

/// Names of capabilities in order, each there once.
///
/// Nearly all names are constants of [`caps`](crate::caps), and every op has a set: it costs one small allocation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CapSet(Vec<Cow<'static, str>>);

impl CapSet {
    /// Adds a name.
    pub fn insert(&mut self, cap: impl Into<Cow<'static, str>>) {
        let cap = cap.into();
        if let Err(position) = self.0.binary_search(&cap) {
            self.0.insert(position, cap);
        }
    }

    /// Whether the name is there.
    #[must_use]
    pub fn contains(&self, cap: &str) -> bool {
        self.0.binary_search_by(|known| known.as_ref().cmp(cap)).is_ok()
    }

    /// The names in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.iter().map(AsRef::as_ref)
    }

    /// Whether there is no name.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<C: Into<Cow<'static, str>>> Extend<C> for CapSet {
    fn extend<I: IntoIterator<Item = C>>(&mut self, caps: I) {
        let caps = caps.into_iter();
        self.0.reserve_exact(caps.size_hint().0);
        caps.for_each(|cap| self.insert(cap));
    }
}

impl<C: Into<Cow<'static, str>>> FromIterator<C> for CapSet {
    fn from_iter<I: IntoIterator<Item = C>>(caps: I) -> Self {
        let mut set = Self::default();
        set.extend(caps);
        set
    }
}

impl IntoIterator for CapSet {
    type Item = Cow<'static, str>;
    type IntoIter = std::vec::IntoIter<Cow<'static, str>>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_and_there_once() {
        let mut set = CapSet::from_iter(["b", "c", "b"]);
        set.insert("a".to_owned());
        assert_eq!(set.iter().collect::<Vec<_>>(), ["a", "b", "c"]);
        assert!(set.contains("c") && !set.contains("d") && !set.is_empty());
        assert_eq!(set, CapSet::from_iter(["c", "b", "a"]));
    }
}
