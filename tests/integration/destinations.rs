//! What can go wrong where a result goes: nothing is half written, and the error says what it was.
//!
//! The build program is a process of its own here, so that it can be stopped, and so that what it leaves behind is
//! seen. The daemon is the real one. Full and read-only file systems are small ones in memory, which want root.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use stagewright_tests::{names, signal};

use crate::support::{eventually, program, run, stdout, unique};

/// Files of four gigabytes that take no time to make and long to send, between small ones.
const LARGE: &str =
    "mkdir /d && for i in $(seq 500); do echo $i > /d/$i; done && truncate -s 4G /d/large && echo z > /z";
/// Eight megabytes that no disk of four can hold.
const EIGHT: &str = "dd if=/dev/urandom of=/eight bs=1M count=8 2>/dev/null";
/// How long a program that was signalled may take: what its build may take to end, and then what it may take to
/// remove what is half written and to end itself, with two seconds for a machine that is busy.
const SIGNAL_LIMIT: Duration = Duration::from_millis(2800 + 5000 + 300 + 2000);
/// How long a failure may take, from the moment that it can be known.
const LIMIT: Duration = Duration::from_secs(10);

/// `result build` with this output.
fn build(script: &str, output: &str) -> Command {
    let mut command = program("result");
    command.args(["build", "--progress", "plain", "--build-arg"]);
    command.arg(format!("script={script}")).args(["-o", output]);
    command
}

