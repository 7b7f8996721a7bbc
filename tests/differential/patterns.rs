//! Patterns: which files are sent, here and by BuildKit's own client.
//!
//! Sets of patterns are generated over generated trees. Both sides must send the same entries in the same
//! order, directories that come along included, and must refuse the same patterns, apart from the exceptions
//! listed here, of which there are exactly as many as the golden says.

mod random;
mod sets;
mod trees;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use buildkit_client::fsutil::root::Root;
use buildkit_client::fsutil::walk::{Filter, Selection, Step, Walk};
use buildkit_patterns::ignore;
use buildkit_patterns::pattern::Matcher;
use expect_test::expect;
use serde::{Deserialize, Serialize};
use stagewright_tests::{hex, unhex};

use random::Random;
use sets::Set;
use trees::Tree;

const TREES: usize = 100;
const SETS_PER_TREE: usize = 20;

/// Where this house means to differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Exception {
    /// fsutil cuts `/*/**` from a pattern's end, takes the rest for a literal, and does not enter directories
    /// in which the pattern matches. Those files are lost there and sent here.
    Passed,
    /// fsutil resolves a link once; a second path through it is lost there and followed here.
    Link,
    /// moby compiles a pattern when a path is first held against it. One that is malformed and never used is
    /// an error here.
    Unused,
    /// An ignore file that is not UTF-8 is an error here. There, its bytes are changed on the way to the
    /// daemon, and the pattern matches other files than it says.
    Utf8,
    /// `\pL` and its like are refused here: they stand for whatever the Unicode tables of a program hold.
    Tables,
}

/// What sets are a test of; each of them is there many times.
const FEATURES: [&str; 24] = [
    "include",
    "exclude",
    "follow paths",
    "include, exclude and follow paths",
    "follow paths with a wildcard",
    "ignore file",
    "ignore file with a byte order mark",
    "ignore file with carriage returns",
    "ignore file with comments",
    "negation",
    "**",
    "*",
    "?",
    "class",
    "negated class",
    "class with !",
    "escape",
    "repetition",
    "leading slash",
    "trailing slash",
    "dots to clean",
    "space around",
    "not ASCII",
    "not UTF-8",
];

