//! buildx's debugger, by the protocol that editors speak to it (Debug Adapter Protocol 1.71): breakpoints on lines of
//! build files.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use stagewright_tests::{Buildx, Messages};

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
    messages: Messages,
    /// Events that came while a response was waited for.
    events: Vec<Value>,
    /// What the build showed.
    output: String,
    next: u64,
}

impl Debugger {
    fn start(buildx: &Buildx, directory: &Path) -> Self {
        let mut command = buildx.command(["dap", "build", "--progress", "plain"]);
        command.env("BUILDX_EXPERIMENTAL", "1").current_dir(directory);
        Self { messages: Messages::start(&mut command), events: Vec::new(), output: String::new(), next: 1 }
    }

    fn told(&self) -> String {
        format!("{}\n{}", self.output, self.messages.stderr())
    }

    /// The next message that is no output.
    fn message(&mut self) -> Value {
        loop {
            let message = self.messages.next(SILENCE);
            let message = message.unwrap_or_else(|| panic!("silence: {}", self.told()));
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
        self.messages.send(&request);
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
