//! Both ends joined in memory: what one sends, the other has.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::sync::Arc;

use super::disk::Staging;
use super::packet::Packet;
use super::receive::{ReceiveOptions, Receiver};
use super::root::{Root, open_directory};
use super::send::{Sender, Sent, read_announced};
use super::stat::Stat;
use super::walk::{Filter, Selection, Step, Walk};

/// Every entry of a directory as its sender sees it.
fn entries(dir: &Path) -> BTreeMap<Vec<u8>, Stat> {
    let steps = Walk::new(Arc::new(Root::open(dir).unwrap()), Filter::default()).map(Result::unwrap);
    let entries = steps.filter_map(|step| match step {
        Step::Entry(stat) => Some((stat.path.clone(), *stat)),
        Step::Skipped { .. } => None,
    });
    entries.collect()
}

/// Sends `from` to `to`, with every packet through its wire form.
fn transfer(from: &Path, to: &Path, options: ReceiveOptions) -> Sent {
    let root = Arc::new(Root::open(from).unwrap());
    let filter = Filter::new(&root, &Selection::default(), &[]).unwrap();
    let mut sender = Sender::new();
    for step in Walk::new(Arc::clone(&root), filter) {
        if let Step::Entry(stat) = step.unwrap() {
            sender.announce(stat).unwrap();
        }
    }
    sender.end_of_entries();

    let mut receiver = Receiver::new(options);
    let mut staging = Some(Staging::new(to).unwrap());
    let wire = |packet: Packet| Packet::try_from(buildkit_proto::fsutil::Packet::from(packet)).unwrap();
    while !receiver.is_finished() {
        while let Some(packet) = sender.poll_packet() {
            if let Some(action) = receiver.handle(wire(packet)).unwrap() {
                staging.as_mut().unwrap().perform(action).unwrap();
            }
        }
        if receiver.has_everything()
            && let Some(staging) = staging.take()
        {
            staging.commit().unwrap();
            receiver.confirm();
        }
        while let Some(packet) = receiver.poll_packet() {
            sender.handle(wire(packet)).unwrap();
        }
        while let Some((id, stat)) = sender.poll_read() {
            read_announced(&root, &stat, |bytes| {
                sender.data(id, bytes);
                true
            })
            .unwrap();
        }
    }
    sender.sent()
}

