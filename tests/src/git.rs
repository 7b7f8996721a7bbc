//! A git repository that is served over HTTP on loopback, by git's own program for that.

use std::fs;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use tempfile::TempDir;

/// The branch with the commit.
const BRANCH: &str = "main";

/// A repository with one commit, served until this is dropped.
#[derive(Debug)]
pub struct GitServer {
    directory: TempDir,
    address: SocketAddr,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl GitServer {
    /// Makes a repository whose branch `main` has these files, and serves it.
    ///
    /// # Panics
    ///
    /// Without git.
    #[must_use]
    pub fn start(files: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let work = directory.path().join("project");
        fs::create_dir(&work).unwrap();
        git(&work, &["init", "--quiet", "--initial-branch", BRANCH]);
        for (path, text) in files {
            let path = work.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        git(&work, &["add", "."]);
        git(&work, &["commit", "--quiet", "--message", "all of it"]);
        Self::serve(directory, &work)
    }

    /// Serves what is committed in a checkout.
    ///
    /// # Panics
    ///
    /// Without git, and for a directory that is no checkout.
    #[must_use]
    pub fn of(checkout: &Path) -> Self {
        Self::serve(tempfile::tempdir().unwrap(), checkout)
    }

    fn serve(directory: TempDir, from: &Path) -> Self {
        let from = from.to_str().expect("a path of text");
        git(directory.path(), &["clone", "--quiet", "--bare", from, "project.git"]);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let ends = Arc::new(AtomicBool::new(false));
        let (root, ended) = (directory.path().to_path_buf(), Arc::clone(&ends));
        let thread = thread::spawn(move || {
            for stream in listener.incoming().filter_map(Result::ok) {
                if ended.load(Ordering::SeqCst) {
                    return;
                }
                let root = root.clone();
                // A client that goes away is no concern of the tests; one that misses its answer says so.
                thread::spawn(move || answer(stream, &root));
            }
        });
        Self { directory, address, ends, thread: Some(thread) }
    }

    /// `http://127.0.0.1:PORT/project.git`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/project.git", self.address)
    }

    /// Puts another commit on the branch, by which a file has this text.
    ///
    /// # Panics
    ///
    /// Without git.
    pub fn advance(&self, path: &str, text: &str) {
        let work = tempfile::tempdir().unwrap();
        let bare = self.directory.path().join("project.git");
        git(work.path(), &["clone", "--quiet", bare.to_str().expect("a path of text"), "work"]);
        let work = work.path().join("work");
        fs::write(work.join(path), text).unwrap();
        git(&work, &["add", "."]);
        git(&work, &["commit", "--quiet", "--message", "more"]);
        git(&work, &["push", "--quiet", "origin", BRANCH]);
    }

    /// The commit, in full.
    #[must_use]
    pub fn commit(&self) -> String {
        git(&self.directory.path().join("project.git"), &["rev-parse", BRANCH])
            .trim()
            .to_owned()
    }
}

impl Drop for GitServer {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::SeqCst);
        // What it waits for.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Runs git apart from what the machine and its user have configured, and returns what it writes.
fn git(directory: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .args(["-c", "user.name=A Test", "-c", "user.email=test@example.com"])
        .args(arguments)
        .current_dir(directory)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .expect("git runs");
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Answers one request by `git http-backend`, which speaks CGI (RFC 3875).
fn answer(stream: TcpStream, root: &Path) -> io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let [method, target, _] = first.split_whitespace().collect::<Vec<_>>()[..] else { return Ok(()) };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut backend = Command::new("git");
    backend
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        // What serves need not own the repository.
        .envs([("GIT_CONFIG_COUNT", "1"), ("GIT_CONFIG_KEY_0", "safe.directory"), ("GIT_CONFIG_VALUE_0", "*")])
        .env("REQUEST_METHOD", method)
        .env("PATH_INFO", path)
        .env("QUERY_STRING", query)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        let variable = match &*name.to_ascii_lowercase() {
            "content-length" => "CONTENT_LENGTH",
            "content-type" => "CONTENT_TYPE",
            "content-encoding" => "HTTP_CONTENT_ENCODING",
            "git-protocol" => "GIT_PROTOCOL",
            _ => continue,
        };
        backend.env(variable, value);
        if variable == "CONTENT_LENGTH" {
            length = value.parse().map_err(io::Error::other)?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let mut child = backend.spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // It may have answered without reading all of it.
        let _ = stdin.write_all(&body);
    }
    let answer = child.wait_with_output()?.stdout;
    let text = String::from_utf8_lossy(&answer[..answer.len().min(100)]);
    let status = text
        .strip_prefix("Status: ")
        .and_then(|it| it.lines().next())
        .unwrap_or("200 OK");
    let mut stream = stream;
    write!(stream, "HTTP/1.1 {status}\r\nConnection: close\r\n")?;
    stream.write_all(&answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_can_be_cloned_without_those_before() {
        let server = GitServer::start(&[("a/b", "text")]);
        let to = tempfile::tempdir().unwrap();
        git(to.path(), &["clone", "--quiet", "--depth", "1", &server.url(), "c"]);
        assert_eq!(fs::read_to_string(to.path().join("c/a/b")).unwrap(), "text");
        assert_eq!(git(&to.path().join("c"), &["rev-parse", "HEAD"]).trim(), server.commit());
    }
}
