//! Trees for the `local` exporter that must not be written as they are announced.

use std::cell::RefCell;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::PathBuf;
use std::time::Duration;

use buildkit_client::SessionOptions;
use buildkit_client::fsutil::receive::ReceiveOptions;
use buildkit_client::session::filesend::{ExportTarget, Exports};
use buildkit_proto::fsutil::{Packet, Stat};
use bytes::Bytes;
use tempfile::TempDir;
use tonic::Status;
use tonic::transport::Channel;

use super::daemon::{Liar, Lies};
use super::memory::Memory;
use super::packets::*;
use super::{snapshot, within};
use crate::support::eventually;

const SEND: &str = "/moby.filesync.v1.FileSend/DiffCopy";
const TO_FIRST: [(&str, &str); 1] = [("buildkit-attachable-exporter-id", "0")];

/// A destination with something in it, and beside it what nobody may touch.
struct Place {
    folder: TempDir,
    destination: PathBuf,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (destination, outside) = (folder.path().join("out"), folder.path().join("outside"));
        fs::create_dir(&destination).unwrap();
        fs::create_dir(&outside).unwrap();
        fs::write(destination.join("old"), "old").unwrap();
        fs::write(outside.join("canary"), "alive").unwrap();
        Self { folder, destination }
    }

    fn exports(&self) -> Exports {
        let target = ExportTarget::Directory(self.destination.clone(), Default::default());
        Exports::prepare([(0, target)]).unwrap()
    }
}

/// Says these packets to an export, and gives the two errors that it ends with: here, and at the daemon.
async fn refusal(
    packets: impl IntoIterator<Item = Packet, IntoIter: Send> + Send + 'static,
) -> (String, Status) {
    let place = Place::new();
    let before = snapshot(place.folder.path());
    let liar = Liar::start(Lies::default());
    let exports = place.exports();
    let (_client, session, caller) = liar.session(SessionOptions::new().file_send(exports.service())).await;
    let transfer = Transfer::start(&caller.channel, SEND, &TO_FIRST).await.unwrap();
    let (_, status) = transfer.run(packets).await;
    let status = status.expect("the export is refused");
    let failure = exports.failure().expect("the failure is kept").to_string();
    session.close().await;
    drop(exports);
    let unchanged = || snapshot(place.folder.path()) == before;
    eventually("the folder is as before", Duration::from_secs(5), unchanged).await;
    (failure, status)
}

/// All entries at once, and the end of them.
fn tree(entries: Vec<Stat>) -> Vec<Packet> {
    entries.into_iter().map(entry).chain([end_of_entries()]).collect()
}

#[tokio::test]
async fn entries_that_no_honest_daemon_sends_are_refused_by_name() {
    let directory = || stat("d", DIRECTORY);
    let cases: Vec<(Vec<Stat>, &str)> = vec![
        (vec![file("../outside/x", 0)], "\"../outside/x\": the path leaves the tree"),
        (vec![stat("..", DIRECTORY)], "\"..\": the path leaves the tree"),
        (vec![directory(), file("d/../../outside/x", 0)], "\"d/../../outside/x\": the path leaves"),
        (vec![file("/etc/x", 0)], "\"/etc/x\": the path is absolute"),
        (vec![file("", 0)], "\"\": not a path"),
        (vec![file("a\0b", 0)], "not a path"),
        (vec![stat(".", DIRECTORY)], "\".\": the path is not in its shortest form"),
        (vec![directory(), file("d//x", 0)], "\"d//x\": the path is not in its shortest form"),
        (vec![link("l", SYMLINK, "../outside"), file("l/x", 0)], "\"l/x\": its directory did not come"),
        (vec![file("f", 0), file("f/x", 0)], "\"f/x\": its directory did not come"),
        (vec![file("d/x", 0)], "\"d/x\": its directory did not come"),
        (vec![file("b", 0), file("a", 0)], "\"a\": it is out of order"),
        (vec![file("a", 0), file("a", 0)], "\"a\": it came before"),
        (vec![link("d", SYMLINK, "../outside"), directory()], "\"d\": it came before"),
        (vec![link("h", 0o644, "../outside/canary")], "\"h\": a hard link to a file that did not come"),
        (vec![link("h", 0o644, "/etc/passwd")], "\"h\": a hard link to a file that did not come"),
        (vec![link("h", 0o644, "later"), file("later", 0)], "\"h\": a hard link to a file"),
        (vec![link("a", SYMLINK, "/etc/passwd"), link("h", 0o644, "a")], "\"h\": a hard link to a file"),
        (vec![directory(), link("h", 0o644, "d")], "\"h\": a hard link to a file"),
        (vec![link("l", SYMLINK, "")], "\"l\": a link without a target"),
        (vec![link("d", DIRECTORY, "x")], "\"d\": a directory is no link"),
        (vec![Stat { devmajor: 1, devminor: 3, ..stat("null", DEVICE) }], "\"null\" is a device"),
        (vec![stat("pipe", FIFO)], "\"pipe\" is a device or a pipe"),
        (vec![stat("s", SOCKET)], "\"s\": no kind of file"),
        (vec![stat("both", DIRECTORY | SYMLINK)], "\"both\": no kind of file"),
        (vec![file("f", -1)], "\"f\": its size is negative"),
        (vec![stat("n".repeat(300), DIRECTORY)], "File name too long"),
    ];
    for (entries, expected) in cases {
        let (failure, status) = refusal(tree(entries)).await;
        assert!(failure.contains(expected), "{failure:?} does not say {expected:?}");
        assert!(failure.contains("/out: "), "{failure:?} does not name the target");
        assert_eq!(status.message(), failure);
    }
}

