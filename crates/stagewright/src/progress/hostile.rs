//! Streams that a good daemon would not send.

use std::io::{self, ErrorKind, Read as _, Write};
use std::thread;
use std::time::Duration;

use buildkit_client::StatusUpdate;
use buildkit_client::status::{ProgressGroup, Vertex, VertexLog, VertexWarning};
use buildkit_gateway::errdefs::SourceInfo;
use bytes::Bytes;
use jiff::Timestamp;

use super::state::State;
use super::told::{at, ended, item, log, running, update, vertex};
use super::{Display, Mode, Options, Screen};

const NOW: Duration = Duration::from_secs(1);

#[test]
fn bounded_memory_of_what_is_remembered() {
    let mut state = State::default();
    state.apply(NOW, "app", &update(&[vertex("aa", "a", running(1))], &[]));
    let data = Bytes::from(vec![b'x'; 1 << 20]);
    let endless = VertexLog { data, ..log("aa", 1, b"") };
    let endless = update(&[], &[endless]);
    for _ in 0..8 {
        state.apply(NOW, "app", &endless);
    }
    let kept: usize = state.steps()[0].tail().iter().map(String::len).sum();
    assert!(kept < 64 * 1024, "{kept}");
    for index in 0..5000 {
        let statuses = vec![item("aa", &format!("layer {index}"), 1, 0, 1)];
        state.apply(NOW, "app", &StatusUpdate { statuses, ..StatusUpdate::default() });
    }
    assert_eq!(state.steps()[0].items().len(), 1000);
}

#[test]
fn hostile_stream_makes_nothing_panic() {
    let times = [None, Some(Timestamp::MIN), Some(at(0)), Some(at(5)), Some(Timestamp::MAX)];
    let names = ["", "a", "\u{9b}2J\n", "exporting to image"];
    let mut state = State::default();
    for (index, started) in times.iter().enumerate() {
        for (turn, completed) in times.iter().rev().enumerate() {
            let told = Vertex {
                digest: names[turn % 4].to_owned(),
                name: names[index % 4].to_owned(),
                inputs: vec!["unknown".to_owned(); index % 2],
                started: *started,
                completed: *completed,
                cached: turn % 2 == 0,
                error: names[(index + turn) % 4].to_owned(),
                progress_group: (index % 3 == 0).then(ProgressGroup::default),
            };
            let mut told = update(&[told.clone(), told], &[]);
            for digest in ["", "a", "never seen", names[turn % 4]] {
                let output = Bytes::from_static(b"\xff\x1b[2J\r\n\xe2\x82");
                told.logs.push(VertexLog {
                    stream: -7,
                    data: output,
                    timestamp: *completed,
                    vertex: digest.to_owned(),
                });
                told.statuses.push(item(digest, "", index as i64, i64::MIN, i64::MAX));
            }
            state.apply(NOW * (10 - index as u32), names[turn % 4], &told);
        }
    }
    state.finish(Duration::ZERO);
    for step in state.steps() {
        step.elapsed(Duration::MAX);
        assert!(!step.name().chars().any(char::is_control));
        assert!(!step.tail().join("").contains('\x1b'));
    }
}

/// The modes that show something.
fn modes() -> [Options; 3] {
    let screen = Screen { width: 60, height: 20 };
    [
        Options { mode: Mode::Plain, terminal: None, colours: true },
        Options { mode: Mode::Auto, terminal: Some(screen), colours: true },
        Options { mode: Mode::RawJson, ..Options::default() },
    ]
}

