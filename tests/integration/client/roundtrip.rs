//! What a tree keeps on its way to the daemon and back.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::{Arc, Mutex};

use buildkit_client::fsutil::receive::ReceiveOptions;
use buildkit_client::fsutil::root::Root;
use buildkit_client::fsutil::send::read_announced;
use buildkit_client::fsutil::stat::{Mode, Stat};
use buildkit_client::fsutil::walk::{Filter, SkipReason, Step, Walk};
use buildkit_client::session::filesend::{ExportTarget, Exports};
use buildkit_client::session::filesync::{FileSync, LocalDir, SyncEvent};
use buildkit_client::{BuildRequest, Exporter, SessionOptions};
use buildkit_llb::{Graph, LocalIdentity, LocalSource, Metadata};
use rustix::fs::{AtFlags, FileType, Mode as Permissions, OFlags, Timespec, Timestamps, XattrFlags};

use super::connect;
use crate::support::unique;

/// An entry with its bytes.
type Entries = BTreeMap<Vec<u8>, (Stat, Vec<u8>)>;

/// Does not survive, and why:
///
/// * Owner and group become 0 here, so that a context does not depend on who built it.
/// * Sockets are left out here, and told of.
/// * `security.capability` is lost in the daemon, which sets it before it writes the file: the kernel drops it then.
/// * Extended attributes other than `user.*` are taken back into a directory only if they are asked for, as here.
/// * A tar file has whole seconds only, the nearest.
/// * Paths that are longer than a system call takes, 4096 bytes with where the daemon keeps them: see below.
#[tokio::test]
async fn every_kind_of_entry_survives() {
    let folder = tempfile::tempdir().unwrap();
    let [from, to, tar] = ["from", "to", "out.tar"].map(|name| folder.path().join(name));
    fs::create_dir(&from).unwrap();
    plant(&from);
    deep(&from, 15);
    let _socket = UnixListener::bind(from.join("socket")).unwrap();

    let events = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&events);
    let files = FileSync::new([("context", LocalDir::open(&from).unwrap())])
        .observe(move |event| seen.lock().unwrap().push(event.clone()));
    there_and_back(files, &to, &tar).await.unwrap();

    let skipped = SyncEvent::Skipped {
        directory: "context".to_owned(),
        path: "\"socket\"".to_owned(),
        reason: SkipReason::Socket,
    };
    assert!(events.lock().unwrap().contains(&skipped), "{events:?}");
    let mut sent = entries(&from);
    for (stat, _) in sent.values_mut() {
        assert_eq!((stat.uid, stat.gid), (0, 0));
        stat.xattrs.remove("security.capability");
    }
    let mut in_tar = sent.clone();
    for (stat, _) in in_tar.values_mut() {
        // A second name has no size in a tar file.
        stat.size = if stat.is_hard_link() { 0 } else { stat.size };
        stat.mtime = (stat.mtime + 500_000_000).div_euclid(1_000_000_000) * 1_000_000_000;
    }
    equal(&in_tar, &unpacked(&tar));
    equal(&sent, &entries(&to));
}

#[tokio::test]
async fn a_path_that_the_daemon_cannot_keep_fails_the_build() {
    let folder = tempfile::tempdir().unwrap();
    let [from, to, tar] = ["from", "to", "out.tar"].map(|name| folder.path().join(name));
    fs::create_dir(&from).unwrap();
    deep(&from, 60);
    let files = FileSync::new([("context", LocalDir::open(&from).unwrap())]);
    let error = there_and_back(files, &to, &tar).await.unwrap_err();
    // The daemon names it, unless its own cancelling of the walk comes first.
    assert!(error.contains("file name too long") || error.contains("walker is closed"), "{error}");
    assert!(!tar.exists());
}

/// Sends a directory to the daemon, and has it back as a directory and as a tar file.
async fn there_and_back(files: FileSync, to: &Path, tar: &Path) -> Result<(), String> {
    let all = ReceiveOptions { setuid: true, devices: true, xattrs: true };
    let exports = Exports::prepare([
        (0, ExportTarget::Directory(to.to_owned(), all)),
        (1, ExportTarget::File(tar.to_owned())),
    ])
    .unwrap();
    let client = connect().await;
    // A key of its own: over a copy that it has, a daemon does not set the times of directories.
    let options = SessionOptions::new()
        .shared_key(unique())
        .file_sync(files)
        .file_send(exports.service());
    let session = client.session(options).await.unwrap();
    let mut graph = Graph::new();
    let local = LocalSource::new("context", LocalIdentity::Session(session.id().to_owned()));
    let local = graph.add(local, Metadata::default()).unwrap();
    let definition = graph.definition(Some(local.root())).unwrap();
    let request = BuildRequest::new(&session)
        .exporter(Exporter::new("local"))
        .exporter(Exporter::new("tar"));
    let solved = client.solve(&definition, request, drop).await;
    if solved.is_ok() {
        exports.commit().await.unwrap();
    }
    session.close().await;
    solved.map(drop).map_err(|error| format!("{error:?}"))
}

