//! Requests over a Unix socket. In HTTP 1.0 an answer ends with its connection, and is in one piece.

use std::io::{self, Read, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;

/// What was answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
    request: String,
}

impl Answer {
    /// Goes on if it is 200.
    pub(super) fn expect_success(self) -> Self {
        let Self { status, body, request } = &self;
        assert_eq!(*status, 200, "{request}: {}", String::from_utf8_lossy(body));
        self
    }
}

/// Sends a request, whose body has this many bytes, and reads the answer to its end.
pub(super) fn request(
    socket: &Path,
    method: &str,
    path: &str,
    body: &mut dyn Read,
    length: u64,
) -> io::Result<Answer> {
    let mut stream = UnixStream::connect(socket)?;
    let request = format!("{method} {path}");
    let head =
        format!("{request} HTTP/1.0\r\nContent-Type: application/x-tar\r\nContent-Length: {length}\r\n\r\n");
    stream.write_all(head.as_bytes())?;
    io::copy(body, &mut stream)?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    let (status, body) = parse(&bytes).ok_or_else(|| {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        io::Error::new(io::ErrorKind::InvalidData, format!("{request}: no answer of HTTP: {text:?}"))
    })?;
    Ok(Answer { status, body: body.to_vec(), request })
}

/// The status and the body.
fn parse(bytes: &[u8]) -> Option<(u16, &[u8])> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end]).ok()?;
    let status = head.strip_prefix("HTTP/1.")?.split(' ').nth(1)?;
    Some((status.parse().ok()?, &bytes[end + 4..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_its_status_and_its_body() {
        let answer = b"HTTP/1.0 404 Not Found\r\nServer: x\r\n\r\n{}\r\n\r\n";
        assert_eq!(parse(answer), Some((404, &b"{}\r\n\r\n"[..])));
        assert_eq!(parse(b"HTTP/1.0 200 OK\r\n\r\n"), Some((200, &b""[..])));
        assert_eq!(parse(b"HTTP/1.0 200 OK\r\nServer: x"), None);
        assert_eq!(parse(b"garbage\r\n\r\n"), None);
    }
}
