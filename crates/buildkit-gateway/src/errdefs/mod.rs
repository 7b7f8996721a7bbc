//! Errors of the daemon, with the typed details that travel beside them.
//!
//! A failed call carries a `google.rpc.Status` in the trailer `grpc-status-details-bin`. Its details
//! are `Any`s whose value is JSON, not protobuf, under type urls such as
//! `github.com/moby/buildkit/errdefs.Source+json` (BuildKit v0.34 `util/grpcerrors/grpcerrors.go`,
//! `solver/errdefs`). [`GatewayError`] keeps them as they came, so that an error that is passed on
//! loses nothing; they are read only when asked for.

mod detail;
mod source;

use std::error::Error;

use buildkit_proto::rpc;
use prost::Message as _;
use prost_types::Any;
use serde::Serialize;
use tonic::{Code, Status};

pub use detail::{Detail, Solve};
pub use source::{Position, Range, Source, SourceInfo};

use detail::Named;

/// What every type url of BuildKit starts with.
const URL_PREFIX: &str = "github.com/moby/buildkit/";

/// An error of the daemon, or one that a driver tells the daemon: a gRPC code, a message and details.
///
/// Shown, it is the message alone. An own message takes code Unknown ([`GatewayError::new`]): clients
/// print the name of any other code in front of the text, and code Cancelled counts as cancelled.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct GatewayError {
    code: Code,
    message: String,
    details: Vec<Any>,
}

impl GatewayError {
    /// An own error, with code Unknown and no details.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self::with_code(Code::Unknown, message)
    }

    /// The error that stands for "the user cancelled".
    #[must_use]
    pub fn cancelled() -> Self {
        Self::with_code(Code::Cancelled, "build cancelled")
    }

    /// An own error with a code.
    #[must_use]
    pub fn with_code(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), details: Vec::new() }
    }

    /// The error of a frontend that lacks a capability which the client requires.
    #[must_use]
    pub fn unsupported_frontend_cap(name: &str) -> Self {
        Self::with_code(Code::Unimplemented, format!("unsupported frontend capability {name}"))
            .with_detail("errdefs.FrontendCap+json", &Named { name: name.to_owned() })
    }

    /// The error of a frontend that does not answer a request.
    #[must_use]
    pub fn unsupported_subrequest(name: &str) -> Self {
        Self::with_code(Code::Unimplemented, format!("unsupported request {name}"))
            .with_detail("errdefs.Subrequest+json", &Named { name: name.to_owned() })
    }

    /// Whether it says that there is no such file.
    ///
    /// Only the text tells: a daemon sends what its system says with the code Unknown and no detail, as it does every other
    /// error of a file (BuildKit v0.33.1 `cache/util/fsutil.go`, `util/grpcerrors/grpcerrors.go`). Another code is another
    /// error, whatever its text.
    #[must_use]
    pub fn is_absence(&self) -> bool {
        let absent = ["no such file or directory", "file does not exist", "not a directory"];
        self.code == Code::Unknown && absent.iter().any(|text| self.message.ends_with(text))
    }

    /// The same with another message: code and details stay.
    #[must_use]
    pub fn with_message(self, message: impl Into<String>) -> Self {
        Self { message: message.into(), ..self }
    }

    /// Adds where the fault lies; clients print an excerpt of it.
    #[must_use]
    pub fn with_source(self, source: &Source) -> Self {
        self.with_detail("errdefs.Source+json", source)
    }

    /// The gRPC code.
    #[must_use]
    pub fn code(&self) -> Code {
        self.code
    }

    /// The message.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The details, read, in their order.
    pub fn details(&self) -> impl Iterator<Item = Detail> + '_ {
        self.details.iter().map(Detail::read)
    }

    /// The details as they came.
    #[must_use]
    pub fn raw_details(&self) -> &[Any] {
        &self.details
    }

    /// Where the fault lies, outermost first.
    #[must_use]
    pub fn sources(&self) -> Vec<Source> {
        self.details()
            .filter_map(|detail| match detail {
                Detail::Source(source) => Some(source),
                _ => None,
            })
            .collect()
    }

    /// The same with other sources; one for which there is no other stays as it came.
    #[must_use]
    pub fn map_sources(mut self, mut other: impl FnMut(&Source) -> Option<Source>) -> Self {
        for detail in &mut self.details {
            if let Detail::Source(source) = Detail::read(detail)
                && let Some(value) = other(&source).and_then(|source| serde_json::to_vec(&source).ok())
            {
                detail.value = value;
            }
        }
        self
    }

    /// The digest of the vertex that failed.
    #[must_use]
    pub fn vertex(&self) -> Option<String> {
        self.details().find_map(|detail| match detail {
            Detail::Vertex(digest) => Some(digest),
            _ => None,
        })
    }

    /// The exit code of the process that failed.
    #[must_use]
    pub fn exit_code(&self) -> Option<u32> {
        self.details().find_map(|detail| match detail {
            Detail::Exit(code) => Some(code),
            _ => None,
        })
    }

    /// The inputs and mounts of the op that failed.
    #[must_use]
    pub fn solve(&self) -> Option<Solve> {
        self.details().find_map(|detail| match detail {
            Detail::Solve(solve) => Some(solve),
            _ => None,
        })
    }

    fn with_detail(mut self, name: &str, detail: &impl Serialize) -> Self {
        if let Ok(value) = serde_json::to_vec(detail) {
            self.details.push(Any { type_url: format!("{URL_PREFIX}{name}"), value });
        }
        self
    }

    /// The same as a message of the wire.
    #[must_use]
    pub fn to_rpc(&self) -> rpc::Status {
        rpc::Status {
            code: i32::from(self.code),
            message: self.message.clone(),
            details: self.details.clone(),
        }
    }
}

