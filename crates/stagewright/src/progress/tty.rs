//! Progress on a terminal: a picture of all steps that is drawn anew.
//!
//! A drawing goes back to the first line of the one before and writes over it. No line is wider than the terminal
//! and no picture taller, or that way back would be wrong; what does not fit is the oldest that has ended. The
//! last drawing has every step and stays.

use std::fmt::Write as _;
use std::time::Duration;

use anstyle::{AnsiColor, Style};

use super::plain::item_text;
use super::sanitize;
use super::state::State;
use super::step::Step;
use super::units::{columns, seconds, truncate};
use super::view::Phase;
use super::warning;

/// The time between two drawings.
const BETWEEN_DRAWINGS: Duration = Duration::from_millis(100);

/// How many lines of a running step's output are shown.
const LOG_LINES: usize = 6;

/// How many of a step's items are shown, the newest.
const MOST_ITEMS: usize = 10;

const DONE: Style = AnsiColor::Blue.on_default();
const FAILED: Style = AnsiColor::Red.on_default();
const WARNED: Style = AnsiColor::Yellow.on_default();
const FAINT: Style = Style::new().dimmed();

/// The size of a terminal, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Screen {
    /// Columns.
    pub(crate) width: usize,
    /// Lines.
    pub(crate) height: usize,
}

/// The painter of pictures.
#[derive(Debug)]
pub(super) struct Tty {
    screen: Screen,
    colours: bool,
    /// How many lines the last drawing has.
    drawn: usize,
    drawn_at: Option<Duration>,
}

/// A line of a picture.
struct Row {
    text: String,
    style: Style,
    /// May be left out for want of room, sooner if higher: a step that has ended, then output, then the rest.
    spare: u8,
}

impl Tty {
    pub(super) fn new(screen: Screen, colours: bool) -> Self {
        Self { screen, colours, drawn: 0, drawn_at: None }
    }

    pub(super) fn resize(&mut self, screen: Screen) {
        self.screen = screen;
    }

    /// Gives the next drawing, or nothing if the last one is still new.
    pub(super) fn paint(&mut self, now: Duration, state: &State) -> String {
        if self.drawn_at.is_some_and(|last| now.saturating_sub(last) < BETWEEN_DRAWINGS) {
            return String::new();
        }
        self.drawn_at = Some(now);
        let mut rows: Vec<Row> = in_order(state).flat_map(|step| self.rows(step, now, true)).collect();
        leave_out(&mut rows, self.screen.height.saturating_sub(2));
        self.draw(&header(state, now, false), &rows)
    }

    /// Gives a line that stays above the picture, and the next drawing.
    pub(super) fn note(&mut self, now: Duration, state: &State, line: &str) -> String {
        let mut out = String::new();
        if self.drawn > 0 {
            // Writing to a string does not fail.
            let _ = write!(out, "\x1b[{}F\x1b[J", self.drawn);
        }
        out.push_str(line);
        self.drawn = 0;
        self.drawn_at = None;
        out + &self.paint(now, state)
    }

    /// Gives the last drawing.
    pub(super) fn finish(&mut self, now: Duration, state: &State) -> String {
        let mut rows: Vec<Row> = in_order(state).flat_map(|step| self.rows(step, now, false)).collect();
        rows.extend(warning::lines(state.warnings()).iter().map(|line| Row {
            text: truncate(line, self.width()),
            style: WARNED,
            spare: 0,
        }));
        self.draw(&header(state, now, true), &rows)
    }

    fn draw(&mut self, header: &str, rows: &[Row]) -> String {
        let mut out = String::new();
        // Writing to a string does not fail.
        if self.drawn > 0 {
            let _ = write!(out, "\x1b[{}F", self.drawn);
        }
        // Each line is erased behind its text and what is below at the end, so that nothing flickers.
        let _ = writeln!(out, "{}\x1b[K", truncate(header, self.width()));
        for Row { text, style, .. } in rows {
            let style = if self.colours { *style } else { Style::new() };
            let _ = writeln!(out, "{style}{text}{style:#}\x1b[K");
        }
        out.push_str("\x1b[J");
        self.drawn = rows.len() + 1;
        out
    }

