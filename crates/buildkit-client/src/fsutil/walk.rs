//! A directory as a series of entries.
//!
//! In the protocol's order, confined to the directory, filtered as the receiver asked: an entry comes if
//! an include pattern (or a followed path) matches it or a directory above it and no exclude pattern does.
//! Directories that no pattern matches come when something inside does. Owner and group are 0, so that a
//! context does not depend on who built it. Sockets are skipped and named.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::vec;

pub use super::filter::{Filter, FilterError, Selection};
use super::filter::{Known, Verdict};
use super::root::{self, Found, Root};
use super::stat::{Kind, Stat};
use buildkit_patterns::path;

/// The name that a receiver of metadata alone keeps for itself, at the root (fsutil `receive.go`).
///
/// It drops such an entry uncounted, so that from there on its requests would name the files before those
/// that it means; and whether a receiver is one of those, it does not say.
const RESERVED: &[u8] = b".fsutil-metadata";

/// Directories kept open at once while walking; above that they are opened again on the way back.
const MAX_OPEN: usize = 64;

/// A tree that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {path} in {root}: {source}")]
pub struct WalkError {
    /// The entry, in quotes.
    pub path: String,
    /// The directory that is walked.
    pub root: String,
    /// Why.
    pub source: io::Error,
}

/// What a walk comes upon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// An entry.
    Entry(Box<Stat>),
    /// An entry that cannot be sent and does not have to be.
    Skipped {
        /// Its path.
        path: Vec<u8>,
        /// Why.
        reason: SkipReason,
    },
}

/// Why an entry is left out although no pattern says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SkipReason {
    /// A socket has no bytes to send.
    Socket,
    /// The daemon keeps its own notes under this name.
    Reserved,
    /// The directory may not be read, and nothing says that something inside is wanted.
    Unreadable,
}

/// A walk in progress. Blocks on the file system.
#[derive(Debug)]
pub struct Walk {
    root: Arc<Root>,
    filter: Filter,
    stack: Vec<Frame>,
    ready: VecDeque<Step>,
    /// First paths of files with several names.
    first_names: HashMap<(u64, u64), Vec<u8>>,
    started: bool,
}

/// A directory being walked.
#[derive(Debug)]
struct Frame {
    path: Vec<u8>,
    fd: Option<OwnedFd>,
    entries: vec::IntoIter<(Vec<u8>, Kind)>,
    known: Known,
    /// The directory's own entry, if it only comes when something inside does.
    unsent: Option<Box<Stat>>,
}

impl Walk {
    /// A walk over the whole tree.
    pub fn new(root: Arc<Root>, filter: Filter) -> Self {
        Self {
            root,
            filter,
            stack: Vec::new(),
            ready: VecDeque::new(),
            first_names: HashMap::new(),
            started: false,
        }
    }

    fn start(&mut self) -> Result<(), WalkError> {
        let root = Arc::clone(&self.root);
        let error = |source| self.error(b".", source);
        let fd = root.directory(b"").map_err(error)?;
        let entries = root::list(fd.as_fd()).map_err(error)?.into_iter();
        self.stack.push(Frame {
            path: Vec::new(),
            fd: Some(fd),
            entries,
            known: Known::default(),
            unsent: None,
        });
        Ok(())
    }

    /// Deals with one entry of the innermost directory.
    fn visit(&mut self, name: &[u8], kind: Kind) -> Result<(), WalkError> {
        let Some(frame) = self.stack.last_mut() else { return Ok(()) };
        let path = path::join(&frame.path, name);
        let (verdict, known) = self.filter.judge(&path, kind == Kind::Directory, &frame.known);
        if verdict == Verdict::Skip || (verdict == Verdict::Pass && kind != Kind::Directory) {
            return Ok(());
        }
        if frame.fd.is_none() {
            frame.fd = match self.root.directory(&frame.path) {
                Ok(fd) => Some(fd),
                Err(e) if root::is_absent(&e) => {
                    frame.entries = Vec::new().into_iter();
                    return Ok(());
                }
                Err(source) => return Err(self.error(&path, source)),
            };
        }
        if path == RESERVED {
            self.ready.push_back(Step::Skipped { path, reason: SkipReason::Reserved });
            return Ok(());
        }
        let Some(parent) = &frame.fd else { return Ok(()) };
        // What is gone between listing and looking was never there.
        let mut found = match root::look(parent.as_fd(), name) {
            Ok(found) => found,
            Err(e) if root::is_absent(&e) => return Ok(()),
            Err(source) => return Err(self.error(&path, source)),
        };
        found.stat.path = path;
        found.stat.uid = 0;
        found.stat.gid = 0;
        if found.stat.mode.kind() != Kind::Directory {
            if verdict == Verdict::Send {
                self.send_file(found);
            }
            return Ok(());
        }
        match root::open_directory(parent.as_fd(), name).and_then(|fd| Ok((root::list(fd.as_fd())?, fd))) {
            Ok((entries, fd)) => self.enter(found.stat, fd, entries, known, verdict),
            Err(e) if root::is_absent(&e) => {}
            Err(e) if verdict == Verdict::Pass && e.kind() == io::ErrorKind::PermissionDenied => {
                self.ready
                    .push_back(Step::Skipped { path: found.stat.path, reason: SkipReason::Unreadable });
            }
            Err(source) => return Err(self.error(&found.stat.path, source)),
        }
        Ok(())
    }

