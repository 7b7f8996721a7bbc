//! Entries on disk: what is seen when, and what is left.

use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use super::*;
use crate::fsutil::stat::Mode;

fn create(staging: &mut Staging, id: u32, path: &str, mode: u32, link: &str) {
    let stat = Stat { path: path.into(), mode: Mode(mode), link: link.into(), mtime: -1, ..Stat::default() };
    staging.perform(Action::Create { id, stat: Box::new(stat) }).unwrap();
}

fn file(staging: &mut Staging, id: u32, path: &str, content: &'static str) {
    create(staging, id, path, 0o640, "");
    staging.perform(Action::Write { id, bytes: content.into() }).unwrap();
    staging.perform(Action::Close { id }).unwrap();
}

#[test]
fn nothing_is_seen_before_commit_and_nothing_stays_without() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("new/out");
    let mut staging = Staging::new(&out).unwrap();
    file(&mut staging, 0, "f", "x");
    assert!(!out.exists());
    drop(staging);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_new_destination_appears_whole() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("new/out");
    let mut staging = Staging::new(&out).unwrap();
    create(&mut staging, 0, "d", Mode::DIRECTORY | 0o555, "");
    file(&mut staging, 1, "d/f", "abc");
    create(&mut staging, 2, "d/g", 0o640, "d/f");
    create(&mut staging, 3, "l", Mode::SYMLINK | 0o777, "/nowhere");
    assert_eq!(staging.commit().unwrap(), Placed { entries: 4, bytes: 3 });
    assert_eq!(fs::read(out.join("d/g")).unwrap(), b"abc");
    assert_eq!(fs::metadata(out.join("d")).unwrap().mode() & 0o7777, 0o555);
    for path in ["d", "d/f", "l"] {
        let metadata = fs::symlink_metadata(out.join(path)).unwrap();
        assert_eq!((metadata.mtime(), metadata.mtime_nsec()), (-1, 999_999_999), "{path}");
    }
    assert_eq!(fs::metadata(out.join("d/f")).unwrap().ino(), fs::metadata(out.join("d/g")).unwrap().ino());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    fs::set_permissions(out.join("d"), fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn an_existing_destination_keeps_what_the_export_does_not_have() {
    let dir = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    let out = dir.path();
    fs::create_dir_all(out.join("d/empty")).unwrap();
    fs::write(out.join("d/old"), "old").unwrap();
    fs::write(out.join("d/f"), "old").unwrap();
    symlink(outside.path(), out.join("link")).unwrap();
    let mut staging = Staging::new(out).unwrap();
    create(&mut staging, 0, "d", Mode::DIRECTORY | 0o755, "");
    file(&mut staging, 1, "d/empty", "now a file");
    file(&mut staging, 2, "d/f", "new");
    create(&mut staging, 3, "link", Mode::DIRECTORY | 0o755, "");
    file(&mut staging, 4, "link/inside", "x");
    staging.commit().unwrap();
    for (path, content) in [("d/old", "old"), ("d/f", "new"), ("d/empty", "now a file"), ("link/inside", "x")]
    {
        assert_eq!(fs::read_to_string(out.join(path)).unwrap(), content, "{path}");
    }
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
    assert_eq!(fs::read_dir(out).unwrap().count(), 2);
}

#[test]
fn a_directory_in_the_way_is_found_before_anything_moves() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("z")).unwrap();
    fs::write(dir.path().join("z/precious"), "").unwrap();
    let mut staging = Staging::new(dir.path()).unwrap();
    file(&mut staging, 0, "a", "");
    file(&mut staging, 1, "z", "");
    let error = staging.commit().unwrap_err();
    assert!(matches!(error, DiskError::Occupied { .. }), "{error}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn a_mirror_has_nothing_else_and_reaches_nothing_outside() {
    let dir = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("precious"), "").unwrap();
    let out = dir.path().join("out");
    fs::create_dir_all(out.join("d/extra/deep")).unwrap();
    fs::write(out.join("d/extra/deep/f"), "old").unwrap();
    fs::write(out.join("d/f"), "old").unwrap();
    fs::create_dir(out.join("file")).unwrap();
    fs::write(out.join("file/old"), "old").unwrap();
    symlink(outside.path(), out.join("extra-link")).unwrap();
    symlink(outside.path(), out.join("d/link")).unwrap();
    fs::set_permissions(out.join("d/extra"), fs::Permissions::from_mode(0o555)).unwrap();
    let mut staging = Staging::beside(&out, Others::Go, &Partials::default()).unwrap();
    create(&mut staging, 0, "d", Mode::DIRECTORY | 0o755, "");
    file(&mut staging, 1, "d/f", "new");
    create(&mut staging, 2, "d/link", Mode::DIRECTORY | 0o755, "");
    file(&mut staging, 3, "file", "now a file");
    staging.commit().unwrap();
    let names = |path: &Path| {
        let entries = fs::read_dir(path)
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap());
        entries
            .collect::<std::collections::BTreeSet<_>>()
            .into_iter()
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&out), ["d", "file"]);
    assert_eq!(names(&out.join("d")), ["f", "link"]);
    assert_eq!(names(&out.join("d/link")), Vec::<String>::new());
    assert_eq!(fs::read_to_string(out.join("d/f")).unwrap(), "new");
    assert_eq!(fs::read_to_string(out.join("file")).unwrap(), "now a file");
    assert_eq!(names(outside.path()), ["precious"]);
    assert_eq!(names(dir.path()), ["out"]);
}

