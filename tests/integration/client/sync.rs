//! What is sent of a directory: what changed, what was asked for, and never anything else.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use buildkit_client::fsutil::send::Sent;
use buildkit_client::fsutil::walk::SkipReason;
use buildkit_client::session::filesend::{ExportTarget, Exports};
use buildkit_client::session::filesync::{FileSync, LocalDir, SyncEvent};
use buildkit_client::{BuildRequest, Exporter, SessionOptions};
use buildkit_llb::{Graph, LocalIdentity, LocalSource, Metadata};
use stagewright::{Build, BuildOptions, Scratch, Targets};

use super::connect;
use crate::support::{builder, directory, end, released, unique, write};

/// An upload that has ended.
struct Upload {
    /// What the daemon then has; or why it has nothing.
    result: Result<tempfile::TempDir, String>,
    events: Vec<SyncEvent>,
}

impl Upload {
    fn sent(&self) -> Sent {
        let ended = self.events.iter().find_map(|event| match event {
            SyncEvent::Ended { sent, error: None, .. } => Some(*sent),
            _ => None,
        });
        ended.unwrap_or_else(|| panic!("{:?}", self.events))
    }

    fn names(&self) -> BTreeSet<String> {
        let root = self.result.as_ref().unwrap().path();
        let mut names = BTreeSet::new();
        let mut left = vec![root.to_owned()];
        while let Some(next) = left.pop() {
            for entry in fs::read_dir(next).unwrap() {
                let path = entry.unwrap().path();
                names.insert(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned());
                if path.is_dir() && !path.is_symlink() {
                    left.push(path);
                }
            }
        }
        names
    }
}

/// Sends a directory over a connection and a session of its own, under a name that goes with the key; `ask` says what
/// of it is wanted. The daemon has let go of it then.
async fn upload(
    from: &Path,
    key: &str,
    ask: impl FnOnce(&mut LocalSource),
    on_event: impl Fn(&SyncEvent) + Send + Sync + 'static,
) -> Upload {
    let to = tempfile::tempdir().unwrap();
    let exports =
        Exports::prepare([(0, ExportTarget::Directory(to.path().join("out"), Default::default()))]).unwrap();
    let events = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&events);
    let name = format!("context-{key}");
    let files = FileSync::new([(name.as_str(), LocalDir::open(from).unwrap())]).observe(move |event| {
        seen.lock().unwrap().push(event.clone());
        on_event(event);
    });
    let options = SessionOptions::new()
        .shared_key(key)
        .file_sync(files)
        .file_send(exports.service());
    let client = connect().await;
    let session = client.session(options).await.unwrap();
    let mut graph = Graph::new();
    let mut local = LocalSource::new(name.clone(), LocalIdentity::Session(session.id().to_owned()));
    ask(&mut local);
    let local = graph.add(local, Metadata::default()).unwrap();
    let definition = graph.definition(Some(local.root())).unwrap();
    let request = BuildRequest::new(&session).exporter(Exporter::new("local"));
    let solved = client.solve(&definition, request, drop).await;
    if solved.is_ok() {
        exports.commit().await.unwrap();
        for entry in fs::read_dir(to.path().join("out")).unwrap() {
            let entry = entry.unwrap();
            fs::rename(entry.path(), to.path().join(entry.file_name())).unwrap();
        }
        fs::remove_dir(to.path().join("out")).unwrap();
    }
    session.close().await;
    if solved.is_ok() {
        released(&name).await;
    }
    let events = events.lock().unwrap().clone();
    Upload { result: solved.map(|_| to).map_err(|error| format!("{error:?}")), events }
}

#[tokio::test]
async fn only_what_changed_is_sent_again() {
    let context = tempfile::tempdir().unwrap();
    for number in 0..300 {
        write(&context.path().join(format!("d{}/f{number}", number % 10)), "as it was");
    }
    symlink("d1/f1", context.path().join("link")).unwrap();
    let key = unique();
    let again = || upload(context.path(), &key, |_| {}, |_| {});

    let first = again().await;
    assert_eq!(first.sent(), Sent { entries: 311, files: 300, bytes: 2700 });
    let unchanged = again().await;
    assert_eq!(unchanged.sent(), Sent { entries: 311, files: 0, bytes: 0 });
    assert_eq!(unchanged.names(), first.names());

    write(&context.path().join("d7/f7"), "changed!!");
    let one = again().await;
    assert_eq!(one.sent(), Sent { entries: 311, files: 1, bytes: 9 });
    assert_eq!(fs::read_to_string(one.result.unwrap().path().join("d7/f7")).unwrap(), "changed!!");

    fs::remove_file(context.path().join("d3/f3")).unwrap();
    fs::remove_file(context.path().join("link")).unwrap();
    write(&context.path().join("new"), "n");
    let moved = again().await;
    assert_eq!(moved.sent(), Sent { entries: 310, files: 1, bytes: 1 });
    assert!(moved.names().contains("new"));
    assert!(!moved.names().contains("d3/f3") && !moved.names().contains("link"));

    let other = upload(context.path(), &unique(), |_| {}, |_| {}).await;
    assert_eq!(other.sent().files, 300, "another key has another copy");
}

