//! Child processes that end when the task is interrupted.
//!
//! Each child is the leader of a process group of its own. Ctrl-C and SIGTERM reach this process
//! alone, which hands them on to the group: so a task can still stop its servers afterwards.

use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::signal::unix::{SignalKind, signal};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// The process group in the foreground. It is taken out before the child is reaped, so that no
/// signal reaches another process that was given the same id.
static FOREGROUND: Mutex<Option<Pid>> = Mutex::new(None);

/// From here on Ctrl-C and SIGTERM end the running child and make the next one refuse to start.
pub(crate) fn watch_interrupts() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let (mut interrupt, mut terminate) = {
        let _inside = runtime.enter();
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
    };
    thread::spawn(move || {
        runtime.block_on(async {
            loop {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                INTERRUPTED.store(true, Ordering::SeqCst);
                if let Some(group) = *foreground() {
                    // Gone already is as good as stopped.
                    let _ = kill_process_group(group, Signal::TERM);
                }
            }
        });
    });
    Ok(())
}

/// Whether the user has asked to stop.
pub(crate) fn is_interrupted() -> bool {
    INTERRUPTED.load(Ordering::SeqCst)
}

/// Fails once the user has asked to stop.
pub(crate) fn check_interrupt() -> Result<()> {
    if is_interrupted() {
        bail!("interrupted");
    }
    Ok(())
}

/// Runs a command to its end, its output going where this process's goes.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    command.stdin(Stdio::null());
    let mut child = start(command)?;
    finish(command, &mut child)
}

/// Runs a command to its end and returns what it wrote to stdout.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = start(command)?;
    let mut text = String::new();
    let read = child
        .stdout
        .take()
        .context("the child has no stdout")?
        .read_to_string(&mut text);
    finish(command, &mut child)?;
    read.with_context(|| format!("cannot read the output of {}", line(command)))?;
    Ok(text)
}

/// Runs a command to its end, handing on each line that it writes to stdout and stderr, in the
/// order of their writing.
pub(crate) fn run_lines(command: &mut Command, mut each: impl FnMut(&str)) -> Result<()> {
    let (reader, writer) = std::io::pipe().context("cannot create a pipe")?;
    command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
    let mut child = start(command)?;
    // The command keeps both ends for writing: without them the pipe ends with the child.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut reader = BufReader::new(reader);
    let mut bytes = Vec::new();
    while reader.read_until(b'\n', &mut bytes)? > 0 {
        each(String::from_utf8_lossy(&bytes).trim_end_matches('\n'));
        bytes.clear();
    }
    finish(command, &mut child)
}

/// Starts a command as the group in the foreground; [`finish`] must follow.
pub(crate) fn start(command: &mut Command) -> Result<Child> {
    check_interrupt()?;
    let child = command
        .process_group(0)
        .spawn()
        .with_context(|| format!("cannot run {}", line(command)))?;
    *foreground() = Some(Pid::from_child(&child));
    // A signal that came between the check and the store would have found no group.
    if is_interrupted() {
        let _ = kill_process_group(Pid::from_child(&child), Signal::TERM);
    }
    Ok(child)
}

/// Waits for a command that [`start`] gave; anything but success is an error.
pub(crate) fn finish(command: &Command, child: &mut Child) -> Result<()> {
    let ended = waitid(WaitId::Pid(Pid::from_child(child)), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
    *foreground() = None;
    let status = ended.map_err(Into::into).and_then(|_| child.wait());
    check_interrupt()?;
    let status = status.with_context(|| format!("cannot wait for {}", line(command)))?;
    if !status.success() {
        bail!("{} failed: {status}", line(command));
    }
    Ok(())
}

/// A command as a person would type it.
fn line(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    words.extend(command.get_args().map(|word| word.to_string_lossy().into_owned()));
    format!("`{}`", words.join(" "))
}

fn foreground() -> std::sync::MutexGuard<'static, Option<Pid>> {
    FOREGROUND.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_both_streams_come_in_order() {
        let mut seen = Vec::new();
        run_lines(Command::new("sh").args(["-c", "echo one; echo two >&2; echo three"]), |line| {
            seen.push(line.to_owned());
        })
        .unwrap();
        assert_eq!(seen, ["one", "two", "three"]);
    }

    #[test]
    fn a_failure_names_the_command() {
        let error = run(Command::new("sh").args(["-c", "exit 3"])).unwrap_err();
        assert_eq!(error.to_string(), "`sh -c exit 3` failed: exit status: 3");
    }
}
