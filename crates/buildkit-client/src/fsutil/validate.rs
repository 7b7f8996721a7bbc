//! The receiver's distrust: entries that an honest sender does not send.

use std::collections::HashSet;

use super::stat::{Kind, Stat};
use buildkit_patterns::path;

/// Largest name and value of an extended attribute, in bytes (Linux `limits.h`).
const MAX_XATTR_NAME: usize = 255;
const MAX_XATTR: usize = 64 << 10;

/// An entry that must not be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the sender announced {path}: {reason}")]
pub struct InvalidEntry {
    /// The entry, in quotes.
    pub path: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

/// Checks entries one after the other.
///
/// Paths are clean, relative and stay inside; they come in the protocol's order, each once, each behind its
/// directory; a hard link names a file that came before.
#[derive(Debug)]
pub struct Validator {
    /// Directories that the last entry lies in, each with the last name seen in it.
    parents: Vec<(Vec<u8>, Vec<u8>)>,
    files: HashSet<Vec<u8>>,
}

impl Default for Validator {
    fn default() -> Self {
        Self { parents: vec![(Vec::new(), Vec::new())], files: HashSet::new() }
    }
}

impl Validator {
    /// Checks the next entry.
    pub fn check(&mut self, stat: &Stat) -> Result<(), InvalidEntry> {
        self.check_path(&stat.path)
            .and_then(|()| self.check_kind(stat))
            .map_err(|reason| InvalidEntry { path: path::quoted(&stat.path), reason })
    }

    fn check_path(&mut self, path: &[u8]) -> Result<(), &'static str> {
        if path.is_empty() || path.contains(&0) {
            return Err("not a path");
        }
        if path[0] == b'/' {
            return Err("the path is absolute");
        }
        if path.split(|b| *b == b'/').any(|part| part == b"..") {
            return Err("the path leaves the tree");
        }
        if path == b"." || path::clean(path) != path {
            return Err("the path is not in its shortest form");
        }
        let (directory, name) = path::split(path);
        while self.parents.last().is_some_and(|(parent, _)| parent != directory) {
            self.parents.pop();
        }
        let (_, last) = self.parents.last_mut().ok_or("its directory did not come before it")?;
        if name == last.as_slice() {
            return Err("it came before");
        }
        if name < last.as_slice() {
            return Err("it is out of order");
        }
        *last = name.to_vec();
        Ok(())
    }

    fn check_kind(&mut self, stat: &Stat) -> Result<(), &'static str> {
        if stat.size < 0 {
            return Err("its size is negative");
        }
        if stat.link.contains(&0) {
            return Err("its link target is not a path");
        }
        let too_large =
            |(key, value): (&String, &Vec<u8>)| key.len() > MAX_XATTR_NAME || value.len() > MAX_XATTR;
        if stat.xattrs.iter().any(too_large) {
            return Err("an extended attribute is larger than any system has it");
        }
        match stat.mode.kind() {
            Kind::Directory if !stat.link.is_empty() => Err("a directory is no link"),
            Kind::Directory => {
                self.parents.push((stat.path.clone(), Vec::new()));
                Ok(())
            }
            Kind::Symlink if stat.link.is_empty() => Err("a link without a target"),
            Kind::Symlink => Ok(()),
            Kind::Socket | Kind::Other => Err("no kind of file that can be sent"),
            _ if stat.link.is_empty() => {
                self.files.insert(stat.path.clone());
                Ok(())
            }
            _ if self.files.contains(&stat.link) => Ok(()),
            _ => Err("a hard link to a file that did not come before"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::stat::Mode;
    use super::*;

    /// `d/` is a directory, `l>t` a symbolic link, `l=t` a hard link, and the rest are files.
    fn entry(text: &str) -> Stat {
        let stat = |path: &str, mode, link: &str| Stat {
            path: path.into(),
            mode: Mode(mode),
            link: link.into(),
            ..Stat::default()
        };
        if let Some((path, target)) = text.split_once('>') {
            stat(path, Mode::SYMLINK | 0o777, target)
        } else if let Some((path, target)) = text.split_once('=') {
            stat(path, 0o644, target)
        } else if let Some(path) = text.strip_suffix('/') {
            stat(path, Mode::DIRECTORY | 0o755, "")
        } else {
            stat(text, 0o644, "")
        }
    }

    /// All entries but the last are good; the last gets this verdict.
    fn check(entries: &[&str], expected: Result<(), &str>) {
        let mut validator = Validator::default();
        let (last, before) = entries.split_last().unwrap();
        for text in before {
            validator.check(&entry(text)).unwrap();
        }
        assert_eq!(validator.check(&entry(last)).map_err(|e| e.reason), expected, "{entries:?}");
    }

    #[test]
    fn honest_trees_pass() {
        check(&["a/", "a/b/", "a/b/c", "a/b-c", "a/l>../../etc", "a-b", "b/", "b/h=a/b/c", "c"], Ok(()));
        check(&["..a", "a..", "a.b"], Ok(()));
    }

    #[test]
    fn paths_stay_inside_and_are_clean() {
        check(&[""], Err("not a path"));
        check(&["a\0b"], Err("not a path"));
        check(&["/etc/passwd"], Err("the path is absolute"));
        for path in ["..", "../a", "a/../b", "a/.."] {
            check(&[path], Err("the path leaves the tree"));
        }
        for path in [".", "./a", "a//b", "a/./b"] {
            check(&[path], Err("the path is not in its shortest form"));
        }
    }

    #[test]
    fn entries_come_in_order_and_once() {
        check(&["b", "a"], Err("it is out of order"));
        check(&["a", "a"], Err("it came before"));
        check(&["a/", "a/"], Err("it came before"));
        check(&["a/", "a/b", "b", "a/c"], Err("its directory did not come before it"));
        check(&["a-b", "a/"], Err("it is out of order"));
    }

    #[test]
    fn parents_are_directories_that_came_before() {
        for parent in ["a", "a>/etc"] {
            check(&[parent, "a/b"], Err("its directory did not come before it"));
        }
        check(&["a/b"], Err("its directory did not come before it"));
        check(&["a/", "a/b/c"], Err("its directory did not come before it"));
    }

    #[test]
    fn links_and_kinds_make_sense() {
        let unknown = Err("a hard link to a file that did not come before");
        check(&["a=/etc/passwd"], unknown);
        check(&["a>b", "c=a"], unknown);
        check(&["a/", "c=a"], unknown);
        check(&["a", "b=a", "c=b"], unknown);
        check(&["a>"], Err("a link without a target"));
        let socket = Stat { mode: Mode(Mode::SOCKET), ..entry("s") };
        assert!(Validator::default().check(&socket).is_err());
        let negative = Stat { size: -1, ..entry("f") };
        assert_eq!(Validator::default().check(&negative).unwrap_err().reason, "its size is negative");
    }
}
