//! Requests of servers in containers.

use std::fmt;
use std::time::Duration;

use ureq::Agent;

/// How long a server may take to answer.
const LIMIT: Duration = Duration::from_secs(20);

/// What a server answered. Shown with status, headers and body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers, with their names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, as text.
    pub body: String,
}

impl Answer {
    /// A header, by its name in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| &**value)
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.status)?;
        for (name, value) in &self.headers {
            writeln!(f, "{name}: {value}")?;
        }
        write!(f, "\n{}", self.body)
    }
}

/// Asks, and reads the answer to its end. No proxy, no redirection; a status is an answer.
pub(super) fn get(url: &str) -> Result<Answer, Box<ureq::Error>> {
    let config = Agent::config_builder().http_status_as_error(false).proxy(None).max_redirects(0);
    let agent = config.timeout_global(Some(LIMIT)).build().new_agent();
    let mut response = agent.get(url).call()?;
    let headers = response.headers().iter().map(|(name, value)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    });
    Ok(Answer {
        status: response.status().as_u16(),
        headers: headers.collect(),
        body: response.body_mut().read_to_string()?,
    })
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    #[test]
    fn an_answer_is_taken_as_it_is() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/there", listener.local_addr().unwrap());
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let length = stream.read(&mut request).unwrap();
            let answer = "HTTP/1.1 302 Found\r\nLocation: /here\r\nContent-Length: 2\r\n\r\nno";
            stream.write_all(answer.as_bytes()).unwrap();
            String::from_utf8_lossy(&request[..length]).into_owned()
        });
        let answer = get(&url).unwrap();
        assert!(server.join().unwrap().starts_with("GET /there HTTP/1.1\r\n"));
        assert_eq!((answer.status, answer.header("location"), &*answer.body), (302, Some("/here"), "no"));
    }
}