    fn enter(
        &mut self,
        stat: Stat,
        fd: OwnedFd,
        entries: Vec<(Vec<u8>, Kind)>,
        known: Known,
        verdict: Verdict,
    ) {
        let path = stat.path.clone();
        let unsent = if verdict == Verdict::Send {
            self.send(stat);
            None
        } else {
            Some(Box::new(stat))
        };
        self.stack
            .push(Frame { path, fd: Some(fd), entries: entries.into_iter(), known, unsent });
        if let Some(outer) = self.stack.len().checked_sub(MAX_OPEN + 1) {
            self.stack[outer].fd = None;
        }
    }

    fn send_file(&mut self, found: Found) {
        let Found { mut stat, shared, device_and_inode } = found;
        match stat.mode.kind() {
            Kind::Socket | Kind::Other => {
                self.ready
                    .push_back(Step::Skipped { path: stat.path, reason: SkipReason::Socket });
                return;
            }
            Kind::File if shared => match self.first_names.get(&device_and_inode) {
                // With its size: by that and the rest the daemon sees that its own has not changed, and what
                // it does for one that has leaves debris.
                Some(first) => stat.link.clone_from(first),
                None => _ = self.first_names.insert(device_and_inode, stat.path.clone()),
            },
            _ => {}
        }
        self.send(stat);
    }

    /// An entry, after the directories above it that have waited for one.
    fn send(&mut self, stat: Stat) {
        let waiting = self.stack.iter_mut().filter_map(|frame| frame.unsent.take());
        self.ready.extend(waiting.map(Step::Entry));
        self.ready.push_back(Step::Entry(Box::new(stat)));
    }

    fn error(&self, path: &[u8], source: io::Error) -> WalkError {
        WalkError { path: path::quoted(path), root: self.root.path().display().to_string(), source }
    }
}

impl Iterator for Walk {
    type Item = Result<Step, WalkError>;