    /// The widest line: one column stays free, or terminals begin another line.
    fn width(&self) -> usize {
        self.screen.width.saturating_sub(1)
    }

    /// A step with its items and the end of its output.
    fn rows(&self, step: &Step, now: Duration, live: bool) -> Vec<Row> {
        let (prefix, style) = match step.phase() {
            Phase::Cached => ("CACHED ", DONE),
            Phase::Failed(_) => ("ERROR ", FAILED),
            Phase::Cancelled => ("CANCELED ", WARNED),
            Phase::Done => ("", DONE),
            Phase::Waiting | Phase::Running => ("", Style::new()),
        };
        let is_running = *step.phase() == Phase::Running;
        let name = format!(" => {prefix}{}", step.name());
        let text = with_time(&name, step.elapsed(now), self.width());
        let mut rows = vec![Row { text, style, spare: if is_running { 0 } else { 2 } }];
        if !is_running {
            return rows;
        }
        let open = step.items().iter().filter(|item| !item.completed);
        let mut items: Vec<_> = open.rev().take(MOST_ITEMS).collect();
        items.reverse();
        for item in items {
            let text = truncate(&format!(" => => {}", item_text(item)), self.width());
            rows.push(Row { text, style: Style::new(), spare: 1 });
        }
        if live {
            let tail = step.tail();
            for line in &tail[tail.len().saturating_sub(LOG_LINES)..] {
                let text = truncate(&format!(" => => # {}", sanitize::without_colours(line)), self.width());
                rows.push(Row { text, style: FAINT, spare: 1 });
            }
        }
        rows
    }
}

/// The steps that have a number, in its order.
fn in_order(state: &State) -> impl Iterator<Item = &Step> {
    let mut steps: Vec<&Step> = state.steps().iter().filter(|step| step.number().is_some()).collect();
    steps.sort_by_key(|step| step.number());
    steps.into_iter()
}

fn header(state: &State, now: Duration, finished: bool) -> String {
    let ended = state
        .steps()
        .iter()
        .filter(|step| !matches!(step.phase(), Phase::Waiting | Phase::Running));
    let end = if finished { " FINISHED" } else { "" };
    format!("[+] Building {} ({}/{}){end}", seconds(now), ended.count(), state.steps().len())
}

/// A text with a time at the right edge.
fn with_time(text: &str, time: Duration, width: usize) -> String {
    let time = seconds(time);
    let room = width.saturating_sub(time.len() + 1);
    let text = truncate(text, room);
    let gap = room - columns(&text) + 1;
    truncate(&format!("{text}{:gap$}{time}", ""), width)
}

/// Leaves out rows, the oldest of the most spare first, until no more than `height` are left.
fn leave_out(rows: &mut Vec<Row>, height: usize) {
    for spare in [2, 1, 0] {
        let mut excess = rows.len().saturating_sub(height);
        rows.retain(|row| {
            let leaves = excess > 0 && row.spare == spare;
            excess -= usize::from(leaves);
            !leaves
        });
    }
}

#[cfg(test)]
mod tests {
    use buildkit_client::StatusUpdate;
    use buildkit_client::status::VertexWarning;
    use bytes::Bytes;
    use expect_test::{Expect, expect};

    use super::super::told::{cached, ended, failed, item, log, running, update, vertex, waiting};
    use super::*;

    const SCREEN: Screen = Screen { width: 48, height: 24 };

    fn state() -> State {
        let mut state = State::default();
        let told = update(
            &[
                vertex("aa", "[base] FROM docker.io/library/node:18-slim@sha256:0123456789", cached(0)),
                vertex("bb", "[build 1/2] RUN npm ci", ended(0, 12)),
                vertex("cc", "[build 2/2] RUN npm test", failed(12, "exit code: 1")),
                vertex("dd", "[lint] RUN npm run lint", running(12)),
                vertex("ee", "[internal] load context", running(12)),
                vertex("ff", "exporting to image", waiting()),
            ],
            &[log(
                "dd",
                13,
                b"one\ntwo\n\x1b[31mthree\x1b[2J is red\n4\n5\n6\n7 \x07and a long line that does not fit",
            )],
        );
        state.apply(Duration::from_secs(12), "app", &told);
        let statuses =
            vec![item("ee", "transferring context:", 13, 1200, 0), item("ee", "sha256:aa", 13, 5, 5)];
        state.apply(Duration::from_secs(13), "app", &StatusUpdate { statuses, ..StatusUpdate::default() });
        state
    }