#[test]
fn what_was_placed_is_taken_back() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    fs::create_dir_all(out.join("d/empty")).unwrap();
    for path in ["d/f", "extra"] {
        fs::write(out.join(path), "old").unwrap();
    }
    let inode = |path: &str| fs::symlink_metadata(out.join(path)).unwrap().ino();
    let before = ["d", "d/f", "d/empty", "extra"].map(inode);
    fs::set_permissions(out.join("d"), fs::Permissions::from_mode(0o555)).unwrap();
    for others in [Others::Stay, Others::Go] {
        let mut staging = Staging::beside(&out, others, &Partials::default()).unwrap();
        create(&mut staging, 0, "d", Mode::DIRECTORY | 0o755, "");
        file(&mut staging, 1, "d/empty", "a file");
        file(&mut staging, 2, "d/f", "new");
        file(&mut staging, 3, "d/new", "new");
        staging.place().unwrap();
        assert_eq!(fs::read_to_string(out.join("d/f")).unwrap(), "new");
        assert_eq!(out.join("extra").exists(), others == Others::Stay);
        staging.undo();
        drop(staging);
        assert_eq!(["d", "d/f", "d/empty", "extra"].map(inode), before);
        assert_eq!(fs::metadata(out.join("d")).unwrap().mode() & 0o7777, 0o555);
        assert_eq!(fs::read_dir(out.join("d")).unwrap().count(), 2);
        assert_eq!(fs::read_dir(&out).unwrap().count(), 2);
    }
    let mut new = Staging::new(&dir.path().join("a/b/c")).unwrap();
    file(&mut new, 0, "f", "");
    new.place().unwrap();
    new.undo();
    drop(new);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn what_was_given_up_stops_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let partials = Partials::default();
    let mut staging = Staging::beside(dir.path(), Others::Stay, &partials).unwrap();
    file(&mut staging, 0, "f", "x");
    partials.give_up();
    let error = staging.perform(Action::Close { id: 1 }).unwrap_err().to_string();
    assert!(error.ends_with("the export was given up"), "{error}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_merge_that_is_given_up_is_whole_or_undone() {
    const FILES: u32 = 3000;
    let dir = tempfile::tempdir().unwrap();
    let path = |id: u32| dir.path().join(format!("{id:05}"));
    for id in 0..FILES {
        fs::write(path(id), "old").unwrap();
    }
    let partials = Partials::default();
    let mut staging = Staging::beside(dir.path(), Others::Stay, &partials).unwrap();
    for id in 0..FILES {
        file(&mut staging, id, &format!("{id:05}"), "new");
    }
    let placed = std::thread::scope(|scope| {
        let placed = scope.spawn(move || staging.place());
        while !placed.is_finished() && fs::read(path(0)).unwrap() == b"old" {
            std::thread::sleep(std::time::Duration::from_micros(100));
        }
        partials.give_up();
        // Who gives up may end the process now.
        let content = fs::read(path(0)).unwrap();
        for id in 1..FILES {
            assert_eq!(fs::read(path(id)).unwrap(), content, "{id}");
        }
        placed.join().unwrap().map(|_| content)
    });
    match placed {
        Ok(content) => assert_eq!(content, b"new"),
        Err(error) => {
            assert!(error.to_string().ends_with("the export was given up"), "{error}");
            assert_eq!(fs::read(path(0)).unwrap(), b"old");
        }
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), FILES as usize);
}

#[test]
fn files_that_cannot_be_moved_back_are_not_removed() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["a", "b"] {
        fs::write(dir.path().join(name), "old").unwrap();
    }
    let mut staging = Staging::new(dir.path()).unwrap();
    for (id, name) in [(0, "a"), (1, "b")] {
        file(&mut staging, id, name, "new");
    }
    staging.place().unwrap();
    fs::remove_file(dir.path().join("a")).unwrap();
    let kept = staging.holder.path().join(TREE);
    staging.undo();
    drop(staging);
    assert_eq!(fs::read(kept.join("a")).unwrap(), b"old");
    assert_eq!(fs::read(dir.path().join("b")).unwrap(), b"old");
}

/// Wants root, as setting a capability does.
#[cfg(target_os = "linux")]
#[test]
fn capabilities_are_set_when_the_bytes_are_written() {
    const CAPABILITY: &[u8] = b"\x01\0\0\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let mut staging = Staging::new(&out).unwrap();
    let names = [("security.capability", CAPABILITY), ("user.note", b"note")];
    let xattrs = names.map(|(key, value)| (key.to_owned(), value.to_vec())).into();
    let stat = Stat { path: b"f".to_vec(), mode: Mode(0o555), xattrs, ..Stat::default() };
    staging.perform(Action::Create { id: 0, stat: Box::new(stat) }).unwrap();
    staging.perform(Action::Write { id: 0, bytes: "bytes".into() }).unwrap();
    staging.perform(Action::Close { id: 0 }).unwrap();
    staging.commit().unwrap();
    for (key, expected) in names {
        let mut value = [0; 64];
        let length = rustix::fs::getxattr(out.join("f"), key, &mut value).unwrap();
        assert_eq!(&value[..length], expected, "{key}");
    }
}

#[test]
fn many_files_may_come_interleaved() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let mut staging = Staging::new(&out).unwrap();
    for id in 0..200 {
        create(&mut staging, id, &format!("f{id:03}"), 0o444, "");
    }
    for piece in ["a", "b"] {
        for id in 0..200 {
            staging.perform(Action::Write { id, bytes: piece.into() }).unwrap();
        }
    }
    assert!(staging.open.len() <= MAX_OPEN);
    for id in 0..200 {
        staging.perform(Action::Close { id }).unwrap();
    }
    staging.commit().unwrap();
    assert_eq!(fs::read(out.join("f199")).unwrap(), b"ab");
    assert_eq!(fs::metadata(out.join("f000")).unwrap().mode() & 0o7777, 0o444);
}
