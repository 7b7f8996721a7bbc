//! What the standard error is.

use std::env;
use std::io::{self, IsTerminal as _};

use anstream::{AutoStream, ColorChoice};

use crate::diagnostics::Style;
use crate::progress::Screen;

/// How wide errors are where nobody says.
const WIDTH: usize = 100;

/// The size of the terminal, if it is one on which a picture can be drawn.
pub(super) fn screen() -> Option<Screen> {
    if !io::stderr().is_terminal() || env::var_os("TERM").is_some_and(|term| term == "dumb") {
        return None;
    }
    let size = rustix::termios::tcgetwinsize(io::stderr()).ok()?;
    // Some terminals do not say.
    (size.ws_col > 0 && size.ws_row > 0)
        .then(|| Screen { width: usize::from(size.ws_col), height: usize::from(size.ws_row) })
}

/// Whether colours are wanted, as `NO_COLOR`, `CLICOLOR`, `CLICOLOR_FORCE` and `TERM` say.
pub(super) fn colours() -> bool {
    AutoStream::choice(&io::stderr()) != ColorChoice::Never
}

/// How errors are written.
pub(super) fn style() -> Style {
    Style { colours: colours(), width: screen().map_or(WIDTH, |screen| screen.width) }
}