    fn next(&mut self) -> Option<Self::Item> {
        if !self.started {
            self.started = true;
            if let Err(e) = self.start() {
                return Some(Err(e));
            }
        }
        loop {
            if let Some(step) = self.ready.pop_front() {
                return Some(Ok(step));
            }
            match self.stack.last_mut()?.entries.next() {
                Some((name, kind)) => {
                    if let Err(e) = self.visit(&name, kind) {
                        self.stack.clear();
                        return Some(Err(e));
                    }
                }
                None => _ = self.stack.pop(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::path::Path;

    use super::*;

    fn put(dir: &Path, paths: &[&str]) {
        for path in paths {
            let path = dir.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
    }

    fn selection(include: &[&str], exclude: &[&str], follow: &[&str]) -> Selection {
        let bytes = |list: &[&str]| list.iter().map(|p| p.as_bytes().to_vec()).collect();
        Selection { include: bytes(include), exclude: bytes(exclude), follow: bytes(follow) }
    }

    fn steps(dir: &Path, selection: &Selection, own: &[&str]) -> Vec<Step> {
        let root = Arc::new(Root::open(dir).unwrap());
        let own: Vec<_> = own.iter().map(ToString::to_string).collect();
        let filter = Filter::new(&root, selection, &own).unwrap();
        Walk::new(root, filter).collect::<Result<_, _>>().unwrap()
    }

    fn paths(dir: &Path, selection: &Selection, own: &[&str]) -> Vec<String> {
        let entries = steps(dir, selection, own).into_iter().filter_map(|step| match step {
            Step::Entry(stat) => Some(String::from_utf8(stat.path).unwrap()),
            Step::Skipped { .. } => None,
        });
        entries.collect()
    }

    #[test]
    fn order_is_the_protocols() {
        let dir = tempfile::tempdir().unwrap();
        put(dir.path(), &["a-b", "a/z", "a/b/c", "a/b-c", "a.b", "ab"]);
        let found = paths(dir.path(), &Selection::default(), &[]);
        assert_eq!(found, ["a", "a/b", "a/b/c", "a/b-c", "a/z", "a-b", "a.b", "ab"]);
        assert!(found.is_sorted_by(|a, b| path::compare(a.as_bytes(), b.as_bytes()).is_lt()));
    }

    #[test]
    fn filters_choose_and_parents_come_along() {
        let dir = tempfile::tempdir().unwrap();
        put(
            dir.path(),
            &[
                "src/main.c",
                "src/lib/x.c",
                "src/lib/x.o",
                "docs/a.md",
                "docs/README.md",
                "node_modules/m/i.js",
            ],
        );
        let check = |include: &[&str], exclude: &[&str], expected: &[&str]| {
            assert_eq!(
                paths(dir.path(), &selection(include, exclude, &[]), &[]),
                expected,
                "{include:?} {exclude:?}"
            );
        };
        check(&["**/*.c"], &[], &["src", "src/lib", "src/lib/x.c", "src/main.c"]);
        check(&["src/lib"], &[], &["src", "src/lib", "src/lib/x.c", "src/lib/x.o"]);
        check(&["src"], &["**/*.o"], &["src", "src/lib", "src/lib/x.c", "src/main.c"]);
        check(&[], &["*", "!docs/README.md"], &["docs", "docs/README.md"]);
        check(&[], &["node_modules", "src", "docs/*", "!**/README.md"], &["docs", "docs/README.md"]);
        check(
            &["docs", "node_modules"],
            &["docs"],
            &["node_modules", "node_modules/m", "node_modules/m/i.js"],
        );
        check(&["nothing"], &[], &[]);
    }

    #[test]
    fn an_owners_excludes_cannot_be_excepted_by_the_receiver() {
        let dir = tempfile::tempdir().unwrap();
        put(dir.path(), &["a/x", "a/y", "b"]);
        assert_eq!(paths(dir.path(), &selection(&[], &["b", "!a/x"], &[]), &["a/x"]), ["a", "a/y"]);
    }

    #[test]
    fn followed_paths_bring_their_links() {
        let dir = tempfile::tempdir().unwrap();
        put(dir.path(), &["real/file", "real/other", "rest"]);
        symlink("real", dir.path().join("link")).unwrap();
        assert_eq!(
            paths(dir.path(), &selection(&[], &[], &["link/file"]), &[]),
            ["link", "real", "real/file"]
        );
        assert_eq!(
            paths(dir.path(), &selection(&["rest"], &[], &["link/file"]), &[]),
            ["link", "real", "real/file", "rest"]
        );
        assert_eq!(paths(dir.path(), &selection(&[], &[], &["."]), &[]).len(), 5);
    }

    #[test]
    fn kinds_sizes_and_second_names() {
        let dir = tempfile::tempdir().unwrap();
        put(dir.path(), &["a", "d/c"]);
        fs::hard_link(dir.path().join("a"), dir.path().join("d/b")).unwrap();
        fs::set_permissions(dir.path().join("a"), fs::Permissions::from_mode(0o4750)).unwrap();
        symlink("loop", dir.path().join("loop")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(dir.path().join("socket")).unwrap();

        let mut entries = Vec::new();
        let mut skipped = Vec::new();
        for step in steps(dir.path(), &Selection::default(), &[]) {
            match step {
                Step::Entry(stat) => {
                    assert_eq!((stat.uid, stat.gid), (0, 0));
                    let link = String::from_utf8(stat.link).unwrap();
                    entries.push((String::from_utf8(stat.path).unwrap(), stat.mode.kind(), stat.size, link));
                }
                Step::Skipped { path, reason } => skipped.push((path, reason)),
            }
        }
        let expected = [
            ("a", Kind::File, 1, ""),
            ("d", Kind::Directory, 0, ""),
            ("d/b", Kind::File, 1, "a"),
            ("d/c", Kind::File, 1, ""),
            ("loop", Kind::Symlink, 4, "loop"),
        ];
        assert_eq!(entries, expected.map(|(p, k, s, l)| (p.to_owned(), k, s, l.to_owned())));
        assert_eq!(skipped, [(b"socket".to_vec(), SkipReason::Socket)]);

        // Without the first name, the second is the file.
        let left = steps(dir.path(), &selection(&[], &["a"], &[]), &[]);
        let Step::Entry(b) = &left[1] else { panic!("{left:?}") };
        assert_eq!((b.path.as_slice(), b.size, b.link.as_slice()), (b"d/b".as_slice(), 1, b"".as_slice()));
    }

    #[test]
    fn what_a_daemon_keeps_for_itself_is_left_out_at_the_root() {
        let dir = tempfile::tempdir().unwrap();
        put(dir.path(), &[".fsutil-metadata", "a/.fsutil-metadata"]);
        let [first, ..] = &*steps(dir.path(), &Selection::default(), &[]) else { panic!("nothing") };
        let reason = SkipReason::Reserved;
        assert_eq!(*first, Step::Skipped { path: b".fsutil-metadata".to_vec(), reason });
        assert_eq!(paths(dir.path(), &Selection::default(), &[]), ["a", "a/.fsutil-metadata"]);
    }

    #[test]
    fn deep_trees_are_walked() {
        let dir = tempfile::tempdir().unwrap();
        let deep: Vec<_> = (0..100).map(|_| "d").collect();
        put(dir.path(), &[&format!("{}/f", deep.join("/"))]);
        put(dir.path(), &["d/d/z", "z"]);
        let found = paths(dir.path(), &Selection::default(), &[]);
        assert_eq!(found.len(), 103);
        assert_eq!(found[101..], ["d/d/z", "z"]);
    }

    #[test]
    fn bad_patterns_are_errors() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::open(dir.path()).unwrap();
        let error = Filter::new(&root, &selection(&["[a"], &[], &[]), &[]).unwrap_err();
        assert_eq!(error.to_string(), "in include patterns: pattern \"[a\" is malformed: a [ has no ]");
    }
}