    /// A drawing with what erases made visible.
    fn check(drawing: &str, expected: &Expect) {
        expected.assert_eq(&drawing.replace("\x1b[K\n", "|\n").replace('\x1b', "ESC"));
    }

    #[test]
    fn a_picture() {
        check(
            &Tty::new(SCREEN, false).paint(Duration::from_secs(14), &state()),
            &expect![[r#"
            [+] Building 14.0s (3/6)|
             => CACHED [base] FROM docker.io/library/… 0.0s|
             => [build 1/2] RUN npm ci                12.0s|
             => ERROR [build 2/2] RUN npm test         1.0s|
             => [lint] RUN npm run lint                2.0s|
             => => # two|
             => => # three is red|
             => => # 4|
             => => # 5|
             => => # 6|
             => => # 7 and a long line that does not fit|
             => [internal] load context                2.0s|
             => => transferring context: 1.20kB 13.0s|
            ESC[J"#]],
        );
    }

    #[test]
    fn a_drawing_goes_over_the_one_before_when_it_is_time() {
        let mut tty = Tty::new(SCREEN, false);
        let mut state = State::default();
        state.apply(Duration::ZERO, "app", &update(&[vertex("aa", "build", running(1))], &[]));
        let millis = Duration::from_millis;
        check(
            &tty.paint(millis(0), &state),
            &expect![[r#"
            [+] Building 0.0s (0/1)|
             => build                                  0.0s|
            ESC[J"#]],
        );
        assert_eq!(tty.paint(millis(99), &state), "");
        check(
            &tty.paint(millis(100), &state),
            &expect![[r#"
            ESC[2F[+] Building 0.1s (0/1)|
             => build                                  0.1s|
            ESC[J"#]],
        );
        check(
            &tty.note(millis(105), &state, "note: a socket is left out\n"),
            &expect![[r#"
            ESC[2FESC[Jnote: a socket is left out
            [+] Building 0.1s (0/1)|
             => build                                  0.1s|
            ESC[J"#]],
        );
        let warning = VertexWarning { short: Bytes::from_static(b"slow disk"), ..Default::default() };
        let told =
            StatusUpdate { warnings: vec![warning], ..update(&[vertex("aa", "build", ended(1, 2))], &[]) };
        state.apply(millis(110), "app", &told);
        check(
            &tty.finish(millis(110), &state),
            &expect![[r#"
                ESC[2F[+] Building 0.1s (1/1) FINISHED|
                 => build                                  1.0s|
                1 warning:|
                 - slow disk|
                ESC[J"#]],
        );
    }

    #[test]
    fn a_low_terminal_shows_what_runs() {
        let low =
            |height| Tty::new(Screen { height, ..SCREEN }, false).paint(Duration::from_secs(14), &state());
        check(
            &low(7),
            &expect![[r#"
            [+] Building 14.0s (3/6)|
             => [lint] RUN npm run lint                2.0s|
             => => # 6|
             => => # 7 and a long line that does not fit|
             => [internal] load context                2.0s|
             => => transferring context: 1.20kB 13.0s|
            ESC[J"#]],
        );
        assert_eq!(low(0).lines().count(), 2);
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for width in 0..60 {
            let drawing =
                Tty::new(Screen { width, height: 24 }, false).paint(Duration::from_secs(14), &state());
            for line in drawing.trim_end_matches("\x1b[J").lines() {
                let text = line.trim_end_matches("\x1b[K");
                assert!(
                    columns(text) <= width.saturating_sub(1) && !text.contains('\x1b'),
                    "{width}: {text:?}"
                );
            }
        }
    }

    #[test]
    fn colours_if_asked() {
        let drawing = Tty::new(SCREEN, true).finish(Duration::from_secs(14), &state());
        let line = drawing.lines().find(|line| line.contains("ERROR")).unwrap();
        assert!(line.starts_with("\x1b[31m => ERROR") && line.ends_with("\x1b[0m\x1b[K"), "{line:?}");
    }
}