#[test]
fn the_same_files_are_sent_as_by_go() {
    let folder = tempfile::tempdir().unwrap();
    let cases = generate(folder.path());
    let answers = ask(folder.path(), &cases);
    assert_eq!(answers.len(), cases.len());

    let mut features = BTreeMap::from(FEATURES.map(|feature| (feature, 0)));
    let mut verdicts = BTreeMap::<Verdict, usize>::new();
    let mut differences = Vec::new();
    for (case, answer) in cases.iter().zip(&answers) {
        for feature in case.features() {
            *features.get_mut(feature).expect("a feature of the list") += 1;
        }
        match compare(case, answer) {
            Ok(verdict) => *verdicts.entry(verdict).or_default() += 1,
            Err(difference) => differences.push(format!("{}\n  {difference}", case.set.show())),
        }
    }
    println!("sets with each feature: {features:#?}");
    let shown = differences.iter().take(20).map(String::as_str).collect::<Vec<_>>().join("\n");
    assert!(differences.is_empty(), "{} sets differ:\n{shown}", differences.len());
    // The sets are the same in every run.
    let counts: String = verdicts
        .iter()
        .map(|(verdict, count)| format!("{verdict:?}: {count}\n"))
        .collect();
    expect![[r#"
        Same("nothing sent"): 254
        Same("refused"): 573
        Same("sent"): 1040
        Excepted(Passed): 1
        Excepted(Link): 5
        Excepted(Unused): 102
        Excepted(Utf8): 21
        Excepted(Tables): 4
    "#]]
    .assert_eq(&counts);
    for (feature, count) in features {
        assert!(count >= 20, "only {count} sets have {feature}");
    }
}

struct Case {
    root: PathBuf,
    tree: Arc<Tree>,
    set: Set,
}

fn generate(folder: &Path) -> Vec<Case> {
    let mut random = Random::new(20_240_817);
    let mut cases = Vec::new();
    for number in 0..TREES {
        let root = folder.join(format!("tree{number}"));
        std::fs::create_dir(&root).unwrap();
        let tree = Arc::new(trees::plant(&mut random, &root));
        for _ in 0..SETS_PER_TREE {
            let set = sets::set(&mut random, &tree);
            cases.push(Case { root: root.clone(), tree: Arc::clone(&tree), set });
        }
    }
    cases
}

impl Case {
    /// What this case is a test of.
    fn features(&self) -> BTreeSet<&'static str> {
        let Set { include, exclude, follow, ignore } = &self.set;
        let mut features = BTreeSet::new();
        let mut mark = |feature, there: bool| {
            if there {
                features.insert(feature);
            }
        };
        mark("include", !include.is_empty());
        mark("exclude", !exclude.is_empty());
        mark("follow paths", !follow.is_empty());
        mark("include, exclude and follow paths", [include, exclude, follow].iter().all(|l| !l.is_empty()));
        mark("follow paths with a wildcard", follow.iter().any(|p| p.contains(&b'*')));
        if let Some(text) = ignore {
            mark("ignore file", true);
            mark("ignore file with a byte order mark", text.starts_with(b"\xef\xbb\xbf"));
            mark("ignore file with carriage returns", text.contains(&b'\r'));
            mark("ignore file with comments", has(text, b"# a comment"));
        }
        let lines = ignore.iter().flat_map(|text| text.split(|b| *b == b'\n'));
        for pattern in include.iter().chain(exclude).map(Vec::as_slice).chain(lines) {
            let body = pattern.trim_ascii();
            mark("negation", body.starts_with(b"!"));
            mark("**", has(body, b"**"));
            mark("*", body.split(|b| *b == b'*').count() == 2);
            mark("?", body.contains(&b'?'));
            mark("class", body.contains(&b'['));
            mark("negated class", has(body, b"[^"));
            mark("class with !", has(body, b"[!"));
            mark("escape", body.contains(&b'\\'));
            mark("repetition", body.contains(&b'{'));
            mark("leading slash", body.starts_with(b"/"));
            mark("trailing slash", body.ends_with(b"/"));
            mark("dots to clean", has(body, b"../") || body.starts_with(b"./") || body.ends_with(b"/."));
            mark("space around", body.len() < pattern.len());
            mark("not ASCII", !body.is_ascii());
            mark("not UTF-8", std::str::from_utf8(body).is_err());
        }
        features
    }
}

fn has(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

impl Set {
    fn show(&self) -> String {
        let list = |name: &str, list: &[Vec<u8>]| match list {
            [] => String::new(),
            list => format!(" {name} {}", show(list)),
        };
        let ignore = self.ignore.as_ref().map(|text| format!(" ignore file {}", one(text)));
        let lists =
            [list("include", &self.include), list("exclude", &self.exclude), list("follow", &self.follow)];
        lists.concat() + &ignore.unwrap_or_default()
    }
}

fn show(list: &[Vec<u8>]) -> String {
    list.iter().map(|bytes| one(bytes)).collect::<Vec<_>>().join(" ")
}

fn one(bytes: &[u8]) -> String {
    format!("\"{}\"", bytes.escape_ascii())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    Same(&'static str),
    Excepted(Exception),
}

/// Takes a case here and holds it against what Go said of it.
fn compare(case: &Case, theirs: &Answer) -> Result<Verdict, String> {
    let Set { include, exclude, follow, ignore } = &case.set;
    let mut exclude = exclude.clone();
    if let Some(text) = ignore {
        let ours = match ignore::parse(text) {
            Ok(ours) => ours,
            Err(_) if std::str::from_utf8(text).is_err() => return Ok(Verdict::Excepted(Exception::Utf8)),
            Err(e) => return Err(format!("ignore file: {e}")),
        };
        let ours: Vec<_> = ours.into_iter().map(String::into_bytes).collect();
        let ignored = paths(&theirs.ignored);
        if ours != ignored {
            return Err(format!(
                "patterns of the ignore file: ours {}, theirs {}",
                show(&ours),
                show(&ignored)
            ));
        }
        exclude.extend(ours);
    }
    let selection = Selection { include: include.clone(), exclude, follow: follow.clone() };
    let ours = match walk(&case.root, &selection) {
        Ok(ours) => ours,
        Err(_) if !theirs.error.is_empty() => return Ok(Verdict::Same("refused")),
        Err(_) if theirs.bad => return Ok(Verdict::Excepted(Exception::Unused)),
        Err(_) if !follow.is_empty() && theirs.apart.is_none() => {
            return Ok(Verdict::Excepted(Exception::Link));
        }
        Err(e) if case.set.show().contains("\\\\pL") => {
            assert!(e.contains("\\\\p"), "{e}");
            return Ok(Verdict::Excepted(Exception::Tables));
        }
        Err(e) => return Err(format!("refused here alone: {e}")),
    };
    if !theirs.error.is_empty() {
        return Err(format!("refused there alone: {}", theirs.error));
    }
    // Beside a followed path, an included root switches all other includes off, whatever they are.
    let no_limit = !follow.is_empty() && include.iter().any(|p| p == b".");
    if theirs.bad && !no_limit {
        return Err("a malformed pattern was accepted".to_owned());
    }
    let matcher = Matcher::new(&selection.exclude).map_err(|e| e.to_string());
    if let Ok(matcher) = matcher {
        let ours: BTreeSet<_> =
            case.tree.paths.iter().filter(|path| matcher.matches(path)).cloned().collect();
        let theirs: BTreeSet<_> = paths(&theirs.matched).into_iter().collect();
        if ours != theirs {
            return Err(format!("without a walk: {}", difference(&ours, &theirs)));
        }
    }
    let files = paths(&theirs.files);
    if ours == files {
        return Ok(Verdict::Same(if ours.is_empty() { "nothing sent" } else { "sent" }));
    }
    if ours == paths(&theirs.unpruned) {
        return Ok(Verdict::Excepted(Exception::Passed));
    }
    let (ours, files): (BTreeSet<_>, BTreeSet<_>) = (ours.into_iter().collect(), files.into_iter().collect());
    let apart: BTreeSet<_> = paths(&theirs.apart).into_iter().collect();
    if !follow.is_empty() && ours == apart {
        return Ok(Verdict::Excepted(Exception::Link));
    }
    Err(difference(&ours, &files))
}

fn difference(ours: &BTreeSet<Vec<u8>>, theirs: &BTreeSet<Vec<u8>>) -> String {
    let list =
        |a: &BTreeSet<Vec<u8>>, b: &BTreeSet<Vec<u8>>| show(&a.difference(b).cloned().collect::<Vec<_>>());
    format!("only here: {}; only there: {}", list(ours, theirs), list(theirs, ours))
}

fn walk(root: &Path, selection: &Selection) -> Result<Vec<Vec<u8>>, String> {
    let root = Arc::new(Root::open(root).map_err(|e| e.to_string())?);
    let filter = Filter::new(&root, selection, &[]).map_err(|e| e.to_string())?;
    let mut paths = Vec::new();
    for step in Walk::new(root, filter) {
        if let Step::Entry(stat) = step.map_err(|e| e.to_string())? {
            paths.push(stat.path);
        }
    }
    Ok(paths)
}

/// What the Go program is asked.
#[derive(Serialize)]
struct Question<'a> {
    root: &'a Path,
    include: Vec<String>,
    exclude: Vec<String>,
    follow: Vec<String>,
    ignore: Option<String>,
}

/// What it says.
#[derive(Deserialize)]
struct Answer {
    ignored: Option<Vec<String>>,
    files: Option<Vec<String>>,
    error: String,
    unpruned: Option<Vec<String>>,
    apart: Option<Vec<String>>,
    bad: bool,
    matched: Option<Vec<String>>,
}

fn ask(folder: &Path, cases: &[Case]) -> Vec<Answer> {
    let questions = folder.join("questions");
    let mut out = BufWriter::new(File::create(&questions).unwrap());
    for Case { root, set, .. } in cases {
        let list = |list: &[Vec<u8>]| list.iter().map(|bytes| hex(bytes)).collect();
        let question = Question {
            root,
            include: list(&set.include),
            exclude: list(&set.exclude),
            follow: list(&set.follow),
            ignore: set.ignore.as_deref().map(hex),
        };
        serde_json::to_writer(&mut out, &question).unwrap();
        out.write_all(b"\n").unwrap();
    }
    out.into_inner().unwrap();
    let output = Command::new("go")
        .args(["run", "./patterns"])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../tools"))
        .env("CGO_ENABLED", "0")
        .stdin(File::open(&questions).unwrap())
        .output()
        .expect("`go` can be run");
    assert!(output.status.success(), "go run ./patterns: {}", String::from_utf8_lossy(&output.stderr));
    let answers = serde_json::Deserializer::from_slice(&output.stdout).into_iter();
    answers.collect::<Result<_, _>>().unwrap()
}

fn paths(list: &Option<Vec<String>>) -> Vec<Vec<u8>> {
    list.iter().flatten().map(|text| unhex(text)).collect()
}
