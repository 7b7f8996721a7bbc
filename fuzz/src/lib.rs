//! What must hold for any bytes: the bodies of the fuzz targets.
//!
//! Each function takes bytes that nobody has checked, makes something of them, and panics if a promise is
//! broken. `cargo xtask fuzz` has a fuzzer look for such bytes; what it found once lies in `corpus/<target>/`,
//! with seeds that show it the way, and ordinary tests run through all of it. The programs around these
//! functions are in `targets/`.
//!
//! To add a target: a function here, a program of three lines there, seeds in `seeds`, and its name in
//! [`TARGETS`].

mod decode;
mod docker_config;
mod dockerignore;
mod frontend_options;
mod fsutil;
mod script;
mod stages_yaml;
mod status;

#[cfg(test)]
mod corpus;
#[cfg(test)]
mod seeds;

pub use decode::decode;
pub use docker_config::docker_config;
pub use dockerignore::dockerignore;
pub use frontend_options::{frontend_options, subrequests};
pub use fsutil::receive::fsutil_receive;
pub use fsutil::send::fsutil_send;
pub use stages_yaml::stages_yaml;
pub use status::status;

/// A target's function.
pub type Target = fn(&[u8]);

/// All targets by name, which is also the name of the program and of the directory of the corpus.
pub const TARGETS: [(&str, Target); 9] = [
    ("decode", decode),
    ("docker_config", docker_config),
    ("dockerignore", dockerignore),
    ("frontend_options", frontend_options),
    ("fsutil_send", fsutil_send),
    ("fsutil_receive", fsutil_receive),
    ("stages_yaml", stages_yaml),
    ("status", status),
    ("subrequests", subrequests),
];
