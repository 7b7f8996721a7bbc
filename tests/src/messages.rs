//! A process that speaks in messages of JSON over its standard streams, as debuggers and language servers do.
//!
//! Each message stands behind a header `Content-Length` (Debug Adapter Protocol 1.71 and Language Server Protocol
//! 3.17, base protocol).

use std::io::{BufRead, BufReader, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use tempfile::NamedTempFile;

/// The process; it is killed when this is dropped.
#[derive(Debug)]
pub struct Messages {
    child: Child,
    stdin: ChildStdin,
    messages: Receiver<Value>,
    stderr: NamedTempFile,
}

impl Messages {
    /// Starts it.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    #[must_use]
    pub fn start(command: &mut Command) -> Self {
        let stderr = NamedTempFile::new().unwrap();
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(stderr.reopen().unwrap());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let (send, messages) = channel();
        // Ends with the process's output.
        thread::spawn(move || {
            let mut stdout = BufReader::new(stdout);
            while let Some(message) = read(&mut stdout) {
                if send.send(message).is_err() {
                    break;
                }
            }
        });
        Self { child, stdin, messages, stderr }
    }

    /// Sends a message.
    ///
    /// # Panics
    ///
    /// When the process has ended.
    pub fn send(&mut self, message: &Value) {
        let message = message.to_string();
        let sent = write!(self.stdin, "Content-Length: {}\r\n\r\n{message}", message.len());
        sent.and_then(|()| self.stdin.flush())
            .unwrap_or_else(|error| panic!("{error}: {}", self.stderr()));
    }

    /// The next message, or none if the process was silent for so long, or has ended.
    #[must_use]
    pub fn next(&self, silence: Duration) -> Option<Value> {
        self.messages.recv_timeout(silence).ok()
    }

    /// What it wrote beside its messages.
    ///
    /// # Panics
    ///
    /// When it is no text.
    #[must_use]
    pub fn stderr(&self) -> String {
        std::fs::read_to_string(self.stderr.path()).unwrap()
    }
}

impl Drop for Messages {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(stdout: &mut impl BufRead) -> Option<Value> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if stdout.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => break,
            line => {
                if let Some(number) = line.strip_prefix("Content-Length: ") {
                    length = number.parse().ok()?;
                }
            }
        }
    }
    let mut body = vec![0; length];
    stdout.read_exact(&mut body).ok()?;
    serde_json::from_slice(&body).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_read_one_by_one() {
        let text = "Content-Length: 2\r\n\r\n{}Content-Type: x\r\nContent-Length: 3\r\n\r\n\"a\"Content-Length: 9\r\n\r\n1";
        let mut input = text.as_bytes();
        assert_eq!(read(&mut input), Some(serde_json::json!({})));
        assert_eq!(read(&mut input), Some("a".into()));
        assert_eq!(read(&mut input), None);
    }
}