#[test]
fn every_kind_of_entry_arrives_as_it_was() {
    let from = tempfile::tempdir().unwrap();
    let path = |name: &[u8]| from.path().join(OsStr::from_bytes(name));
    for dir in ["dir", "dir/read-only", "empty"] {
        fs::create_dir(path(dir.as_bytes())).unwrap();
    }
    let large: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
    fs::write(path(b"large"), &large).unwrap();
    fs::write(path(b"nothing"), "").unwrap();
    fs::write(path(b"dir/read-only/new\nline"), "a").unwrap();
    fs::write(path(b"dir/\xff\xfe"), "b").unwrap();
    fs::write(path(b"dir/unreadable-to-others"), "c").unwrap();
    fs::write(path(b"su"), "d").unwrap();
    fs::hard_link(path(b"large"), path(b"dir/same")).unwrap();
    symlink("loop", path(b"loop")).unwrap();
    symlink("/etc/passwd", path(b"absolute")).unwrap();
    symlink(OsStr::from_bytes(b"../\xff"), path(b"dir/odd")).unwrap();
    let here = Root::open(from.path()).unwrap().directory(b"").unwrap();
    rustix::fs::mkfifoat(&here, "pipe", rustix::fs::Mode::from_raw_mode(0o640)).unwrap();
    for (name, mode) in [
        (&b"su"[..], 0o6755),
        (b"dir/unreadable-to-others", 0o600),
        (b"dir/read-only", 0o555),
        (b"empty", 0o1777),
    ] {
        fs::set_permissions(path(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    for (name, seconds) in [("nothing", -1_000_000_000), ("large", 1), ("empty", -1), ("loop", 4_000_000_000)]
    {
        let time = rustix::fs::Timespec { tv_sec: seconds, tv_nsec: 123_456_789 };
        let times = rustix::fs::Timestamps { last_access: time, last_modification: time };
        rustix::fs::utimensat(&here, name, &times, rustix::fs::AtFlags::SYMLINK_NOFOLLOW).unwrap();
    }

    let to = tempfile::tempdir().unwrap();
    let out = to.path().join("out");
    let all = ReceiveOptions { setuid: true, devices: true, xattrs: true };
    let sent = transfer(from.path(), &out, all);
    assert_eq!(entries(&out), entries(from.path()));
    assert_eq!(fs::read(out.join("large")).unwrap(), large);
    assert_eq!(fs::read(out.join("dir").join(OsStr::from_bytes(b"\xff\xfe"))).unwrap(), b"b");
    assert_eq!(sent, Sent { entries: 14, files: 6, bytes: 400_004 });

    // A second time, over what is there.
    transfer(from.path(), &out, all);
    assert_eq!(entries(&out), entries(from.path()));
    for dir in [from.path(), &out] {
        fs::set_permissions(dir.join("dir/read-only"), fs::Permissions::from_mode(0o755)).unwrap();
    }
}

#[cfg(target_os = "linux")]
#[test]
fn extended_attributes_arrive() {
    let from = tempfile::tempdir().unwrap();
    fs::write(from.path().join("f"), "x").unwrap();
    fs::create_dir(from.path().join("d")).unwrap();
    let set = |path, name, value: &[u8]| {
        let path = from.path().join(path);
        rustix::fs::setxattr(path, name, value, rustix::fs::XattrFlags::empty()).unwrap();
    };
    set("f", "user.a", b"\0\xff");
    set("f", "user.long", &[b'x'; 1000]);
    set("d", "user.b", b"");
    let to = tempfile::tempdir().unwrap();
    let out = to.path().join("out");
    transfer(from.path(), &out, ReceiveOptions::default());
    let arrived = entries(&out);
    assert_eq!(arrived, entries(from.path()));
    assert_eq!(arrived[&b"f"[..]].xattrs["user.a"], b"\0\xff");
}

#[test]
fn many_files_arrive() {
    let from = tempfile::tempdir().unwrap();
    for group in 0..20 {
        let dir = from.path().join(format!("d{group:02}"));
        fs::create_dir(&dir).unwrap();
        for file in 0..100 {
            fs::write(dir.join(format!("f{file:02}")), format!("{group}-{file}")).unwrap();
        }
    }
    let to = tempfile::tempdir().unwrap();
    let sent = transfer(from.path(), to.path(), ReceiveOptions::default());
    assert_eq!((sent.entries, sent.files), (2020, 2000));
    assert_eq!(entries(to.path()), entries(from.path()));
}

#[test]
fn paths_longer_than_the_kernel_takes_arrive() {
    let from = tempfile::tempdir().unwrap();
    let name = "d".repeat(200);
    let mut parent = Root::open(from.path()).unwrap().directory(b"").unwrap();
    for _ in 0..60 {
        rustix::fs::mkdirat(&parent, &*name, rustix::fs::Mode::from_raw_mode(0o755)).unwrap();
        parent = open_directory(parent.as_fd(), name.as_bytes()).unwrap();
    }
    let flags = rustix::fs::OFlags::CREATE | rustix::fs::OFlags::WRONLY;
    let file = rustix::fs::openat(&parent, "bottom", flags, rustix::fs::Mode::from_raw_mode(0o644)).unwrap();
    rustix::io::write(&file, b"deep down").unwrap();
    let to = tempfile::tempdir().unwrap();
    let sent = transfer(from.path(), &to.path().join("out"), ReceiveOptions::default());
    assert_eq!(sent, Sent { entries: 61, files: 1, bytes: 9 });
    let arrived = entries(&to.path().join("out"));
    assert_eq!(arrived, entries(from.path()));
    assert!(arrived.keys().any(|path| path.len() > 12_000));
}
