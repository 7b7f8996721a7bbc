//! Where each op of a graph is, by digest.

use crate::Digest;

/// Positions in a list, found by the digests of what is there.
///
/// A digest is as good as random, so its first bytes say where to look. Half of the slots are empty, and whoever asks
/// knows the list: four bytes a slot are all that is kept.
#[derive(Clone, Debug, Default)]
pub(crate) struct DigestIndex {
    /// A position plus one, or zero; as many as a power of two, or none.
    slots: Vec<u32>,
    len: u32,
}

impl DigestIndex {
    /// The position of this digest.
    pub(crate) fn find(&self, digest: Digest, digest_of: impl Fn(u32) -> Digest) -> Option<u32> {
        if self.slots.is_empty() {
            return None;
        }
        let mut slot = self.start(digest);
        while let Some(position) = self.slots[slot].checked_sub(1) {
            if digest_of(position) == digest {
                return Some(position);
            }
            slot = (slot + 1) % self.slots.len();
        }
        None
    }

    /// Adds the next position of the list, whose digest was not found.
    pub(crate) fn push(&mut self, digest_of: impl Fn(u32) -> Digest) {
        self.len += 1;
        if self.len as usize * 2 > self.slots.len() {
            self.slots = vec![0; (self.slots.len() * 2).max(16)];
            (0..self.len).for_each(|position| self.place(position, digest_of(position)));
        } else {
            self.place(self.len - 1, digest_of(self.len - 1));
        }
    }

    fn place(&mut self, position: u32, digest: Digest) {
        let mut slot = self.start(digest);
        while self.slots[slot] != 0 {
            slot = (slot + 1) % self.slots.len();
        }
        self.slots[slot] = position + 1;
    }

    fn start(&self, digest: Digest) -> usize {
        let first = digest.as_bytes().first_chunk().copied().unwrap_or_default();
        u32::from_le_bytes(first) as usize % self.slots.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_digest_is_found_at_its_place() {
        let digests: Vec<Digest> = (0..1000_u32).map(|n| Digest::of(&n.to_le_bytes())).collect();
        let digest_of = |position: u32| digests[position as usize];
        let mut index = DigestIndex::default();
        for (position, &digest) in (0..).zip(&digests) {
            assert_eq!(index.find(digest, digest_of), None);
            index.push(digest_of);
            assert_eq!(index.find(digest, digest_of), Some(position));
        }
        assert_eq!(index.find(digests[0], digest_of), Some(0), "after growing");
        assert_eq!(index.find(Digest::of(b"other"), digest_of), None);
    }
}
