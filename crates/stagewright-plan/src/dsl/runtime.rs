//! How a container of an image runs.

use std::fmt;
use std::time::Duration;

use super::run::Argv;
use crate::plan::HealthcheckSpec;
use crate::problem::Problem;

/// A user and a group that own nothing.
pub const NONROOT: &str = "65532:65532";

/// So many seconds.
#[must_use]
pub const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// What asks a server, of what an image has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpTool {
    /// curl.
    Curl,
    /// wget, also busybox's.
    Wget,
    /// node, of version 18 or later.
    Node,
    /// python3.
    Python,
    /// bash, which needs no other program, but knows no https and follows no redirection.
    Bash,
}

impl HttpTool {
    /// The command that fails unless the server at this URL answers well.
    #[must_use]
    pub fn request(self, url: &str) -> Vec<String> {
        let words: &[&str] = match self {
            Self::Curl => &["curl", "--fail", "--silent", "--show-error", "--output", "/dev/null"],
            Self::Wget => &["wget", "-q", "-O", "/dev/null"],
            Self::Node => &["node", "-e", NODE_REQUEST],
            Self::Python => &["python3", "-c", PYTHON_REQUEST],
            Self::Bash => &["bash", "-c", BASH_REQUEST],
        };
        words.iter().chain([&url]).map(|word| (*word).to_owned()).collect()
    }
}

/// What no tool can do of a health check's test.
pub(crate) fn problem(test: &[String]) -> Option<Problem> {
    let [_, _, _, script, url] = test else { return None };
    let can_ask = script != BASH_REQUEST || url.starts_with("http://");
    let problem = || {
        Problem::new(format!("bash cannot ask {url:?}"))
            .help("bash knows URLs that begin with `http://`; for others take a tool that knows TLS")
    };
    (!can_ask).then(problem)
}

/// Exits with 1 unless the URL behind it answers well.
const NODE_REQUEST: &str =
    "fetch(process.argv[1]).then(r => process.exit(r.ok ? 0 : 1), () => process.exit(1))";
/// The same: what answers badly is an exception.
const PYTHON_REQUEST: &str = "import sys, urllib.request; urllib.request.urlopen(sys.argv[1])";
/// The same with bash's own sockets, at port 80 unless the URL has one: well is a first line with a status of 2xx.
const BASH_REQUEST: &str = r#"url=${0#http://}; host=${url%%[/?]*}; path=${url:${#host}}
[[ $host == *:* ]] || host+=:80
exec 3<>"/dev/tcp/${host%:*}/${host##*:}" || exit
printf 'GET %s HTTP/1.0\r\nHost: %s\r\n\r\n' "${path:-/}" "$host" >&3
read -r _ status _ <&3; [[ $status == 2?? ]]"#;

/// How it is told whether a container is healthy.
#[derive(Clone, Debug)]
#[must_use = "give it to an image: `image.healthcheck(…)`"]
pub struct Healthcheck {
    spec: HealthcheckSpec,
}

impl Healthcheck {
    /// A program that exits with 0 when all is well.
    pub fn cmd(arguments: impl Argv) -> Self {
        Self::test(std::iter::once("CMD".to_owned()).chain(arguments.argv()).collect())
    }

    /// A line for the image's shell that exits with 0 when all is well.
    pub fn shell(line: impl Into<String>) -> Self {
        Self::test(vec!["CMD-SHELL".to_owned(), line.into()])
    }

    /// A request of a server in the container, by a tool that must be in its image: well is what it answers with 2xx.
    pub fn http(tool: HttpTool, url: impl Into<String>) -> Self {
        Self::cmd(tool.request(&url.into()))
    }

    /// No check, not even the one of the base image.
    pub fn none() -> Self {
        Self::test(vec!["NONE".to_owned()])
    }

    /// From one check to the next.
    pub fn every(mut self, interval: Duration) -> Self {
        self.spec.interval = Some(nanoseconds(interval));
        self
    }

    /// The limit of one check.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.spec.timeout = Some(nanoseconds(limit));
        self
    }

    /// How long failures after the start do not count.
    pub fn start_period(mut self, grace: Duration) -> Self {
        self.spec.start_period = Some(nanoseconds(grace));
        self
    }

    /// After how many failures in a row the container counts as unhealthy.
    pub fn retries(mut self, failures: u32) -> Self {
        self.spec.retries = Some(failures);
        self
    }

    pub(super) fn spec(self) -> HealthcheckSpec {
        self.spec
    }

    fn test(test: Vec<String>) -> Self {
        Self {
            spec: HealthcheckSpec { test, interval: None, timeout: None, start_period: None, retries: None },
        }
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// A port that a container serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Port {
    number: u16,
    protocol: &'static str,
}

/// A port served by UDP.
#[must_use]
pub const fn udp(number: u16) -> Port {
    Port { number, protocol: "udp" }
}

impl From<u16> for Port {
    fn from(number: u16) -> Self {
        Self { number, protocol: "tcp" }
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.protocol)
    }
}

/// One port or several: `3000`, `[80, 443]`, `udp(53)`, an `Option` of one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a port",
    label = "expected a port number, `udp(53)`, or a list of them"
)]
pub trait IntoPorts {
    #[doc(hidden)]
    fn ports(self) -> Vec<Port>;
}

#[diagnostic::do_not_recommend]
impl IntoPorts for u16 {
    fn ports(self) -> Vec<Port> {
        vec![self.into()]
    }
}

#[diagnostic::do_not_recommend]
impl IntoPorts for Port {
    fn ports(self) -> Vec<Port> {
        vec![self]
    }
}

#[diagnostic::do_not_recommend]
impl<P: Into<Port>, const N: usize> IntoPorts for [P; N] {
    fn ports(self) -> Vec<Port> {
        self.into_iter().map(Into::into).collect()
    }
}

#[diagnostic::do_not_recommend]
impl<P: IntoPorts> IntoPorts for Option<P> {
    fn ports(self) -> Vec<Port> {
        self.map(IntoPorts::ports).unwrap_or_default()
    }
}
