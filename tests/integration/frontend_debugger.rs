//! buildx's debugger, by the protocol that editors speak to it: breakpoints on lines of build files.
//!
//! The protocol: messages of JSON behind a header `Content-Length` (Debug Adapter Protocol 1.71, base protocol).

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use stagewright_tests::Buildx;
use tempfile::NamedTempFile;

use crate::support::{directory, unique};

/// How long a debugger may be silent: it may compile a program meanwhile.
const SILENCE: Duration = Duration::from_secs(600);

const STAGES: &str = "# syntax=stagewright/stages:1
stages:
  made:
    role: builder
    from: busybox:latest
    steps:
      - run: echo SALT; echo first$((1 + 1))
      - run: echo SALT; echo second$((1 + 1)) > /made
  app:
    role: runtime
    from: scratch
    steps:
      - copy: /made
        from: made
        to: /made
";

const PROGRAM: &str = r#"// syntax=stagewright/rust:1
use stagewright::prelude::*;

fn main() -> ExitCode {
    stagewright::main(build)
}

fn build(b: &Build, _: ()) -> Targets {
    let made = b
        .builder("made", "busybox")
        .run("echo SALT; echo first$((1 + 1))")
        .run("echo SALT; echo second$((1 + 1)) > /made");
    Targets::new().product(b.runtime("app", Scratch).copy(made.artifact("/made"), "/made"))
}
"#;

/// `docker buildx dap build` in a directory.
struct Debugger {
    child: Child,
    stdin: ChildStdin,
    messages: Receiver<Value>,
    /// Events that came while a response was waited for.
    events: Vec<Value>,
    /// What the build showed.
    output: String,
    stderr: NamedTempFile,
    next: u64,
}

impl Debugger {
    fn start(buildx: &Buildx, directory: &Path) -> Self {
        let stderr = NamedTempFile::new().unwrap();
        let mut command = buildx.command(["dap", "build", "--progress", "plain"]);
        command
            .env("BUILDX_EXPERIMENTAL", "1")
            .current_dir(directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(stderr.reopen().unwrap());
        let mut child = command.spawn().unwrap();
        let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let (send, messages) = channel();
        // Ends with the debugger's output.
        thread::spawn(move || {
            let mut stdout = BufReader::new(stdout);
            while let Some(message) = read(&mut stdout) {
                if send.send(message).is_err() {
                    break;
                }
            }
        });
        Self { child, stdin, messages, events: Vec::new(), output: String::new(), stderr, next: 1 }
    }

    fn told(&self) -> String {
        let stderr = std::fs::read_to_string(self.stderr.path()).unwrap();
        format!("{}\n{stderr}", self.output)
    }

    /// The next message that is no output.
    fn message(&mut self) -> Value {
        loop {
            let message = self.messages.recv_timeout(SILENCE);
            let message = message.unwrap_or_else(|error| panic!("{error}: {}", self.told()));
            if message["event"] != "output" {
                return message;
            }
            self.output += message["body"]["output"].as_str().unwrap();
        }
    }

    fn send(&mut self, command: &str, arguments: Value) -> u64 {
        let seq = self.next;
        self.next += 1;
        let request = json!({ "seq": seq, "type": "request", "command": command, "arguments": arguments });
        let request = request.to_string();
        write!(self.stdin, "Content-Length: {}\r\n\r\n{request}", request.len()).unwrap();
        self.stdin.flush().unwrap();
        seq
    }

    /// Asks, and gives the body of the response.
    fn ask(&mut self, command: &str, arguments: Value) -> Value {
        let seq = self.send(command, arguments);
        loop {
            let message = self.message();
            if message["type"] == "response" && message["request_seq"] == seq {
                assert_eq!(message["success"], true, "{command}: {message}\n{}", self.told());
                return message["body"].clone();
            }
            self.events.push(message);
        }
    }

    /// The body of the next event of this name.
    fn event(&mut self, name: &str) -> Value {
        if let Some(index) = self.events.iter().position(|event| event["event"] == name) {
            return self.events.remove(index)["body"].clone();
        }
        loop {
            let message = self.message();
            assert!(
                message["event"] == name || message["event"] != "terminated",
                "ended, and waited for {name}\n{}",
                self.told()
            );
            if message["event"] == name {
                return message["body"].clone();
            }
            self.events.push(message);
        }
    }
}

impl Drop for Debugger {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(stdout: &mut BufReader<ChildStdout>) -> Option<Value> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if stdout.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => break,
            line => length = line.strip_prefix("Content-Length: ")?.parse().ok()?,
        }
    }
    let mut body = vec![0; length];
    stdout.read_exact(&mut body).ok()?;
    serde_json::from_slice(&body).ok()
}

/// Stops before the second command, and goes on.
fn stops_at_the_second_command(name: &str, text: &str) {
    let text = text.replace("SALT", &unique());
    let project = directory(&[(name, &text)]);
    let path = project.path().canonicalize().unwrap().join(name);
    let line = 1 + text.lines().position(|line| line.contains("second$")).unwrap();

    let buildx = Buildx::new();
    let mut debugger = Debugger::start(&buildx, path.parent().unwrap());
    let can = debugger.ask("initialize", json!({ "adapterID": "test", "linesStartAt1": true }));
    assert_eq!(can["supportsConfigurationDoneRequest"], true);
    debugger.ask("launch", json!({ "dockerfile": name, "contextPath": "." }));
    debugger.event("initialized");
    let breakpoints = json!({ "source": { "path": path }, "breakpoints": [{ "line": line }] });
    debugger.ask("setBreakpoints", breakpoints);
    debugger.ask("configurationDone", json!({}));

    let stopped = debugger.event("stopped");
    assert_eq!(stopped["reason"], "breakpoint", "{stopped}\n{}", debugger.told());
    let thread = stopped["threadId"].clone();
    let stack = debugger.ask("stackTrace", json!({ "threadId": thread }));
    let frame = &stack["stackFrames"][0];
    assert_eq!((&frame["line"], &frame["source"]["path"]), (&json!(line), &json!(path)), "{stack}");
    assert!(frame["name"].as_str().unwrap().contains("RUN echo"), "{stack}");
    let source = debugger.ask("source", json!({ "source": { "path": path }, "sourceReference": 0 }));
    assert_eq!(source["content"], text);
    assert!(!debugger.output.contains("second2"), "not yet done:\n{}", debugger.output);

    debugger.ask("continue", json!({ "threadId": thread }));
    debugger.event("terminated");
    assert_eq!(debugger.event("exited")["exitCode"], 0, "{}", debugger.told());
}

#[test]
fn it_stops_at_a_line_of_a_stages_yaml() {
    stops_at_the_second_command("stages.yaml", STAGES);
}

#[test]
fn it_stops_at_a_line_of_a_stages_rs() {
    stops_at_the_second_command("stages.rs", PROGRAM);
}
