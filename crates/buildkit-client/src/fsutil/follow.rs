//! Paths to follow, as the paths that they need.
//!
//! A daemon that copies `a/b` needs every link on the way there as well as what the links lead to. Links
//! are resolved inside the tree: an absolute target counts from its root, and `..` ends there. A component
//! may be a wildcard; then each link that it matches is followed (fsutil `followlinks.go`). Unlike fsutil,
//! two paths through the same link both arrive.

use std::collections::BTreeSet;
use std::io;

use super::root::Root;
use buildkit_patterns::gomatch;
use buildkit_patterns::path;

/// Links that one path may lead through, as the kernel counts.
const MAX_LINKS: usize = 40;

/// The include patterns for these paths, sorted; `None` if the root itself is asked for, which is no limit.
pub(super) fn follow(root: &Root, paths: &[Vec<u8>]) -> io::Result<Option<Vec<Vec<u8>>>> {
    let mut walk = Follow { root, seen: BTreeSet::new(), needed: BTreeSet::new() };
    for path in paths {
        walk.path(path, 0)?;
    }
    let mut needed: Vec<Vec<u8>> = Vec::new();
    for path in walk.needed {
        if path == b"." {
            return Ok(None);
        }
        if !needed.last().is_some_and(|last| path::is_below(&path, last)) {
            needed.push(path);
        }
    }
    Ok(Some(needed))
}

struct Follow<'a> {
    root: &'a Root,
    seen: BTreeSet<Vec<u8>>,
    needed: BTreeSet<Vec<u8>>,
}

impl Follow<'_> {
    fn path(&mut self, path: &[u8], links: usize) -> io::Result<()> {
        let path = path::clean(path);
        let path = match path.strip_prefix(b"/") {
            Some(b"") => b".",
            Some(rest) => rest,
            None => &path,
        };
        if links > MAX_LINKS || !self.seen.insert(path.to_vec()) {
            return Ok(());
        }
        if path == b"." || path == b".." || path.starts_with(b"../") {
            self.needed.insert(path.to_vec());
            return Ok(());
        }
        let ends = path
            .iter()
            .enumerate()
            .filter(|(_, b)| **b == b'/')
            .map(|(at, _)| at)
            .chain([path.len()]);
        for end in ends {
            let (current, rest) = (&path[..end], &path[end..]);
            let targets = self.targets(current)?;
            if targets.is_empty() {
                continue;
            }
            self.needed.insert(current.to_vec());
            for target in targets {
                self.path(&[&target, rest].concat(), links + 1)?;
            }
            return Ok(());
        }
        self.needed.insert(path.to_vec());
        Ok(())
    }

    /// Where the links at a path lead, as absolute paths; the last component may be a wildcard.
    fn targets(&self, path: &[u8]) -> io::Result<Vec<Vec<u8>>> {
        let (directory, name) = path::split(path);
        let mut links = Vec::new();
        if has_wildcard(name) {
            let names = self.root.names(directory)?;
            let meant = names.iter().filter(|n| gomatch::matches(name, n) == Ok(true));
            links.extend(meant.map(|n| path::join(directory, n)));
        } else {
            links.push(path.to_vec());
        }
        let mut targets = Vec::new();
        for link in links {
            if let Some(target) = self.root.link(&link)? {
                let from = if target.starts_with(b"/") { Vec::new() } else { directory.to_vec() };
                targets.push(path::clean(&[b"/", from.as_slice(), b"/", &target].concat()));
            }
        }
        Ok(targets)
    }
}

fn has_wildcard(name: &[u8]) -> bool {
    let mut bytes = name.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => _ = bytes.next(),
            b'*' | b'?' | b'[' => return true,
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    /// Entries: a path ending in `/` is a directory, `a -> b` a link, the rest are empty files.
    fn tree(entries: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for entry in entries {
            if let Some((link, target)) = entry.split_once(" -> ") {
                symlink(target, dir.path().join(link)).unwrap();
            } else if entry.ends_with('/') {
                fs::create_dir_all(dir.path().join(entry)).unwrap();
            } else {
                fs::write(dir.path().join(entry), "").unwrap();
            }
        }
        dir
    }

    fn check(entries: &[&str], paths: &[&str], expected: Option<&[&str]>) {
        let dir = tree(entries);
        let paths: Vec<_> = paths.iter().map(|p| p.as_bytes().to_vec()).collect();
        let found = follow(&Root::open(dir.path()).unwrap(), &paths).unwrap();
        let found = found.map(|f| f.into_iter().map(|p| String::from_utf8(p).unwrap()).collect::<Vec<_>>());
        assert_eq!(
            found.as_deref(),
            expected
                .map(|e| e.iter().map(ToString::to_string).collect::<Vec<_>>())
                .as_deref()
        );
    }

    #[test]
    fn the_chain_of_links_is_needed() {
        let entries = ["dir/", "dir/foo", "dir/l1 -> foo", "l2 -> dir/l1", "bar", "baz"];
        check(&entries, &["l2", "bar"], Some(&["bar", "dir/foo", "dir/l1", "l2"]));
    }

    #[test]
    fn loops_end() {
        check(&["l1 -> l1", "l2 -> l3", "l3 -> l2"], &["l1", "l3"], Some(&["l1", "l2", "l3"]));
        check(&["a -> a/b"], &["a"], Some(&["a"]));
    }

    #[test]
    fn absolute_targets_and_too_many_dots_stay_inside() {
        for up in ["../", "../../../"] {
            let link = format!("foo/bar -> {up}");
            let entries = ["dir/", "dir/l1 -> /foo/bar/baz", "foo/", &link, "baz"];
            check(&entries, &["dir/l1"], Some(&["baz", "dir/l1", "foo/bar"]));
        }
    }

    #[test]
    fn what_is_missing_is_asked_for_all_the_same() {
        check(&[], &["foo/bar/baz", "bar/baz"], Some(&["bar/baz", "foo/bar/baz"]));
        check(&[], &["f*/foo/t*"], Some(&["f*/foo/t*"]));
        check(&[], &["."], None);
    }

    #[test]
    fn what_a_directory_covers_is_not_repeated() {
        check(&[], &["foo/bar/baz", "foo/bar"], Some(&["foo/bar"]));
        let entries = ["dir/", "dir/l1 -> /foo", "dir/l2 -> /", "foo/", "foo/bar"];
        check(&entries, &["dir/l1", "foo/bar"], Some(&["dir/l1", "foo"]));
        check(&entries, &["dir/l2", "foo", "foo/bar"], None);
    }

    #[test]
    fn wildcards_follow_the_links_that_they_match() {
        let entries = [
            "dir/",
            "foo/",
            "dir/l1 -> /foo/bar1",
            "dir/l2 -> /foo/bar2",
            "dir/anotherlink -> /foo/bar3",
            "foo/bar2 -> ../baz",
            "foo/bar1",
            "foo/bar3",
            "baz",
        ];
        check(&entries, &["dir/l*"], Some(&["baz", "dir/l*", "foo/bar1", "foo/bar2"]));
        check(&entries, &["dir/l**"], Some(&["baz", "dir/l**", "foo/bar1", "foo/bar2"]));
        check(&entries, &["dir"], Some(&["dir"]));
        check(&entries, &["dir", "dir/*link"], Some(&["dir", "foo/bar3"]));
    }

    #[test]
    fn two_paths_through_one_link_both_arrive() {
        check(&["real/", "l -> real"], &["l/a", "l/b"], Some(&["l", "real/a", "real/b"]));
    }
}
