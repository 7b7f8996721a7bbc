//! `build --on-error shell`, through a real terminal: a shell with all that the failed step had.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Termios, Winsize, tcgetattr, tcsetwinsize};
use stagewright_tests::signal;

use crate::support::{directory, program, run, unique};

/// How long a step of a conversation may take.
const LIMIT: Duration = Duration::from_secs(60);

const STAGES: &str = "\
secrets: { token: { optional: false } }
stages:
  unit:
    role: tester
    from: busybox:latest
    steps:
      - workdir: /app
      - user: '1000'
      - env: { SALT: 'salt-of-the-step' }
      - run: id -u > /tmp/half; echo kept > /cache/file; echo judged UNIQUE; exit 7
        caches: { path: /cache, id: UNIQUE, mode: 0o777 }
        secrets: [token, { id: token, env: TOKEN }]
  bare:
    role: tester
    from: scratch
    steps:
      - copy: /bin/busybox
        from: { image: 'busybox:latest' }
        to: /busybox
      - run: [/busybox, cp, /nothing-UNIQUE, /dev]
  app:
    role: runtime
    from: busybox:latest
    gates: unit
";

/// A terminal with a program on it.
struct Terminal {
    child: Child,
    master: File,
    slave: OwnedFd,
    before: Termios,
    shown: Receiver<Vec<u8>>,
    text: String,
    /// What of the text was waited for.
    seen: usize,
}

impl Terminal {
    /// The command line in a directory, on a terminal of its own.
    fn start(project: &Path, arguments: &[&str]) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let slave = File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
        tcsetwinsize(&slave, Winsize { ws_row: 33, ws_col: 111, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
        let before = tcgetattr(&slave).unwrap();
        let end = || Stdio::from(slave.try_clone().unwrap());
        let mut command = program("stagewright");
        command.args(["build", "-f", "stages.yaml", "--progress", "plain", "--secret", "id=token,env=TOKEN"]);
        command.args(arguments).arg(".").current_dir(project);
        command.env("NO_COLOR", "1").env("TERM", "vt100").env("TOKEN", "hunter2");
        let child = command.stdin(end()).stdout(Stdio::null()).stderr(end()).spawn().unwrap();
        let master = File::from(master);
        let mut reader = master.try_clone().unwrap();
        let (sender, shown) = channel();
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(read @ 1..) = reader.read(&mut buffer) {
                if sender.send(buffer[..read].to_vec()).is_err() {
                    break;
                }
            }
        });
        let slave = slave.into();
        Self { child, master, slave, before, shown, text: String::new(), seen: 0 }
    }

    /// Waits until this is shown, behind what was waited for before.
    fn expect(&mut self, part: &str) {
        let start = Instant::now();
        loop {
            if let Some(at) = self.text[self.seen..].find(part) {
                self.seen += at + part.len();
                return;
            }
            match self.shown.recv_timeout(LIMIT.saturating_sub(start.elapsed())) {
                Ok(bytes) => self.text.push_str(&String::from_utf8_lossy(&bytes)),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    let _ = self.child.kill();
                    panic!("no {part:?} behind byte {} of:\n{}", self.seen, self.text);
                }
            }
        }
    }

    fn type_line(&mut self, line: &str) {
        self.master.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    fn modes(&self) -> String {
        format!("{:?}", tcgetattr(&self.slave).unwrap())
    }

    /// The exit code; the terminal must be as it was.
    fn end(mut self) -> (Option<i32>, String) {
        let start = Instant::now();
        let status = loop {
            match self.child.try_wait().unwrap() {
                Some(status) => break status,
                None if start.elapsed() > LIMIT => {
                    let _ = self.child.kill();
                    panic!("it does not end:\n{}", self.text);
                }
                None => thread::sleep(Duration::from_millis(20)),
            }
        };
        assert_eq!(self.modes(), format!("{:?}", self.before), "the terminal is not what it was");
        while let Ok(bytes) = self.shown.recv_timeout(Duration::from_millis(200)) {
            self.text.push_str(&String::from_utf8_lossy(&bytes));
        }
        (status.code(), self.text)
    }
}

fn project() -> tempfile::TempDir {
    directory(&[("stages.yaml", &STAGES.replace("UNIQUE", &unique()))])
}

#[test]
fn a_shell_has_all_that_the_failed_step_had() {
    let project = project();
    let mut terminal = Terminal::start(project.path(), &["--on-error", "shell"]);
    // The error first: of a gate.
    terminal.expect("refused by gate `unit`");
    terminal.expect("/app $ ");
    assert_ne!(terminal.modes(), format!("{:?}", terminal.before), "the terminal is raw");
    terminal.type_line(
        "cat /tmp/half /cache/file; stat -c %s /run/secrets/token; echo $TOKEN.$SALT.$TERM; stty size",
    );
    terminal.expect("\n1000\r\nkept\r\n7\r\nhunter2.salt-of-the-step.vt100\r\n33 111\r\n");
    tcsetwinsize(&terminal.slave, Winsize { ws_row: 44, ws_col: 99, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
    signal(terminal.child.id(), "-WINCH");
    terminal.type_line("while [ \"$(stty size)\" != '44 99' ]; do sleep 0.1; done; echo it is re-sized");
    terminal.expect("\nit is re-sized\r\n");
    // A key that would end the build is the shell's.
    terminal.type_line("(echo is now' asleep'; sleep 1000)");
    terminal.expect("\nis now asleep\r\n");
    terminal.master.write_all(b"\x03").unwrap();
    terminal.expect("/app $ ");
    terminal.type_line("exit 3");
    let (code, text) = terminal.end();
    assert_eq!(code, Some(1), "{text}");
    assert_eq!(text.matches("refused by gate `unit`").count(), 1, "{text}");
}

#[test]
fn a_step_without_the_shell_is_told_and_the_build_ends() {
    let project = project();
    let terminal = Terminal::start(project.path(), &["--on-error", "shell=/bin/bash", "--target", "bare"]);
    let (code, text) = terminal.end();
    assert_eq!(code, Some(1), "{text}");
    assert!(
        text.contains("has no /bin/bash: name a program that it has, --on-error shell=PROGRAM"),
        "{text}"
    );
    let mut terminal = Terminal::start(project.path(), &["--on-error", "shell=/busybox", "--target", "bare"]);
    terminal.expect("`bare` failed with exit code");
    assert_eq!(terminal.end().0, Some(1));
}

#[test]
fn a_signal_ends_the_shell_and_leaves_the_terminal_as_it_was() {
    let project = project();
    let mut terminal = Terminal::start(project.path(), &["--on-error", "shell"]);
    terminal.expect("/app $ ");
    signal(terminal.child.id(), "-TERM");
    let (code, text) = terminal.end();
    assert!(matches!(code, Some(1 | 143)), "{code:?}: {text}");
}

#[test]
fn without_a_terminal_nothing_runs() {
    let project = project();
    let mut command: Command = program("stagewright");
    command
        .args(["build", "-f", "stages.yaml", "--on-error", "shell", "."])
        .current_dir(project.path());
    let output = run(&mut command);
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("--on-error shell needs a terminal"), "{text}");
    assert!(!text.contains("[unit"), "{text}");
}
