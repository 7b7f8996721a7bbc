//! Which paths are meant: `.dockerignore`, includes and excludes, as moby matches them.
//!
//! ```
//! use buildkit_patterns::ignore;
//! use buildkit_patterns::pattern::{self, Matcher};
//!
//! let lines = ignore::parse(b"# what is made here\ntarget/\n!target/app\n").unwrap();
//! pattern::check(&lines).unwrap();
//! let ignored = Matcher::new(&lines).unwrap();
//! assert!(ignored.matches(b"target/debug/app"));
//! assert!(!ignored.matches(b"target/app"));
//! ```
//!
//! Read in this order: [`path`] is what paths are, [`pattern`] what a list of patterns means, [`gomatch`] Go's
//! `filepath.Match`, and [`ignore`] the file that lists them.

mod glob;
pub mod gomatch;
pub mod ignore;
pub mod path;
pub mod pattern;