fn equal(sent: &Entries, back: &Entries) {
    let differences = differences(sent, back);
    let first = &differences[..differences.len().min(10)];
    assert!(differences.is_empty(), "{} entries differ:\n{}", differences.len(), first.join("\n"));
}

/// What differs, one line for each entry.
fn differences(sent: &Entries, back: &Entries) -> Vec<String> {
    let paths: BTreeSet<_> = sent.keys().chain(back.keys()).collect();
    let mut lines = Vec::new();
    for path in paths {
        let shown = path.escape_ascii();
        match (sent.get(path), back.get(path)) {
            (Some(sent), Some(back)) if sent == back => {}
            (Some((sent, _)), Some((back, _))) if sent != back => {
                lines.push(format!("{shown}: sent {sent:?}, back {back:?}"));
            }
            (Some(_), Some(_)) => lines.push(format!("{shown}: other bytes")),
            (Some(_), None) => lines.push(format!("{shown}: lost")),
            (None, _) => lines.push(format!("{shown}: added")),
        }
    }
    lines
}

/// What a tar file holds, as the entries that it was made of.
fn unpacked(tar: &Path) -> Entries {
    let mut archive = tar::Archive::new(fs::File::open(tar).unwrap());
    let mut entries = Entries::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let mut records = BTreeMap::new();
        for record in entry.pax_extensions().unwrap().into_iter().flatten() {
            let record = record.unwrap();
            records.insert(record.key().unwrap().to_owned(), record.value_bytes().to_vec());
        }
        let path = entry.path_bytes();
        let path = path.strip_suffix(b"/").unwrap_or(&path).to_vec();
        let header = entry.header();
        let kind = match header.entry_type() {
            tar::EntryType::Directory => 0o040_000,
            tar::EntryType::Symlink => 0o120_000,
            tar::EntryType::Char => 0o020_000,
            tar::EntryType::Block => 0o060_000,
            tar::EntryType::Fifo => 0o010_000,
            tar::EntryType::Regular | tar::EntryType::Link => 0o100_000,
            other => panic!("{}: {other:?}", path.escape_ascii()),
        };
        let seconds = match records.get("mtime") {
            Some(seconds) => std::str::from_utf8(seconds).unwrap().parse().unwrap(),
            None => i64::try_from(header.mtime().unwrap()).unwrap(),
        };
        let link = entry.link_name_bytes().unwrap_or_default().to_vec();
        let xattrs = records
            .into_iter()
            .filter_map(|(key, value)| Some((key.strip_prefix("SCHILY.xattr.")?.to_owned(), value)));
        let stat = Stat {
            mode: Mode::from_unix(kind | header.mode().unwrap()),
            uid: u32::try_from(header.uid().unwrap()).unwrap(),
            gid: u32::try_from(header.gid().unwrap()).unwrap(),
            // A tar file gives no size to a link, the protocol the length of what it says.
            size: i64::try_from(if kind == 0o120_000 { link.len() as u64 } else { entry.size() }).unwrap(),
            mtime: seconds * 1_000_000_000,
            link,
            device_major: header.device_major().unwrap().unwrap_or(0).into(),
            device_minor: header.device_minor().unwrap().unwrap_or(0).into(),
            xattrs: xattrs.collect(),
            path: path.clone(),
        };
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        entries.insert(path, (stat, bytes));
    }
    entries
}