fn spawn(command: &mut Command) -> Child {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Code and the standard error of a build.
fn ended(command: &mut Command) -> (Option<i32>, String) {
    let output = run(command);
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Bytes of what is under way in a directory.
fn under_way(directory: &Path) -> u64 {
    let partial = fs::read_dir(directory).ok().and_then(|mut entries| {
        entries.find_map(|e| e.ok().filter(|e| e.file_name().to_string_lossy().ends_with(".partial")))
    });
    let Some(path) = partial.map(|e| e.path()) else { return 0 };
    let large = path.join("tree/d/large");
    fs::metadata(if path.is_dir() { large } else { path }).map_or(0, |m| m.len())
}

/// Whether a build with this text in an exporter's attributes runs in the daemon.
fn is_building(tag: &str) -> bool {
    let mut buildctl = Command::new("buildctl");
    let listed = stdout(buildctl.args(["debug", "histories", "--format", "{{json .}}"]));
    let listed = String::from_utf8(listed).unwrap();
    let mut ours = listed.lines().filter(|line| line.contains(tag)).peekable();
    assert!(ours.peek().is_some(), "the daemon does not know the build: {listed}");
    ours.any(|line| !line.contains("CompletedAt"))
}

/// A file system in memory. It goes when this is dropped.
struct Disk {
    directory: tempfile::TempDir,
}

impl Disk {
    fn new(megabytes: u32) -> Self {
        let disk = Self { directory: tempfile::tempdir().unwrap() };
        let size = format!("size={megabytes}m");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(disk.path());
        assert!(mount.status().unwrap().success(), "{mount:?}: mounting wants root");
        disk
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn make_read_only(&self) {
        let mut mount = Command::new("mount");
        mount.args(["-o", "remount,ro"]).arg(self.path());
        assert!(mount.status().unwrap().success(), "{mount:?}");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}

#[tokio::test]
async fn a_signal_in_the_middle_leaves_the_old_file_and_nothing_else() {
    for (signals, code, kind) in [
        (&["-TERM"][..], 143, "tar"),
        (&["-INT"], 130, "local"),
        (&["-TERM", "-TERM"], 143, "local"),
        (&["-INT", "-INT"], 130, "oci"),
    ] {
        let out = tempfile::tempdir().unwrap();
        let dest = out.path().join("old");
        let place = if kind == "local" {
            fs::create_dir(&dest).unwrap();
            fs::write(dest.join("z"), "old").unwrap();
            dest.clone()
        } else {
            fs::write(&dest, "old").unwrap();
            out.path().to_owned()
        };
        // Of zeros an image would be done in no time.
        let script =
            if kind == "oci" { "dd if=/dev/urandom of=/large bs=1M count=200 2>/dev/null" } else { LARGE };
        let tag = unique();
        // An attribute that changes nothing here, for finding the build.
        let mark = if kind == "oci" { "annotation.mark" } else { "attestation-prefix" };
        let child = spawn(&mut build(script, &format!("type={kind},dest={},{mark}={tag}", dest.display())));
        eventually("bytes come", Duration::from_secs(60), || under_way(&place) > 1 << 20).await;
        let start = Instant::now();
        for name in signals {
            signal(child.id(), name);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{kind}: {text}");
        assert!(start.elapsed() < SIGNAL_LIMIT, "{kind}: {:?}", start.elapsed());
        assert_eq!(names(out.path()), ["old"], "{kind}");
        let old = if kind == "local" {
            assert_eq!(names(&dest), ["z"]);
            dest.join("z")
        } else {
            dest
        };
        assert_eq!(fs::read_to_string(old).unwrap(), "old", "{kind}");
        eventually("the daemon has ended the build", Duration::from_secs(10), || !is_building(&tag)).await;
    }
}

#[test]
fn a_full_disk_is_called_that() {
    let disk = Disk::new(4);
    let (file, directory) = (disk.path().join("old"), disk.path().join("directory"));
    fs::write(&file, "old").unwrap();
    fs::create_dir(&directory).unwrap();
    fs::write(directory.join("eight"), "old").unwrap();
    for output in [
        format!("type=tar,dest={}", file.display()),
        format!("type=oci,dest={}", file.display()),
        format!("type=local,dest={}", directory.display()),
        format!("type=local,dest={},mode=delete", disk.path().join("new").display()),
    ] {
        let (code, text) = ended(&mut build(EIGHT, &output));
        assert_eq!(code, Some(1), "{output}: {text}");
        assert!(text.contains("No space left on device"), "{output}: {text}");
        assert!(!text.contains("EOF"), "{output}: {text}");
        assert_eq!(names(disk.path()), ["directory", "old"], "{output}");
        assert_eq!(names(&directory), ["eight"], "{output}");
    }
    assert_eq!(fs::read_to_string(file).unwrap(), "old");
    assert_eq!(fs::read_to_string(directory.join("eight")).unwrap(), "old");
}

#[test]
fn a_destination_that_cannot_be_is_found_before_the_build() {
    let disk = Disk::new(1);
    fs::write(disk.path().join("file"), "").unwrap();
    disk.make_read_only();
    let out = tempfile::tempdir().unwrap();
    fs::write(out.path().join("file"), "").unwrap();
    fs::create_dir(out.path().join("directory")).unwrap();
    std::os::unix::fs::symlink("nowhere", out.path().join("dangling")).unwrap();
    let here = |name: &str| out.path().join(name);
    let check = |kind: &str, path: PathBuf, expected: &str| {
        let script = format!("echo {}; sleep 60", unique());
        let start = Instant::now();
        let (code, text) = ended(&mut build(&script, &format!("type={kind},dest={}", path.display())));
        assert_eq!(code, Some(2), "{kind} {}: {text}", path.display());
        assert!(text.contains(expected), "{kind} {}: {text}", path.display());
        assert!(start.elapsed() < LIMIT, "{:?}", start.elapsed());
    };
    for name in ["file", "new"] {
        check("tar", disk.path().join(name), "Read-only file system");
    }
    check("local", disk.path().join("new"), "Read-only file system");
    check("local", disk.path().to_owned(), "Read-only file system");
    check("oci", here("directory"), "it is a directory, not a file");
    check("local", here("file"), "it is not a directory");
    check("local", here("dangling"), "it is not a directory");
    check("local", here("file/below"), "it is not a directory");
    check("docker", here("file/below"), "it is not a directory");
    check("tar", here("missing/file"), "No such file or directory");
    assert_eq!(names(out.path()), ["dangling", "directory", "file"]);
}

#[tokio::test]
async fn a_destination_that_goes_away_is_an_error() {
    for kind in ["tar", "local"] {
        let out = tempfile::tempdir().unwrap();
        let place = out.path().join("place");
        fs::create_dir(&place).unwrap();
        let dest = if kind == "local" { place.clone() } else { place.join("file") };
        let script = format!("{LARGE} && truncate -s 64M /d/large && sleep 1; : {}", unique());
        let child = spawn(&mut build(&script, &format!("type={kind},dest={}", dest.display())));
        eventually("it is under way", Duration::from_secs(60), || fs::read_dir(&place).unwrap().count() > 0)
            .await;
        // While files are still put there, one go may miss some.
        eventually("it is gone", Duration::from_secs(10), || {
            fs::remove_dir_all(&place).ok();
            !place.exists()
        })
        .await;
        let start = Instant::now();
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{kind}: {text}");
        assert!(text.contains("No such file or directory"), "{kind}: {text}");
        assert!(start.elapsed() < LIMIT, "{kind}: {:?}", start.elapsed());
        assert_eq!(names(out.path()), Vec::<String>::new(), "{kind}");
    }
}

#[tokio::test]
async fn an_archive_goes_to_the_standard_output_alone() {
    let mut child = spawn(&mut build("echo hello > /hello", "-"));
    let mut bytes = Vec::new();
    child.stdout.take().unwrap().read_to_end(&mut bytes).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    assert!(text.ends_with("app built\n"), "{text}");
    let mut archive = tar::Archive::new(&bytes[..]);
    let found = archive.entries().unwrap().map(|e| e.unwrap().path().unwrap().into_owned());
    assert!(found.collect::<Vec<_>>().contains(&PathBuf::from("hello")));
    // Nothing comes before the archive or behind it.
    assert!(bytes.len() % 512 == 0 && bytes.ends_with(&[0; 1024]), "{} bytes", bytes.len());
}

#[tokio::test]
async fn a_closed_pipe_ends_the_build_quietly() {
    let tag = unique();
    let mut child = spawn(&mut build(LARGE, &format!("type=tar,dest=-,attestation-prefix={tag}")));
    let mut stdout = child.stdout.take().unwrap();
    let mut first = [0; 10];
    stdout.read_exact(&mut first).unwrap();
    drop(stdout);
    let start = Instant::now();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(141), "{text}");
    assert!(start.elapsed() < LIMIT, "{:?}", start.elapsed());
    assert!(!text.lines().any(|line| line.starts_with("error: ")), "{text}");
    eventually("the daemon has ended the build", Duration::from_secs(3), || !is_building(&tag)).await;
}

#[test]
fn an_archive_is_not_for_a_terminal() {
    // The master of a pseudo terminal is a terminal too.
    let terminal = File::options().read(true).write(true).open("/dev/ptmx").unwrap();
    let child = build("echo hello > /hello", "-")
        .stdout(terminal)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("an archive is not text"), "{text}");
}
