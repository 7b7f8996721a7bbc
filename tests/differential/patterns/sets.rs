//! Sets of patterns, most of them about paths that are there.

use super::random::Random;
use super::trees::{Tree, name};

/// What is asked of a tree.
#[derive(Clone, Debug, Default)]
pub(super) struct Set {
    pub(super) include: Vec<Vec<u8>>,
    pub(super) exclude: Vec<Vec<u8>>,
    pub(super) follow: Vec<Vec<u8>>,
    /// An ignore file, whose patterns are added to those that exclude.
    pub(super) ignore: Option<Vec<u8>>,
}

/// A set for a tree.
pub(super) fn set(random: &mut Random, tree: &Tree) -> Set {
    let mut set = Set::default();
    match random.below(10) {
        0 | 1 => set.include = patterns(random, tree),
        2 | 3 => set.exclude = patterns(random, tree),
        4 => set.follow = follow(random, tree),
        5 => (set.include, set.exclude) = (patterns(random, tree), patterns(random, tree)),
        6 => (set.follow, set.exclude) = (follow(random, tree), patterns(random, tree)),
        7 => {
            (set.include, set.exclude) = (patterns(random, tree), patterns(random, tree));
            set.follow = follow(random, tree);
        }
        _ => set.ignore = Some(ignore(random, tree)),
    }
    set
}

fn patterns(random: &mut Random, tree: &Tree) -> Vec<Vec<u8>> {
    (0..=random.below(6)).map(|_| pattern(random, tree)).collect()
}

fn pattern(random: &mut Random, tree: &Tree) -> Vec<u8> {
    if random.chance(3) {
        return special(random).to_vec();
    }
    let path = path(random, tree);
    let components: Vec<Vec<u8>> = path.split(|b| *b == b'/').map(|part| component(random, part)).collect();
    let mut text = components.join(&b'/');
    for _ in 0..random.below(3) {
        text = match random.below(14) {
            0 => [b"/", text.as_slice()].concat(),
            1 => [text.as_slice(), b"/"].concat(),
            2 => [b"./", text.as_slice()].concat(),
            3 => [b"x/../", text.as_slice()].concat(),
            4 => [text.as_slice(), b"//."].concat(),
            5 | 6 => [b"**/", text.as_slice()].concat(),
            7 | 8 => [text.as_slice(), b"/**"].concat(),
            9 => [text.as_slice(), b"/*"].concat(),
            10 => [text.as_slice(), b"/*/**"].concat(),
            11 => [b" ", text.as_slice(), b"\t"].concat(),
            12 => ["\u{2003}".as_bytes(), &text, "\u{a0}".as_bytes(), b"\x0b"].concat(),
            _ => [b"../", text.as_slice()].concat(),
        };
    }
    if random.chance(30) {
        text.insert(0, b'!');
    }
    text
}

/// A path of the tree, a directory above one, or one that is not there.
fn path(random: &mut Random, tree: &Tree) -> Vec<u8> {
    if random.chance(10) {
        return [name(random), name(random)].join(&b'/');
    }
    let path = &tree.paths[random.below(tree.paths.len())];
    let parts: Vec<&[u8]> = path.split(|b| *b == b'/').collect();
    parts[..=random.below(parts.len())].join(&b'/')
}

/// A component as itself or as something that may match it.
fn component(random: &mut Random, part: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(part).into_owned();
    let chars: Vec<char> = text.chars().collect();
    let at = random.below(chars.len());
    let around = |middle: &str| {
        let (before, behind) = (&chars[..at], &chars[at + 1..]);
        let text: String = before
            .iter()
            .copied()
            .chain(middle.chars())
            .chain(behind.iter().copied())
            .collect();
        text.into_bytes()
    };
    let char = chars[at];
    match random.below(24) {
        0..8 => part.to_vec(),
        8 | 9 => b"*".to_vec(),
        10 => b"**".to_vec(),
        11 => around("?"),
        12 => around("*"),
        13 => around("**"),
        14 => around(&format!("[{char}z]")),
        15 => around("[a-m]"),
        16 => around("[^a-m]"),
        17 => around(&format!("[!{char}]")),
        18 => around(&format!("\\{char}")),
        19 => [b"*", part].concat(),
        20 => [part, b"*"].concat(),
        21 => around(&format!("{char}{{1}}")),
        22 => {
            let classes =
                ["[[:alpha:]]", "[\\]a]", "[\\d]", "[^\\s]", "[a&&b]", "[.*]", "[\\-a]", "[a-\u{3b6}]"];
            around(random.pick(&classes))
        }
        _ => chars.iter().flat_map(|c| ['\\', *c]).collect::<String>().into_bytes(),
    }
}