impl From<Status> for GatewayError {
    fn from(status: Status) -> Self {
        // Details that do not read are dropped: code and message stand in headers of their own.
        let details = rpc::Status::decode(status.details()).map(|full| full.details);
        // What the daemon says has no source on this side.
        let message = match status.source() {
            Some(source) => lost_connection(status.message(), source),
            None => status.message().to_owned(),
        };
        Self { code: status.code(), message, details: details.unwrap_or_default() }
    }
}

impl From<&GatewayError> for GatewayError {
    fn from(error: &GatewayError) -> Self {
        error.clone()
    }
}

impl From<GatewayError> for Status {
    fn from(error: GatewayError) -> Self {
        let details = error.to_rpc().encode_to_vec();
        Status::with_details(error.code, error.message, details.into())
    }
}

/// A failure of the transport: its own words are few, and those of its causes say what happened.
fn lost_connection(message: &str, source: &(dyn Error + 'static)) -> String {
    let mut text = format!("the connection to the daemon failed: {message}");
    for cause in std::iter::successors(Some(source), |&cause| cause.source()) {
        let cause = cause.to_string();
        if !text.ends_with(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::detail::tests::any;
    use super::*;

    #[test]
    fn only_a_daemon_s_words_tell_of_absence() {
        let said = |code, text: &str| GatewayError::with_code(code, text).is_absence();
        assert!(said(Code::Unknown, "lstat /a/b: no such file or directory"));
        assert!(said(Code::Unknown, "open c: file does not exist"));
        assert!(said(Code::Unknown, "lstat /a/b: not a directory"));
        assert!(!said(Code::Unknown, "no such file or directory: /a"));
        assert!(!said(Code::NotFound, "open c: file does not exist"));
    }

    fn failed_step() -> GatewayError {
        let details = vec![
            any("stack.Stack+json", r#"{"frames":[]}"#),
            any("errdefs.Vertex+json", r#"{"digest":"sha256:aa"}"#),
            any("gatewayapi.ExitMessage+json", r#"{"Code":42}"#),
            any(
                "errdefs.Source+json",
                r#"{"info":{"filename":"stages.rs","data":"YQpi","definition":{}},
                   "ranges":[{"start":{"line":2},"end":{"line":2,"character":4}},{"start":null}]}"#,
            ),
            any(
                "errdefs.Solve+json",
                r#"{"inputIDs":["x"],"mountIDs":null,"op":{"Op":{"exec":{}}},"Subject":null}"#,
            ),
            any("errdefs.Later+json", "{}"),
        ];
        GatewayError { code: Code::Unknown, message: "exit code: 42".into(), details }
    }

    #[test]
    fn details_are_read() {
        let error = failed_step();
        assert_eq!(error.to_string(), "exit code: 42");
        assert_eq!(error.vertex().as_deref(), Some("sha256:aa"));
        assert_eq!(error.exit_code(), Some(42));
        let solve = error.solve().unwrap();
        assert_eq!((solve.input_ids.len(), solve.mount_ids.len()), (1, 0));
        let [source] = &error.sources()[..] else { panic!("one source") };
        assert_eq!((source.info.filename.as_str(), &source.info.data[..]), ("stages.rs", &b"a\nb"[..]));
        assert_eq!(source.ranges[0].end, Position { line: 2, character: 4 });
        assert_eq!(source.ranges[1], Range::default());
        assert!(matches!(error.details().last(), Some(Detail::Unknown { .. })));
    }

    #[test]
    fn passed_on_nothing_is_lost() {
        let error = failed_step();
        let back = GatewayError::from(Status::from(error.clone()));
        assert_eq!(back.to_rpc(), error.to_rpc());
    }

    #[test]
    fn details_that_are_no_status_leave_code_and_message() {
        let status = Status::with_details(Code::NotFound, "no such job", Bytes::from_static(b"\xff"));
        let error = GatewayError::from(status);
        assert_eq!((error.code(), error.message()), (Code::NotFound, "no such job"));
        assert!(error.raw_details().is_empty());
    }

    #[test]
    fn a_broken_connection_is_called_that() {
        let cause = std::io::Error::other("keep-alive timed out");
        let error = GatewayError::from(Status::from_error(Box::new(cause)));
        assert_eq!(error.message(), "the connection to the daemon failed: keep-alive timed out");
    }

    #[test]
    fn what_a_frontend_lacks_is_a_detail() {
        let cap = GatewayError::unsupported_frontend_cap("later");
        assert_eq!(cap.details().collect::<Vec<_>>(), [Detail::FrontendCap("later".into())]);
        let request = GatewayError::unsupported_subrequest("frontend.later");
        assert_eq!(request.details().collect::<Vec<_>>(), [Detail::Subrequest("frontend.later".into())]);
        assert_eq!(request.code(), Code::Unimplemented);
    }
}
