//! GET /?name=… on 8080; with the argument `health` it asks that.
//!
//! As the first process of a container it would ignore SIGTERM: it runs under an init.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;
use std::thread;

use basic::greeting;

fn main() -> io::Result<ExitCode> {
    if std::env::args().nth(1).as_deref() == Some("health") {
        let mut stream = TcpStream::connect("127.0.0.1:8080")?;
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        return Ok(ExitCode::from(u8::from(!answer.starts_with("HTTP/1.1 200 "))));
    }
    for stream in TcpListener::bind(("0.0.0.0", 8080))?.incoming() {
        let stream = stream?;
        // A visitor who is gone is no error of the server.
        thread::spawn(|| drop(answer(stream)));
    }
    Ok(ExitCode::SUCCESS)
}

fn answer(mut stream: TcpStream) -> io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    let target = request.split(' ').nth(1).unwrap_or("/");
    let name = target.split_once("?name=").map(|(_, name)| name);
    let body = greeting(name);
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len(),
    )
}