/// What no path suggests: whole trees, nothing, and patterns that are not well formed.
fn special(random: &mut Random) -> &'static [u8] {
    random.pick::<[u8]>(&[
        b"*",
        b"**",
        b"**/**",
        b"*/*",
        b".",
        b"..",
        b"/",
        b"",
        b" ",
        b"!",
        b"!!a",
        b"!.",
        b"**/*.*",
        b"a|b*",
        b"a|b",
        b"{a,b}",
        b"a{2}?",
        b"a{2}*",
        b"\xef\xbb\xbf*mark",
        b"*\xff",
        b"lit\xff?",
        b"\\x61*",
        b"*\\x{62}",
        b"\\141*",
        b"\\Qa*",
        b"*\\Q.\\E*",
        b"[a",
        b"[]a]",
        b"[a-]",
        b"[z-a]",
        b"a\\",
        b"\\y",
        b"\\pL",
        b"[\\y]",
        b"*{2}",
        b"a{1,2}{3}",
        b"[^]",
        b"[",
    ])
}

fn follow(random: &mut Random, tree: &Tree) -> Vec<Vec<u8>> {
    let one = |random: &mut Random| {
        let mut path = if !tree.links.is_empty() && random.chance(70) {
            let mut link = tree.links[random.below(tree.links.len())].clone();
            if random.chance(50) {
                link = [link.as_slice(), b"/", name(random)].concat();
            }
            link
        } else {
            path(random, tree)
        };
        if random.chance(20) {
            // A wildcard in the last component or in any.
            let mut parts: Vec<Vec<u8>> = path.split(|b| *b == b'/').map(<[u8]>::to_vec).collect();
            let at = if random.chance(50) { parts.len() - 1 } else { random.below(parts.len()) };
            parts[at] = component(random, &parts[at]);
            path = parts.join(&b'/');
        }
        match random.below(20) {
            0 => [b"/", path.as_slice()].concat(),
            1 => [b"./", path.as_slice(), b"/"].concat(),
            2 => [b"../", path.as_slice()].concat(),
            3 => [path.as_slice(), b"/.."].concat(),
            4 => b".".to_vec(),
            _ => path,
        }
    };
    (0..=random.below(4)).map(|_| one(random)).collect()
}

/// An ignore file: patterns between comments, blank lines and whatever editors leave.
fn ignore(random: &mut Random, tree: &Tree) -> Vec<u8> {
    let mut text = Vec::new();
    if random.chance(15) {
        text.extend_from_slice("\u{feff}".as_bytes());
    }
    let end: &[u8] = if random.chance(20) { b"\r\n" } else { b"\n" };
    for pattern in patterns(random, tree) {
        match random.below(12) {
            0 => text.extend_from_slice(b"# a comment"),
            1 => text.extend_from_slice(b" # not a comment"),
            2 => {}
            3 => text.extend_from_slice(b"! \t"),
            4 => text.extend_from_slice(b"/"),
            _ => {}
        }
        if random.chance(20) {
            text.extend_from_slice(end);
        }
        // A name may have a line end, which ends the pattern: both sides read the same lines.
        text.extend_from_slice(&pattern);
        text.extend_from_slice(end);
    }
    if random.chance(30) {
        text.truncate(text.len() - end.len());
    }
    text
}
