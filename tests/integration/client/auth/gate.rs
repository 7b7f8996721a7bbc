//! A gate before the open registry: who pulls needs a token, which its token server gives for credentials.
//!
//! It speaks the token protocol (distribution `docs/spec/auth/token.md`, `oauth.md`) and hands on what is read. It
//! writes down every credential that it sees.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use stagewright_tests::Environment;

/// A running gate. It ends with the process.
pub(super) struct Gate {
    pub(super) address: String,
    state: Arc<State>,
}

struct State {
    /// What lets in.
    token: String,
    /// `Basic …` for the token server.
    basic: String,
    /// The refresh token for the token server.
    refresh: String,
    /// The registry behind.
    behind: String,
    seen: Mutex<Vec<String>>,
}

impl Gate {
    /// Lets in who has the token, and gives it to who has the one or the other.
    pub(super) fn start(token: &str, basic: &str, refresh: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let state = Arc::new(State {
            token: token.to_owned(),
            basic: format!("Basic {basic}"),
            refresh: refresh.to_owned(),
            behind: Environment::get().registry.address().to_owned(),
            seen: Mutex::default(),
        });
        let (shared, realm) = (Arc::clone(&state), address.clone());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (state, realm) = (Arc::clone(&shared), realm.clone());
                thread::spawn(move || state.answer(stream, &realm));
            }
        });
        Self { address, state }
    }

    /// The credentials that came, each once.
    pub(super) fn seen(&self) -> Vec<String> {
        let mut seen = self.state.seen.lock().unwrap().clone();
        seen.sort();
        seen.dedup();
        seen
    }

    /// Busybox, behind the gate.
    pub(super) fn image(&self) -> String {
        format!("{}/library/busybox:latest", self.address)
    }
}

impl State {
    /// Answers one request, and hangs up.
    fn answer(&self, mut stream: TcpStream, address: &str) -> Option<()> {
        let mut input = BufReader::new(stream.try_clone().ok()?);
        let (mut line, mut head) = (String::new(), String::new());
        input.read_line(&mut line).ok()?;
        loop {
            let start = head.len();
            if input.read_line(&mut head).ok()? <= 2 {
                break head.truncate(start);
            }
        }
        let header = |name: &str| {
            let fields = head.lines().filter_map(|line| line.split_once(": "));
            fields
                .clone()
                .find(|(key, _)| key.eq_ignore_ascii_case(name))
                .map(|(_, value)| value.trim().to_owned())
        };
        let mut body = vec![0; header("content-length").and_then(|it| it.parse().ok()).unwrap_or(0)];
        input.read_exact(&mut body).ok()?;
        let body = String::from_utf8(body).ok()?;
        let authorization = header("authorization").unwrap_or_default();
        let refresh = body
            .split('&')
            .find_map(|field| field.strip_prefix("refresh_token="))
            .unwrap_or_default();
        let seen = [authorization.clone(), refresh.to_owned()]
            .into_iter()
            .filter(|text| !text.is_empty());
        self.seen.lock().unwrap().extend(seen);

        let mut words = line.split(' ');
        let (method, path) = (words.next()?, words.next()?);
        if path.starts_with("/token") {
            let (status, json) = match authorization == self.basic || refresh == self.refresh {
                true => ("200 OK", format!(r#"{{"token": "{0}", "access_token": "{0}"}}"#, self.token)),
                false => ("401 Unauthorized", "{}".to_owned()),
            };
            return respond(&mut stream, status, &["content-type: application/json".into()], json.as_bytes());
        }
        if authorization != format!("Bearer {}", self.token) {
            let challenge =
                format!("www-authenticate: Bearer realm=\"http://{address}/token\",service=\"gate\"");
            return respond(&mut stream, "401 Unauthorized", &[challenge], b"");
        }
        self.hand_on(&mut stream, method, path, &header("accept").unwrap_or_default())
    }

    /// Asks the registry behind.
    fn hand_on(&self, stream: &mut TcpStream, method: &str, path: &str, accept: &str) -> Option<()> {
        let mut behind = TcpStream::connect(&self.behind).ok()?;
        let host = &self.behind;
        write!(
            behind,
            "{method} {path} HTTP/1.1\r\nhost: {host}\r\naccept: {accept}\r\nconnection: close\r\n\r\n"
        )
        .ok()?;
        std::io::copy(&mut behind, stream).ok().map(drop)
    }
}

fn respond(stream: &mut TcpStream, status: &str, headers: &[String], body: &[u8]) -> Option<()> {
    let headers: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
    let length = body.len();
    write!(stream, "HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n")
        .ok()?;
    stream.write_all(body).ok()
}