/// Takes everything, and knows how much that was and how much came at once.
#[derive(Default)]
struct Counted {
    all: usize,
    largest: usize,
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.all += bytes.len();
        self.largest = self.largest.max(bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Shows messages of so many equal bytes as plain lines, and gives how much was written.
fn endless(byte: u8, length: usize, messages: usize) -> usize {
    let data = Bytes::from(vec![byte; length]);
    let endless = update(&[], &[VertexLog { data, ..log("aa", 1, b"") }]);
    let mut display = Display::new(modes()[0], Counted::default());
    display
        .update(NOW, "app", &update(&[vertex("aa", "a", running(1))], &[]))
        .unwrap();
    for _ in 0..messages {
        display.update(NOW, "app", &endless).unwrap();
        // What is put together at once is what takes memory, beside what the state remembers.
        let largest = display.outlet.writer().largest;
        assert!(largest < 1 << 20, "{largest} bytes at once");
        let kept: usize = display.state().steps()[0].tail().iter().map(String::len).sum();
        assert!(kept < 64 * 1024, "{kept}");
    }
    display.finish(NOW).unwrap();
    display.outlet.writer().all
}

#[test]
fn bounded_memory_of_output_without_a_newline() {
    // 320 MB where that does not take minutes.
    let messages = if cfg!(debug_assertions) { 4 } else { 160 };
    let written = endless(b'x', 2 << 20, messages);
    assert!(written > messages * (2 << 20), "nothing of it is lost");
}

#[test]
fn bounded_memory_of_many_empty_lines_in_one_message() {
    let length = if cfg!(debug_assertions) { 256 << 10 } else { 16 << 20 };
    let written = endless(b'\n', length, 1);
    assert!(written > length * "#1 0.000 \n".len(), "nothing of it is lost");
}

#[test]
fn bounded_memory_of_output_of_vertices_without_end() {
    let mut state = State::default();
    let mut shown = 0;
    for index in 0..5000 {
        let told = update(&[], &[log(&format!("sha256:{index}"), 1, b"a line\n")]);
        let events = state.apply(NOW, "app", &told);
        shown += events
            .iter()
            .filter(|event| matches!(event, super::state::Event::Line(..)))
            .count();
    }
    assert_eq!((state.steps().len(), shown), (1001, 5000));
    let long = "n".repeat(1 << 20);
    let statuses = vec![item("sha256:1", &long, 1, 0, 1)];
    state.apply(NOW, "app", &StatusUpdate { statuses, ..update(&[vertex("aa", &long, running(1))], &[]) });
    let names = state.steps().iter().map(|step| step.name().len());
    assert!(names.max().unwrap() < 16 * 1024);
    assert!(state.steps()[1].items()[0].name.len() < 2048);
}

#[test]
fn bounded_memory_of_groups_without_end() {
    let mut state = State::default();
    let group = |id: String| Vertex {
        progress_group: Some(ProgressGroup { id, ..ProgressGroup::default() }),
        ..vertex("aa", "a", running(1))
    };
    for thousand in 0..102 {
        let told: Vec<_> = (0..1000).map(|index| group(format!("{thousand} {index}"))).collect();
        state.begin(NOW, "app", &update(&told, &[]));
    }
    assert_eq!(state.steps().len(), 100_000);
    let long = "d".repeat(1000);
    let mut other = State::default();
    other.apply(NOW, "app", &update(&[vertex(&long, "a", running(1))], &[log(&long, 1, b"line\n")]));
    assert_eq!(other.steps().len(), 1, "its output is shown under no name of its own");
    assert!(other.steps()[0].name().len() < 100);
}

#[test]
fn terminal_safety_in_every_mode() {
    let evil = "\x1b[2J\x1b[H\x1b]0;title\x07\u{9b}2J\u{90}x\u{9c}\x1bc\x07\x08\x7f\x1b[31mred\r\x0b";
    let failed = Vertex { error: evil.to_owned(), ..vertex(evil, evil, ended(1, 2)) };
    let mut told = update(&[vertex("aa", evil, running(1)), failed], &[log("aa", 1, evil.as_bytes())]);
    told.statuses.push(item("aa", evil, 1, 1, 2));
    told.warnings.push(VertexWarning {
        vertex: "aa".to_owned(),
        short: evil.into(),
        detail: vec![evil.into()],
        url: evil.to_owned(),
        source_info: Some(SourceInfo { filename: evil.to_owned(), ..SourceInfo::default() }),
        ..VertexWarning::default()
    });
    for options in modes() {
        let mut written = Vec::new();
        let mut display = Display::new(options, &mut written);
        display.update(NOW, evil, &told).unwrap();
        display.note(NOW, evil).unwrap();
        display.tick(NOW * 10).unwrap();
        display.finish(NOW * 20).unwrap();
        let mut text = String::from_utf8(written).unwrap();
        // A picture is drawn with these three alone.
        for lines in 0..30 {
            text = text.replace(&format!("\x1b[{lines}F"), "");
        }
        text = text.replace("\x1b[K", "").replace("\x1b[J", "");
        for colour in ["0", "2", "31", "33", "34"] {
            text = text.replace(&format!("\x1b[{colour}m"), "");
        }
        let bad = text.chars().find(|c| c.is_control() && *c != '\n');
        assert_eq!(bad, None, "{options:?}: {text:?}");
    }
}

#[test]
fn no_lost_lines_when_the_reader_is_slow() {
    const LINES: usize = 20_000;
    let (mut reader, writer) = io::pipe().unwrap();
    let reading = thread::spawn(move || {
        let (mut text, mut piece) = (Vec::new(), [0; 16 * 1024]);
        loop {
            thread::sleep(Duration::from_millis(1));
            match reader.read(&mut piece).unwrap() {
                0 => return String::from_utf8(text).unwrap(),
                read => text.extend(&piece[..read]),
            }
        }
    });
    // A pipe that does not block, as a terminal's may be.
    let flags = rustix::fs::fcntl_getfl(&writer).unwrap();
    rustix::fs::fcntl_setfl(&writer, flags | rustix::fs::OFlags::NONBLOCK).unwrap();
    let mut display = Display::new(Options { mode: Mode::Plain, ..Options::default() }, writer);
    display
        .update(NOW, "app", &update(&[vertex("aa", "loud", running(1))], &[]))
        .unwrap();
    for line in 0..LINES {
        let told = update(&[], &[log("aa", 1, format!("line {line}\n").as_bytes())]);
        display.update(NOW, "app", &told).unwrap();
    }
    display.finish(NOW).unwrap();
    drop(display);
    let text = reading.join().unwrap();
    let lines = text.lines().filter(|line| line.contains(" line "));
    for (index, line) in lines.clone().enumerate() {
        assert!(line.ends_with(&format!(" line {index}")), "{index}: {line}");
    }
    assert_eq!(lines.count(), LINES);
}

#[test]
fn a_closed_pipe_ends_quietly() {
    for options in modes() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let mut display = Display::new(options, writer);
        let begun = update(&[vertex("aa", "a", running(1))], &[log("aa", 1, b"line\n")]);
        assert_eq!(display.update(NOW, "app", &begun).unwrap_err().kind(), ErrorKind::BrokenPipe);
        for second in 2..5 {
            display.update(NOW * second, "app", &begun).unwrap();
            display.tick(NOW * second).unwrap();
            display.note(NOW * second, "note").unwrap();
        }
        display
            .update(NOW * 6, "app", &update(&[vertex("aa", "a", ended(1, 2))], &[]))
            .unwrap();
        display.finish(NOW * 7).unwrap();
        assert_eq!(
            *display.state().steps()[0].phase(),
            super::Phase::Done,
            "the build is followed to its end"
        );
    }
}