/// A tree with everything that a file system has.
fn plant(root: &Path) {
    let at = |name: &[u8]| root.join(OsStr::from_bytes(name));
    for dir in [&b"dir"[..], b"dir/private", b"dir/read-only", b"empty", b"sticky", b"with space"] {
        fs::create_dir(at(dir)).unwrap();
    }
    // Files: large, empty, full of holes, and with names that are no text.
    let large: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
    fs::write(at(b"large"), &large).unwrap();
    fs::write(at(b"nothing"), "").unwrap();
    fs::File::create(at(b"sparse")).unwrap().set_len(3_000_000).unwrap();
    for name in [
        &b"new\nline"[..],
        b"\xff\xfe",
        b"dir/read-only/inside",
        b"dir/secret",
        b"setuid",
        b"with space/tab\t",
        b"with space/\\",
        "caf\u{e9}".as_bytes(),
        b"-",
        b"..more",
        b"\x01\x1b[31m",
    ] {
        fs::write(at(name), name).unwrap();
    }
    // Links: to nothing, to themselves, in a circle, in a chain, out of the tree; and second names.
    for (link, target) in [
        ("dangling", "nowhere"),
        ("self", "self"),
        ("tick", "tock"),
        ("tock", "tick"),
        ("chain1", "chain2"),
        ("chain2", "dir/chain3"),
        ("dir/chain3", "../large"),
        ("absolute", "/etc/passwd"),
        ("up", "../../../.."),
        ("dir/same", "private"),
    ] {
        symlink(target, at(link.as_bytes())).unwrap();
    }
    symlink(OsStr::from_bytes(b"\xff\xfe"), at(b"odd")).unwrap();
    for (first, second) in [("large", "dir/large too"), ("large", "zzz"), ("nothing", "dir/nothing too")] {
        fs::hard_link(at(first.as_bytes()), at(second.as_bytes())).unwrap();
    }
    let here = open(root);
    let special = |name: &str, kind, device| {
        rustix::fs::mknodat(&here, name, kind, Permissions::from_raw_mode(0o640), device).unwrap();
    };
    special("pipe", FileType::Fifo, 0);
    special("null", FileType::CharacterDevice, rustix::fs::makedev(1, 3));
    special("block", FileType::BlockDevice, rustix::fs::makedev(7, 300));
    for (name, mode) in [
        (&b"setuid"[..], 0o6755),
        (b"dir/secret", 0o000),
        (b"dir/private", 0o700),
        (b"dir/read-only", 0o555),
        (b"sticky", 0o1777),
    ] {
        fs::set_permissions(at(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    for (name, key, value) in [
        ("large", "user.note", &b"\0\xff"[..]),
        ("large", "user.empty", b""),
        ("dir", "user.dir", b"d"),
        ("nothing", "trusted.note", b"t"),
        ("setuid", "security.capability", b"\x01\0\0\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
    ] {
        rustix::fs::setxattr(at(name.as_bytes()), key, value, XattrFlags::empty()).unwrap();
    }
    for (name, seconds) in [
        ("nothing", -1_000_000_000),
        ("large", 1),
        ("empty", -1),
        ("self", 4_000_000_000),
        ("pipe", 1_000_000_000),
        ("dir", 0),
    ] {
        let time = Timespec { tv_sec: seconds, tv_nsec: 123_456_789 };
        let times = Timestamps { last_access: time, last_modification: time };
        rustix::fs::utimensat(&here, name, &times, AtFlags::SYMLINK_NOFOLLOW).unwrap();
    }
}

/// A file at the end of a path of so many times 201 bytes.
fn deep(root: &Path, depth: usize) {
    let name = "d".repeat(200);
    let mut parent = open(root);
    for _ in 0..depth {
        rustix::fs::mkdirat(&parent, &*name, Permissions::from_raw_mode(0o755)).unwrap();
        parent = rustix::fs::openat(&parent, &*name, OFlags::DIRECTORY, Permissions::empty()).unwrap();
    }
    let flags = OFlags::CREATE | OFlags::WRONLY;
    let file = rustix::fs::openat(&parent, "bottom", flags, Permissions::from_raw_mode(0o644)).unwrap();
    rustix::io::write(&file, b"deep down").unwrap();
}

fn open(path: &Path) -> OwnedFd {
    rustix::fs::open(path, OFlags::DIRECTORY, Permissions::empty()).unwrap()
}

fn entries(root: &Path) -> Entries {
    let root = Arc::new(Root::open(root).unwrap());
    let mut entries = Entries::new();
    for step in Walk::new(Arc::clone(&root), Filter::default()) {
        let Step::Entry(stat) = step.unwrap() else { continue };
        let mut bytes = Vec::new();
        if stat.has_content() {
            read_announced(&root, &stat, |piece| {
                bytes.extend_from_slice(&piece);
                true
            })
            .unwrap();
        }
        entries.insert(stat.path.clone(), (*stat, bytes));
    }
    entries
}