#[tokio::test]
async fn bytes_that_were_not_announced_are_refused_by_name() {
    let one = || entry(file("f", 3));
    let directory = || entry(stat("d", DIRECTORY));
    let cases: Vec<(Vec<Packet>, &str)> = vec![
        (vec![one(), data(0, "four")], "\"f\" has 4 bytes where 3 were announced"),
        (vec![one(), data(0, "ab"), data(0, "cd")], "\"f\" has 4 bytes where 3 were announced"),
        (vec![one(), data(0, "ab"), data(0, "")], "\"f\" has 2 bytes where 3 were announced"),
        (vec![one(), data(0, "")], "\"f\" has 0 bytes where 3 were announced"),
        (vec![one(), data(7, "x")], "file 7"),
        (vec![data(0, "x"), one()], "file 0"),
        (vec![directory(), data(0, "x")], "file 0"),
        (vec![one(), data(0, "abc"), data(0, ""), data(0, "x")], "file 0"),
        (vec![one(), request(0)], "out of turn"),
        (vec![one(), finish()], "out of turn"),
        (vec![one(), end_of_entries(), end_of_entries()], "out of turn"),
        (vec![one(), end_of_entries(), entry(file("g", 0))], "out of turn"),
        (vec![one(), failure("no more disk")], "the sender failed: no more disk"),
        (vec![one(), Packet { r#type: 99, ..Packet::default() }], "a message that is not one"),
    ];
    for (packets, expected) in cases {
        let shown = format!("{packets:?}");
        let (failure, _) = refusal(packets).await;
        assert!(failure.contains(expected), "{shown}: {failure:?} does not say {expected:?}");
    }
}

#[tokio::test]
async fn data_without_end_ends_at_the_size_that_was_announced() {
    let name = "data_without_end_ends_at_the_size_that_was_announced";
    let Some(memory) = Memory::alone(module_path!(), name) else { return };
    let piece = Bytes::from(vec![0; 32 << 10]);
    let packets = [entry(file("f", 1 << 20)), end_of_entries()];
    let packets = packets.into_iter().chain((0..100_000).map(move |_| data(0, piece.clone())));
    let (failure, _) = refusal(packets).await;
    assert!(failure.contains("\"f\" has 1081344 bytes where 1048576 were announced"), "{failure}");
    memory.assert_grew_less(64 << 20);
}

#[tokio::test]
async fn attributes_of_absurd_size_are_refused_by_name() {
    for stat in [
        xattr(file("f", 0), "user.large", vec![b'x'; 1 << 20]),
        xattr(stat("d", DIRECTORY), "user.large", vec![b'x'; 1 << 20]),
        xattr(file("f", 0), &format!("user.{}", "n".repeat(300)), vec![b'x']),
    ] {
        let name = String::from_utf8_lossy(&stat.path).into_owned();
        let (failure, _) = refusal(tree(vec![stat])).await;
        assert!(failure.contains(&format!("{name:?}")), "{failure}");
    }
}

/// Announces a whole tree of empty files, and fails unless it is taken.
async fn accept(channel: &Channel, entries: Vec<Stat>) {
    let is_file = |stat: &Stat| stat.linkname.is_empty() && stat.mode & !(SETUID | SETGID | 0o777) == 0;
    let files = (0..)
        .zip(&entries)
        .filter(|(_, stat)| is_file(stat))
        .map(|(id, _)| data(id, ""));
    let files: Vec<_> = files.collect();
    let transfer = Transfer::start(channel, SEND, &TO_FIRST).await.unwrap();
    let (_, status) = transfer.run(tree(entries).into_iter().chain(files)).await;
    if let Some(status) = status {
        panic!("{status}");
    }
}

#[tokio::test]
async fn odd_but_harmless_trees_arrive_without_what_harms() {
    let place = Place::new();
    let liar = Liar::start(Lies::default());
    let exports = place.exports();
    let (_client, session, caller) = liar.session(SessionOptions::new().file_send(exports.service())).await;
    let deep: Vec<_> = (1..=60)
        .map(|depth| stat(vec!["e".repeat(200); depth].join("/"), DIRECTORY))
        .collect();
    let mut entries = vec![
        Stat { uid: u32::MAX, gid: u32::MAX, mod_time: i64::MIN, ..stat(*b"a\xff\n", 0o644) },
        Stat { mod_time: i64::MAX, ..stat("b", 0o644) },
        xattr(file("c", 0), "trusted.overlay.opaque", b"y".to_vec()),
        xattr(file("d", 0), "security.capability", vec![1; 20]),
    ];
    entries.extend(deep);
    entries.push(link("l", SYMLINK, "/etc/passwd"));
    entries.push(stat("s", 0o755 | SETUID | SETGID));
    entries.push(link("t", 0o755 | SETUID, "s"));
    accept(&caller.channel, entries).await;
    exports.commit().await.unwrap();
    session.close().await;

    let at = |name: &str| fs::symlink_metadata(place.destination.join(name)).unwrap();
    assert!(place.destination.join(std::ffi::OsStr::from_bytes(b"a\xff\n")).exists());
    assert_eq!((at("s").mode() & 0o7777, at("t").mode() & 0o7777), (0o755, 0o755));
    assert!(at("l").is_symlink());
    assert_eq!(at("d").uid(), at("old").uid());
}

#[tokio::test]
async fn nothing_is_written_through_a_link() {
    // One that the destination has, and one that an earlier stream of the same export brought.
    let place = Place::new();
    symlink("../outside", place.destination.join("there")).unwrap();
    let outside = place.folder.path().join("outside");
    let before = snapshot(&outside);
    let liar = Liar::start(Lies::default());
    let exports = place.exports();
    let (_client, session, caller) = liar.session(SessionOptions::new().file_send(exports.service())).await;
    accept(&caller.channel, vec![link("brought", SYMLINK, "../outside")]).await;
    let write = |name: &str| vec![stat(name, DIRECTORY), file(&format!("{name}/canary"), 0)];
    accept(&caller.channel, [write("brought"), write("there")].concat()).await;
    exports.commit().await.unwrap();
    session.close().await;
    assert_eq!(snapshot(&outside), before);
    for name in ["brought", "there"] {
        let path = place.destination.join(name);
        assert!(!path.is_symlink() && path.join("canary").is_file(), "{name}");
    }
}

#[tokio::test]
async fn entries_by_the_ten_thousand_cost_little_memory() {
    let name = "entries_by_the_ten_thousand_cost_little_memory";
    let Some(memory) = Memory::alone(module_path!(), name) else { return };
    // Files that never come, while nobody reads what is asked for.
    const ENTRIES: usize = 20_000;
    let place = Place::new();
    let liar = Liar::start(Lies::default());
    let exports = place.exports();
    let (_client, session, caller) = liar.session(SessionOptions::new().file_send(exports.service())).await;
    let Transfer { say, heard } = Transfer::start(&caller.channel, SEND, &TO_FIRST).await.unwrap();
    let announced = async {
        for number in 0..ENTRIES {
            say.send(entry(file(&format!("{number:08}"), 1))).await.unwrap();
        }
        say.send(entry(file("../end", 0))).await.unwrap();
        say.closed().await;
    };
    within("the entries are taken", announced).await;
    // A failure is told once.
    let failure = RefCell::new(None);
    let failed = || {
        let told = exports.failure();
        told.is_some_and(|told| failure.replace(Some(told.to_string())).is_none())
    };
    eventually("the export has failed", Duration::from_secs(5), failed).await;
    assert!(failure.take().unwrap().contains("\"../end\""));
    memory.assert_grew_less(ENTRIES * 2560);
    drop((heard, session));
}

#[tokio::test]
async fn attributes_are_not_kept_in_memory() {
    let Some(memory) = Memory::alone(module_path!(), "attributes_are_not_kept_in_memory") else { return };
    // As much in each as any file system takes.
    const ENTRIES: usize = 12_000;
    const SIZE: usize = 3900;
    let place = Place::new();
    let liar = Liar::start(Lies::default());
    let options = ReceiveOptions { xattrs: true, ..ReceiveOptions::default() };
    let target = ExportTarget::Directory(place.destination.clone(), options);
    let exports = Exports::prepare([(0, target)]).unwrap();
    let (_client, session, caller) = liar.session(SessionOptions::new().file_send(exports.service())).await;
    let transfer = Transfer::start(&caller.channel, SEND, &TO_FIRST).await.unwrap();
    let packets = (0..ENTRIES).map(|number| {
        // Files that never come.
        entry(xattr(file(&format!("{number:08}"), 1), "user.large", vec![b'x'; SIZE]))
    });
    let bad = [entry(file("../end", 0))];
    let (_, status) = transfer.run(packets.chain(bad)).await;
    assert!(status.unwrap().message().contains("\"../end\""));
    memory.assert_grew_less(ENTRIES * SIZE);
    drop(session);
}
