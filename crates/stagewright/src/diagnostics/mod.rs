//! Errors as people read them: what is wrong, the lines of their program that it is about, what would be right.
//!
//! Everything here gives text and prints nothing.

mod failure;
mod problem;
mod source;

use annotate_snippets::Renderer;

pub(crate) use failure::{Failure, failures};
pub(crate) use problem::problems;

/// How an error is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Style {
    /// Whether colours are wanted.
    pub(crate) colours: bool,
    /// How many columns there are.
    pub(crate) width: usize,
}

impl Style {
    fn renderer(self) -> Renderer {
        let renderer = if self.colours { Renderer::styled() } else { Renderer::plain() };
        renderer.term_width(self.width)
    }
}
