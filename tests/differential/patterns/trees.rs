//! Trees with names that are hard to match.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::random::Random;

/// Names of entries: plain ones often, so that patterns match more than one thing.
const PLAIN: [&[u8]; 14] = [
    b"a",
    b"b",
    b"ab",
    b"abc",
    b"src",
    b"lib",
    b"docs",
    b"README.md",
    b"main.c",
    b"main.o",
    b"x.txt",
    b".git",
    b".env",
    b"node_modules",
];
const ODD: [&[u8]; 36] = [
    b"...",
    b"..x",
    b"a.b.c",
    b" lead",
    b"trail ",
    b"a b",
    b"[x]",
    b"a[b-d]e",
    b"{a,b}",
    b"a{2}",
    b"aa",
    b"*",
    b"**",
    b"!x",
    b"#c",
    b"a?b",
    b"\\",
    b"a\\b",
    b"^a",
    b"a|b",
    b"$HOME",
    b"a+b",
    b"(a)",
    b"new\nline",
    b"tab\t",
    b"-",
    b"--",
    b"~",
    b"%41",
    "café".as_bytes(),
    "☺".as_bytes(),
    "ζeta".as_bytes(),
    "\u{feff}mark".as_bytes(),
    "\u{a0}space".as_bytes(),
    b"\xff",
    b"lit\xffc",
];

/// A directory, and the paths in it.
pub(super) struct Tree {
    pub(super) paths: Vec<Vec<u8>>,
    pub(super) links: Vec<Vec<u8>>,
}

/// Any name.
pub(super) fn name(random: &mut Random) -> &'static [u8] {
    if random.chance(60) { random.pick(&PLAIN) } else { random.pick(&ODD) }
}

/// Makes a tree of 30 to 150 entries in an empty directory.
pub(super) fn plant(random: &mut Random, root: &Path) -> Tree {
    let count = 30 + random.below(121);
    let mut directories: Vec<Vec<u8>> = vec![Vec::new()];
    let mut tree = Tree { paths: Vec::new(), links: Vec::new() };
    let mut taken = BTreeSet::new();
    while tree.paths.len() < count {
        let parent = &directories[random.below(directories.len())];
        let path = match parent.as_slice() {
            [] => name(random).to_vec(),
            parent => [parent, b"/", name(random)].concat(),
        };
        if !taken.insert(path.clone()) {
            continue;
        }
        let place = root.join(OsStr::from_bytes(&path));
        if random.chance(35) && path.iter().filter(|b| **b == b'/').count() < 5 {
            fs::create_dir(place).unwrap();
            directories.push(path.clone());
        } else if random.chance(20) {
            symlink(OsStr::from_bytes(&target(random, &tree.paths)), place).unwrap();
            tree.links.push(path.clone());
        } else {
            fs::write(place, b"").unwrap();
        }
        tree.paths.push(path);
    }
    tree
}

/// Where a link leads: within the tree most of the time.
fn target(random: &mut Random, paths: &[Vec<u8>]) -> Vec<u8> {
    if paths.is_empty() || random.chance(20) {
        let odd: [&[u8]; 8] =
            [b".", b"..", b"/", b"../../..", b"missing", b"./a/", b"a/b", b"/nowhere/at/all"];
        return random.pick(&odd).to_vec();
    }
    let path = &paths[random.below(paths.len())];
    match random.below(4) {
        // From the root, which is where it counts from inside a tree.
        0 | 1 => [b"/", path.as_slice()].concat(),
        2 => [b"../", path.as_slice()].concat(),
        _ => path.rsplit(|b| *b == b'/').next().unwrap_or_default().to_vec(),
    }
}
