//! A build as it goes: shown until it ends, or until a shell is open in a step that failed.

use std::io;
use std::pin::pin;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::Receiver;
use tokio::time::{MissedTickBehavior, interval};

use super::interrupt::Interrupt;
use super::shell::{self, OnError};
use super::{tell, terminal};
use crate::builder::{Event, Halted, MissingReport, Report, Running};
use crate::diagnostics;
use crate::progress::{Display, Mode, Options, safe_name};

/// How often the display sees that time goes by.
const TICK: Duration = Duration::from_millis(100);

/// A build that was shown to its end.
pub(super) struct Followed {
    pub(super) report: Report,
    pub(super) display: Display<io::Stderr>,
    /// The target whose failure was told already.
    pub(super) told: Option<String>,
}

/// Shows the build until it ends.
pub(super) async fn follow(
    mut running: Running,
    mode: Mode,
    interrupt: &Interrupt,
    debugger: Option<(&OnError, Receiver<Halted>)>,
) -> Followed {
    let (on_error, mut halted) = debugger.unzip();
    let mut told = None;
    let terminal = terminal::screen();
    let options = Options { mode, terminal, colours: terminal::colours() };
    let mut display = Display::new(options, io::stderr());
    let begin = Instant::now();
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut cancelled = false;
    loop {
        // The display's writer fails once, and then is silent: the build goes on without it.
        let _ = tokio::select! {
            biased;
            _ = interrupt.came(), if !cancelled => {
                cancelled = true;
                running.cancel();
                Ok(())
            }
            event = running.next() => match event {
                None => break,
                Some(event) => show(&mut display, begin.elapsed(), &event),
            },
            Some(halted) = next_halted(&mut halted) => {
                let _ = display.finish(begin.elapsed());
                let Halted { target, gates, error, .. } = &halted;
                let failure = diagnostics::Failure { target, gates, error };
                tell(&diagnostics::failures(&[failure], display.state(), terminal::style()));
                told = Some(target.clone());
                if let Some(OnError::Shell(program)) = on_error {
                    look_into(halted, program, &mut running, interrupt, (&mut display, begin)).await;
                }
                break;
            }
            _ = ticks.tick() => {
                if let Some(screen) = terminal.and_then(|_| terminal::screen()) {
                    display.resize(screen);
                }
                display.tick(begin.elapsed())
            }
        };
    }
    interrupt.ended();
    if told.is_none() {
        let _ = display.finish(begin.elapsed());
    }
    Followed { report: running.finish().await, display, told }
}

fn show(display: &mut Display<io::Stderr>, now: Duration, event: &Event) -> io::Result<()> {
    match event {
        Event::Status { target, update } => display.update(now, target, update),
        Event::Ended(report) => display.ended(now, &report.target),
        event => note(event).map_or(Ok(()), |note| display.note(now, &note)),
    }
}

/// What is told of an event in a line of its own.
fn note(event: &Event) -> Option<String> {
    match event {
        Event::ContextSkipped { context, path } => {
            Some(format!("note: {path} of context `{context}` is left out: it cannot be sent"))
        }
        Event::ReportMissing { tester, report, reason } => Some(missing(tester, report, reason)),
        Event::Audited { target, audited } => Some(format!("audit of {target}: {audited}")),
        Event::Warning { text } => Some(format!("warning: {text}")),
        Event::Status { .. } | Event::Ended(_) | Event::Lowered { .. } | Event::ContextSent { .. } => None,
    }
}

/// Why a report is not there.
fn missing(tester: &str, report: &str, reason: &MissingReport) -> String {
    match reason {
        MissingReport::Absent => format!("note: tester {tester} left no report {report}"),
        MissingReport::NotRun => format!("note: tester {tester} did not run: there is no report {report}"),
        MissingReport::Leaks => {
            format!("warning: report {report} of tester {tester} is not written: a secret stands in it")
        }
        MissingReport::Unread(why) => format!("warning: report {report} of tester {tester} is lost: {why}"),
    }
}

/// The next step that the build halts at; none for ever, if nobody looks into it.
async fn next_halted(halted: &mut Option<Receiver<Halted>>) -> Option<Halted> {
    halted.as_mut()?.recv().await
}

/// Opens a shell where a step failed; then that target ends as it does, and all others are cancelled. What is told
/// meanwhile is kept until the terminal is back.
async fn look_into(
    halted: Halted,
    program: &str,
    running: &mut Running,
    interrupt: &Interrupt,
    (display, begin): (&mut Display<io::Stderr>, Instant),
) {
    tell(&format!("note: {program} in what the step left; when it ends, the build does\n"));
    let target = halted.target.clone();
    let shows_notes = display.hush();
    let mut notes = Vec::new();
    let opened = {
        let mut shell = pin!(shell::open(&halted, program));
        loop {
            tokio::select! {
                biased;
                _ = interrupt.came() => break None,
                opened = &mut shell => break Some(opened),
                // A build goes on only while it is asked for events.
                event = running.next() => match event {
                    None => break None,
                    Some(event) => {
                        notes.extend(note(&event));
                        let _ = show(display, begin.elapsed(), &event);
                    }
                },
            }
        }
    };
    if let Some(Err(error)) = opened {
        tell(&format!("warning: no shell: {error}\n"));
    }
    drop(halted);
    while let Some(event) = running.next().await {
        notes.extend(note(&event));
        let _ = show(display, begin.elapsed(), &event);
        if matches!(&event, Event::Ended(report) if report.target == target) {
            running.cancel();
        }
    }
    if !shows_notes {
        return;
    }
    tell(&notes.iter().map(|note| safe_name(note) + "\n").collect::<String>());
}
