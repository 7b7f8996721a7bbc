//! Directory trees over a stream: fsutil's protocol, both ends of it.
//!
//! One side walks a tree and announces every entry; the other asks for the files that it wants and gets
//! their bytes; both say when they are done. BuildKit fetches build contexts this way (we send) and
//! exports directories (we receive).
//!
//! Read in this order: [`stat`] and [`packet`] are what is said, of the paths that
//! [`buildkit_patterns`] says are meant; [`root`] is how files are reached without leaving a directory; [`walk`] turns a
//! directory into entries; [`send`] and [`receive`] are the two ends as machines that own no socket, task
//! or clock; [`validate`] is the receiver's distrust; [`disk`] writes what was received,
//! [`place`] moves it to where it belongs, and [`partial`] knows what is under way.
//!
//! Facts from fsutil at 83cac42c1c52 (`send.go`, `receive.go`, `filter.go`, `validator.go`).

pub mod disk;
mod filter;
mod follow;
pub mod packet;
pub mod partial;
pub mod place;
pub mod receive;
pub mod root;
#[cfg(test)]
mod roundtrip;
pub mod send;
pub mod stat;
pub mod validate;
pub mod walk;

pub(crate) use buildkit_patterns::path::quoted;