#[tokio::test]
async fn second_names_leave_nothing_behind() {
    let context = directory(&[("a", "one"), ("x", "x")]);
    let path = |name: &str| context.path().join(name);
    fs::hard_link(path("a"), path("b")).unwrap();
    let key = unique();
    let again = async || {
        let upload = upload(context.path(), &key, |_| {}, |_| {}).await;
        (upload.sent().files, upload.names().into_iter().collect::<Vec<_>>().join(" "))
    };
    let is = |files: u64, names: &str| (files, names.to_owned());
    assert_eq!(again().await, is(2, "a b x"));
    assert_eq!(again().await, is(0, "a b x"));
    write(&path("b"), "two!");
    assert_eq!(again().await, is(1, "a b x"));
    fs::remove_file(path("a")).unwrap();
    assert_eq!(again().await, is(1, "b x"));
    fs::hard_link(path("b"), path("0")).unwrap();
    assert_eq!(again().await, is(1, "0 b x"));
    assert_eq!(again().await, is(0, "0 b x"));
}

#[tokio::test]
async fn all_ways_to_choose_work_together() {
    let context = directory(&[
        ("src/main.c", ""),
        ("src/main.o", ""),
        ("src/\u{263a}/x.c", ""),
        ("caf\u{e9}/menu", ""),
        ("real/wanted", ""),
        ("real/other", ""),
        ("docs/a b+c%20", ""),
        ("rest", ""),
    ]);
    symlink("real", context.path().join("link")).unwrap();
    let ask = |local: &mut LocalSource| {
        local.include = ["src/**/*.[co]", "caf\u{e9}", "docs/a b+c%20"].map(str::to_owned).into();
        local.exclude = (0..20_000).map(|number| format!("**/unused {number}")).collect();
        local.exclude.extend(["**/*.o".to_owned(), "!**/\u{263a}".to_owned()]);
        local.follow_paths = vec!["link/wanted".to_owned()];
    };
    let upload = upload(context.path(), &unique(), ask, |_| {}).await;
    let expected = [
        "caf\u{e9}",
        "caf\u{e9}/menu",
        "docs",
        "docs/a b+c%20",
        "link",
        "real",
        "real/wanted",
        "src",
        "src/main.c",
        "src/\u{263a}",
        "src/\u{263a}/x.c",
    ];
    assert_eq!(upload.names(), expected.map(str::to_owned).into());
}

#[tokio::test]
async fn a_daemon_that_wants_metadata_gets_no_content() {
    let context = directory(&[
        (".fsutil-metadata", "not what the daemon means by it"),
        ("a/large", "content"),
        ("a/kept.lock", "kept"),
        ("z", "content"),
    ]);
    let ask = |local: &mut LocalSource| local.metadata_only = Some(vec!["**/*.lock".to_owned()]);
    let key = unique();
    let upload = upload(context.path(), &key, ask, |_| {}).await;
    assert_eq!(upload.sent(), Sent { entries: 4, files: 1, bytes: 4 });
    assert!(upload.events.contains(&SyncEvent::Skipped {
        directory: format!("context-{key}"),
        path: "\".fsutil-metadata\"".to_owned(),
        reason: SkipReason::Reserved,
    }));
    assert_eq!(upload.names(), [".fsutil-metadata", "a", "a/kept.lock"].map(str::to_owned).into());
    let root = upload.result.unwrap();
    assert_eq!(fs::read_to_string(root.path().join("a/kept.lock")).unwrap(), "kept");
    let notes = fs::read(root.path().join(".fsutil-metadata")).unwrap();
    assert!(notes.windows(7).any(|window| window == b"a/large"), "{}", notes.escape_ascii());
}

/// Changes a tree when `d/file` is announced and not yet read, and gives why the build failed.
///
/// Four large files before it are being read by then, which is as many as are read at once; a socket behind it
/// says, in the order of the walk, that it was announced.
async fn changed(change: impl Fn(&Path) + Send + Sync + 'static) -> String {
    let context = directory(&[("d/file", "as announced")]);
    for number in 0..4 {
        let large = File::create(context.path().join(format!("a{number}"))).unwrap();
        large.set_len(16 << 20).unwrap();
    }
    let _socket = UnixListener::bind(context.path().join("d/socket")).unwrap();
    let root = context.path().to_owned();
    let change = move |event: &SyncEvent| {
        if matches!(event, SyncEvent::Skipped { .. }) {
            change(&root);
        }
    };
    let upload = upload(context.path(), &unique(), |_| {}, change).await;
    let told = upload.events.iter().find_map(|event| match event {
        SyncEvent::Ended { error, .. } => error.clone(),
        _ => None,
    });
    let error = upload.result.expect_err("the build succeeded");
    let told = told.unwrap_or_else(|| panic!("the transfer succeeded, and the build said: {error}"));
    assert!(error.contains(&told.escape_debug().to_string()), "{told}\n{error}");
    told
}

