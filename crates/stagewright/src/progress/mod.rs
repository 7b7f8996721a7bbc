//! What a build does, shown while it does it.
//!
//! [`State`] folds the status streams of all products into one view; it owns no clock and no terminal. Painters
//! turn it into text: a picture that is drawn anew ([`Mode::Auto`] on a terminal), plain lines, or JSON. A
//! [`Display`] joins the two and writes. What builds print is filtered before it is shown (`sanitize`).

// What comes in.
mod lines;
mod sanitize;
mod state;
mod step;
mod view;
mod warning;

// What goes out.
mod outlet;
mod plain;
mod rawjson;
mod tty;
mod units;

#[cfg(test)]
mod hostile;
#[cfg(test)]
pub(crate) mod told;

use std::io::{self, Write};
use std::time::Duration;

use buildkit_client::StatusUpdate;
use buildkit_client::status::VertexLog;

use outlet::Outlet;
use plain::Plain;
use state::Said;
use tty::Tty;

pub(crate) use sanitize::{name as safe_name, text as safe_text, without_colours};
pub(crate) use state::State;
pub(crate) use step::Step;
pub(crate) use tty::Screen;
#[cfg(test)]
pub(crate) use view::Phase;

/// How much output is cut into lines at once, in bytes.
const PIECE: usize = 64 * 1024;

/// How progress is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Mode {
    /// A live picture on a terminal, else plain lines
    #[default]
    Auto,
    /// Plain lines
    Plain,
    /// A JSON object for each update, in BuildKit's shape
    #[value(name = "rawjson")]
    RawJson,
    /// Nothing
    Quiet,
}

/// How a display shows progress, and on what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// The mode that was asked for.
    pub(crate) mode: Mode,
    /// The size of the terminal that is written to, if it is one.
    pub(crate) terminal: Option<Screen>,
    /// Whether colours are wanted.
    pub(crate) colours: bool,
}

/// Progress, written as it comes.
///
/// Every `now` is the time since the build began, on a clock of the caller's that does not run backwards. After
/// a writer's first error, which is given to the caller once, nothing more is written, but the build is still
/// followed: a closed pipe is no reason for a build to stop.
#[derive(Debug)]
pub(crate) struct Display<W> {
    outlet: Outlet<W>,
    state: State,
    painter: Painter,
}

#[derive(Debug)]
enum Painter {
    Plain(Plain),
    Tty(Tty),
    RawJson,
    Quiet,
}

impl<W: Write> Display<W> {
    /// A display of a build that begins now.
    pub(crate) fn new(options: Options, writer: W) -> Self {
        let painter = match (options.mode, options.terminal) {
            (Mode::Auto, Some(screen)) => Painter::Tty(Tty::new(screen, options.colours)),
            (Mode::Auto | Mode::Plain, _) => Painter::Plain(Plain::new(options.colours)),
            (Mode::RawJson, _) => Painter::RawJson,
            (Mode::Quiet, _) => Painter::Quiet,
        };
        Self { outlet: Outlet::new(writer), state: State::default(), painter }
    }

    /// Takes an update of a target's stream.
    ///
    /// # Errors
    ///
    /// The writer's.
    pub(crate) fn update(&mut self, now: Duration, target: &str, update: &StatusUpdate) -> io::Result<()> {
        let mut written = Ok(());
        if let Painter::RawJson = self.painter {
            written = rawjson::line(update)
                .map_err(Into::into)
                .and_then(|line| self.outlet.write(line.as_bytes()));
        }
        // Output is painted a piece at a time: as lines it may take many times its bytes.
        let Said { mut events, touched } = self.state.begin(now, target, update);
        let mut taken = 0;
        for log in &update.logs {
            for at in (0..log.data.len()).step_by(PIECE) {
                let data = log.data.slice(at..log.data.len().min(at + PIECE));
                let piece = VertexLog { data, vertex: log.vertex.clone(), ..*log };
                self.state.output(now, target, &piece, &mut events);
                taken += piece.data.len();
                if taken >= PIECE {
                    taken = 0;
                    written = written.and(self.paint(now, &events));
                    events.clear();
                }
            }
        }
        self.state.close_update(now, target, update, touched, &mut events);
        written.and(self.paint(now, &events))
    }

    /// Shows that time goes by. To be called every 100 ms or so.
    ///
    /// # Errors
    ///
    /// The writer's.
    pub(crate) fn tick(&mut self, now: Duration) -> io::Result<()> {
        let events = self.state.resting(now);
        self.paint(now, &events)
    }

    /// Takes that a target's stream has ended. What it left open counts as cancelled for that target.
    ///
    /// # Errors
    ///
    /// The writer's.
    pub(crate) fn ended(&mut self, now: Duration, target: &str) -> io::Result<()> {
        let events = self.state.end(now, target);
        self.paint(now, &events)
    }

