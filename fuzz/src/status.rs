//! Streams of status messages, and what is shown of them.

use std::time::Duration;

use buildkit_client::StatusUpdate;
use buildkit_proto::{Message, control};
use stagewright::fuzzing::Shown;
use unicode_width::UnicodeWidthChar;

use crate::script::Script;

/// Messages of one run, repeated ones included.
const MOST_UPDATES: usize = 256;

/// Takes messages of several targets' streams, in any order and at any time, and shows them.
///
/// What is written holds no control characters but colours where they are wanted, and a painter's own moves, which
/// stay in its picture; no line of a picture is wider than the terminal; a line of JSON is JSON.
pub fn status(data: &[u8]) {
    let mut script = Script::new(data);
    let mut watched = Watched::new(&mut script);
    let mut now = Duration::ZERO;
    let mut left = MOST_UPDATES;
    while !script.is_empty() && left > 0 {
        let action = script.byte();
        let target = script.pick(&["app", "web", ""]);
        now += Duration::from_millis([0, 1, 100, 6000][usize::from(action >> 6)]);
        match action % 8 {
            0 => watched.see(|shown| shown.tick(now)),
            1 => watched.see(|shown| shown.ended(now, target)),
            2 => {
                let line = String::from_utf8_lossy(script.bytes());
                watched.see(|shown| shown.note(now, &line));
            }
            3 => {
                // Bytes as they are, for messages that are long.
                let length = script.word();
                let times = 1 + usize::from(script.byte());
                let bytes = script.take(length.into());
                let Ok(message) = control::StatusResponse::decode(bytes) else { continue };
                let update = StatusUpdate::from_pb(message);
                for _ in 0..times.min(left) {
                    watched.see(|shown| shown.update(now, target, &update));
                }
                left = left.saturating_sub(times);
            }
            _ => {
                let message = control::StatusResponse::decode(script.bytes());
                let Ok(message) = message else { continue };
                let update = StatusUpdate::from_pb(message);
                watched.see(|shown| shown.update(now, target, &update));
                left -= 1;
            }
        }
    }
    watched.see(|shown| shown.finish(now));
}

/// A display, and what it may write.
struct Watched {
    shown: Shown,
    rule: Rule,
    /// How many lines the painter may go back.
    lines: usize,
}

#[derive(Clone, Copy)]
enum Rule {
    Plain { colours: bool },
    Picture { width: usize, colours: bool },
    Json,
}

impl Watched {
    fn new(script: &mut Script<'_>) -> Self {
        let shape = script.byte();
        let colours = shape & 0x80 != 0;
        let (shown, rule) = match shape % 4 {
            0 | 1 => (Shown::plain(colours), Rule::Plain { colours }),
            2 => {
                let (width, height) = (script.byte().into(), script.byte().into());
                (Shown::terminal(width, height, colours), Rule::Picture { width, colours })
            }
            _ => (Shown::rawjson(), Rule::Json),
        };
        Self { shown, rule, lines: 0 }
    }

    fn see(&mut self, step: impl FnOnce(&mut Shown) -> Vec<u8>) {
        let text = String::from_utf8(step(&mut self.shown)).expect("text");
        match self.rule {
            Rule::Plain { colours } => {
                for line in text.lines() {
                    let without = if colours { without_colours(line) } else { line.to_owned() };
                    is_harmless(&without, "\t", &text);
                    assert!(without == *line || line.ends_with("\x1b[0m"), "colours run on: {line:?}");
                }
                assert!(text.is_empty() || text.ends_with('\n'), "a line is not ended: {text:?}");
            }
            Rule::Picture { width, colours } => self.picture(&text, width, colours),
            Rule::Json => {
                for line in text.lines() {
                    is_harmless(line, "", &text);
                    let value: serde_json::Value = serde_json::from_str(line).expect("a line of JSON");
                    assert!(value.is_object());
                }
            }
        }
    }

    /// Follows the cursor through what was drawn.
    fn picture(&mut self, text: &str, width: usize, colours: bool) {
        let mut rest = text;
        if let Some((lines, behind)) = rest
            .strip_prefix("\x1b[")
            .and_then(|behind| behind.split_once('F'))
            .filter(|(n, _)| is_number(n))
        {
            assert_eq!(lines.parse(), Ok(self.lines), "a drawing begins where the last one did");
            self.lines = 0;
            rest = behind;
        }
        if let Some(behind) = rest.strip_prefix("\x1b[J") {
            rest = behind;
        }
        for line in rest.split_inclusive('\n') {
            if line == "\x1b[J" {
                continue;
            }
            let line = line.strip_suffix('\n').expect("every line is ended");
            let Some(line) = line.strip_suffix("\x1b[K") else {
                // A note of the caller's stays above the picture.
                assert_eq!(self.lines, 0, "a note stands above the picture: {text:?}");
                is_harmless(line, "", text);
                continue;
            };
            let line = if colours { without_colours(line) } else { line.to_owned() };
            is_harmless(&line, "", text);
            let columns: usize = line.chars().map(|c| c.width().unwrap_or(0)).sum();
            assert!(columns <= width.saturating_sub(1), "{columns} of {width} columns: {line:?}");
            self.lines += 1;
        }
    }
}

fn is_harmless(line: &str, but: &str, text: &str) {
    let bad = line.chars().find(|c| c.is_control() && !but.contains(*c));
    assert_eq!(bad, None, "a control character is written: {text:?}");
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The line without well-formed sequences that set colours; others stay.
fn without_colours(line: &str) -> String {
    let mut pieces = line.split("\x1b[");
    let mut plain = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        match piece.split_once('m') {
            Some((numbers, behind)) if numbers.bytes().all(|b| b.is_ascii_digit() || b";:".contains(&b)) => {
                plain.push_str(behind);
            }
            _ => {
                plain.push_str("\x1b[");
                plain.push_str(piece);
            }
        }
    }
    plain
}