#[tokio::test]
async fn a_file_that_is_not_what_was_announced_fails_the_build() {
    let changed_is = async |what: &str, change: fn(&Path)| {
        let expected = format!("\"d/file\" changed while it was being sent: {what}");
        assert_eq!(changed(change).await, expected);
    };
    let longer = |root: &Path| fs::write(root.join("d/file"), "longer than announced").unwrap();
    changed_is("it had 12 bytes and has 21", longer).await;
    let shorter = |root: &Path| fs::write(root.join("d/file"), "").unwrap();
    changed_is("it had 12 bytes and has 0", shorter).await;
    let other = |root: &Path| fs::write(root.join("d/file"), "as long here").unwrap();
    changed_is("it was modified", other).await;
    let replaced = |root: &Path| {
        fs::write(root.join("new"), "as announced").unwrap();
        fs::rename(root.join("new"), root.join("d/file")).unwrap();
    };
    changed_is("it was modified", replaced).await;
    let touched = |root: &Path| {
        let file = File::options().append(true).open(root.join("d/file")).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1)).unwrap();
    };
    changed_is("it was modified", touched).await;
    changed_is("it is gone", |root| fs::remove_file(root.join("d/file")).unwrap()).await;
    let directory = |root: &Path| {
        fs::remove_file(root.join("d/file")).unwrap();
        fs::create_dir(root.join("d/file")).unwrap();
    };
    changed_is("it is no longer a regular file", directory).await;
}

#[tokio::test]
async fn nothing_outside_is_sent_for_what_was_inside() {
    // In each case, a file of the same length and time waits where the link leads.
    let outside = tempfile::tempdir().unwrap();
    write(&outside.path().join("file"), "as announced");
    let secret = outside.path().to_owned();
    let link = move |root: &Path| {
        fs::remove_file(root.join("d/file")).unwrap();
        symlink(secret.join("file"), root.join("d/file")).unwrap();
    };
    let error = changed(link).await;
    assert_eq!(error, "\"d/file\" changed while it was being sent: it is a link now");

    let secret = outside.path().to_owned();
    let parent = move |root: &Path| {
        fs::rename(root.join("d"), root.join("moved")).unwrap();
        symlink(&secret, root.join("d")).unwrap();
    };
    let error = changed(parent).await;
    assert_eq!(
        error,
        "\"d/file\" changed while it was being sent: a directory above it is a link or a file now"
    );
}

#[tokio::test]
async fn a_file_that_shrinks_while_it_is_read_fails_the_build() {
    let context = tempfile::tempdir().unwrap();
    let large = File::create(context.path().join("large")).unwrap();
    large.set_len(256 << 20).unwrap();
    let _socket = UnixListener::bind(context.path().join("socket")).unwrap();
    let shrink = move |event: &SyncEvent| {
        if matches!(event, SyncEvent::Skipped { .. }) {
            large.set_len(1 << 20).unwrap();
        }
    };
    let upload = upload(context.path(), &unique(), |_| {}, shrink).await;
    let error = upload.result.expect_err("the build succeeded");
    assert!(error.contains("\\\"large\\\" changed while it was being sent: it "), "{error}");
}

#[tokio::test]
async fn a_file_that_cannot_be_read_fails_the_build() {
    // A file of the kernel that may only be written to, by root too.
    let ask = |local: &mut LocalSource| local.include = vec!["compact_memory".to_owned()];
    let upload = upload(Path::new("/proc/sys/vm"), &unique(), ask, |_| {}).await;
    let error = upload.result.expect_err("the build succeeded");
    assert!(error.contains("cannot read \\\"compact_memory\\\": Permission denied"), "{error}");
}

/// Builds with this for a `.dockerignore`, and gives the reason for which that fails.
async fn ignore_file(make: impl FnOnce(&Path)) -> String {
    let context = directory(&[("secret", "not for images")]);
    make(&context.path().join(".dockerignore"));
    let all = |b: &Build, (): ()| {
        let src = b.context();
        Targets::new().product(b.runtime("app", Scratch).copy(src.all(), "/"))
    };
    let options = BuildOptions::new(context.path());
    let ended = end(builder().await.build(all, &options).await.unwrap()).await;
    let failures: Vec<_> = ended.report.failures().map(|(_, failure)| failure).collect();
    assert_eq!(failures.len(), 1, "{failures:?}");
    format!("{failures:?}")
}

#[tokio::test]
async fn an_ignore_file_that_cannot_be_read_is_never_taken_for_none() {
    let error = ignore_file(|path| fs::create_dir(path).unwrap()).await;
    assert!(error.contains(".dockerignore: not a regular file"), "{error}");
    let error = ignore_file(|path| symlink("nowhere", path).unwrap()).await;
    assert!(error.contains(".dockerignore: no such file"), "{error}");
    let error = ignore_file(|path| symlink(".dockerignore", path).unwrap()).await;
    assert!(error.contains("too many links"), "{error}");
    let error = ignore_file(|path| fs::write(path, b"# \xff\nsecre\xff").unwrap()).await;
    assert!(error.contains("line: 2"), "{error}");
    let error = ignore_file(|path| fs::write(path, "[a").unwrap()).await;
    assert!(error.contains("a [ has no ]"), "{error}");
}