    /// Writes a line of the caller's own among the progress. Where progress is for programs or not wanted it is
    /// left out.
    ///
    /// # Errors
    ///
    /// The writer's.
    pub(crate) fn note(&mut self, now: Duration, line: &str) -> io::Result<()> {
        let line = safe_name(line) + "\n";
        let text = match &mut self.painter {
            Painter::Plain(_) => line,
            Painter::Tty(tty) => tty.note(now, &self.state, &line),
            Painter::RawJson | Painter::Quiet => return Ok(()),
        };
        self.outlet.write(text.as_bytes())
    }

    /// Writes what waits, and the final state. All streams have ended.
    ///
    /// # Errors
    ///
    /// The writer's.
    pub(crate) fn finish(&mut self, now: Duration) -> io::Result<()> {
        let events = self.state.finish(now);
        let text = match &mut self.painter {
            Painter::Plain(plain) => plain.finish(now, &self.state, &events),
            Painter::Tty(tty) => tty.finish(now, &self.state),
            Painter::RawJson | Painter::Quiet => String::new(),
        };
        self.outlet.write(text.as_bytes())
    }

    /// Follows the build from now on without a word to people: the terminal is somebody else's. Gives whether notes were
    /// shown until now.
    pub(crate) fn hush(&mut self) -> bool {
        let shows_notes = matches!(self.painter, Painter::Plain(_) | Painter::Tty(_));
        if shows_notes {
            self.painter = Painter::Quiet;
        }
        shows_notes
    }

    /// Takes a new size of the terminal.
    pub(crate) fn resize(&mut self, screen: Screen) {
        if let Painter::Tty(tty) = &mut self.painter {
            tty.resize(screen);
        }
    }

    /// What is known of the build.
    pub(crate) fn state(&self) -> &State {
        &self.state
    }

    fn paint(&mut self, now: Duration, events: &[state::Event]) -> io::Result<()> {
        let text = match &mut self.painter {
            Painter::Plain(plain) => plain.paint(now, &self.state, events),
            Painter::Tty(tty) => tty.paint(now, &self.state),
            Painter::RawJson | Painter::Quiet => return Ok(()),
        };
        self.outlet.write(text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use super::told::{ended, log, running, update, vertex};
    use super::*;

    /// Shows two updates and gives what was written.
    fn shown(options: Options) -> String {
        let mut written = Vec::new();
        let mut display = Display::new(options, &mut written);
        let second = Duration::from_secs(1);
        let begun = update(&[vertex("aa", "build", running(1))], &[log("aa", 2, b"\x1b[31mred\n")]);
        display.update(second, "app", &begun).unwrap();
        display.tick(2 * second).unwrap();
        display.note(2 * second, "note: a\x1b[2J socket is left out").unwrap();
        display
            .update(3 * second, "app", &update(&[vertex("aa", "build", ended(1, 3))], &[]))
            .unwrap();
        display.ended(3 * second, "app").unwrap();
        display.finish(3 * second).unwrap();
        assert_eq!(display.state().step("app", "aa").unwrap().name(), "build");
        String::from_utf8(written).unwrap()
    }

    #[test]
    fn modes() {
        let terminal = Some(Screen { width: 40, height: 10 });
        let options = |mode, terminal, colours| Options { mode, terminal, colours };
        let plain = "#1 build\n#1 1.000 red\nnote: a socket is left out\n#1 DONE 2.0s\n";
        assert_eq!(shown(options(Mode::Auto, None, false)), plain);
        assert_eq!(shown(options(Mode::Plain, terminal, false)), plain);
        assert_eq!(shown(options(Mode::Plain, terminal, true)), plain.replace("red", "\x1b[31mred\x1b[0m"));
        assert!(shown(options(Mode::Auto, terminal, false)).starts_with("[+] Building 1.0s (0/1)\x1b[K\n"));
        assert_eq!(shown(options(Mode::Quiet, terminal, true)), "");
        assert_eq!(
            shown(options(Mode::RawJson, terminal, true)),
            r#"{"vertexes":[{"digest":"aa","name":"build","started":"1970-01-01T00:00:01Z"}],"logs":[{"vertex":"aa","stream":1,"data":"G1szMW1yZWQK","timestamp":"1970-01-01T00:00:02Z"}]}
{"vertexes":[{"digest":"aa","name":"build","started":"1970-01-01T00:00:01Z","completed":"1970-01-01T00:00:03Z"}]}
"#
        );
    }

    #[test]
    fn a_closed_pipe_ends_the_writing_and_not_the_following() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut display = Display::new(Options { mode: Mode::Plain, ..Options::default() }, Closed);
        let begun = update(&[vertex("aa", "build", running(1))], &[]);
        let error = display.update(Duration::ZERO, "app", &begun).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        display
            .update(Duration::ZERO, "app", &update(&[vertex("aa", "build", ended(1, 2))], &[]))
            .unwrap();
        display.finish(Duration::ZERO).unwrap();
        assert_eq!(*display.state().step("app", "aa").unwrap().phase(), Phase::Done);
    }
}
