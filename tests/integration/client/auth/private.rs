//! A private registry: Debian's docker-registry on loopback, for one user with a password.

use std::fs::{self, File};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A user of registries: name, password, and the password's bcrypt hash as `htpasswd` writes it.
#[derive(Clone, Copy)]
pub(super) struct User {
    pub(super) name: &'static str,
    pub(super) password: &'static str,
    hash: &'static str,
}

pub(super) const ADA: User = User {
    name: "ada",
    password: "hunter2",
    hash: "$2y$05$abcdefghijklmnopqrstuuoXuKqgZXLiJqzfmMXDDhSFPIvxV7t8.",
};
pub(super) const BOB: User = User {
    name: "bob",
    password: "swordfish",
    hash: "$2y$05$bbcdefghijklmnopqrstuuxNKL5ubbmLXvmuOnZz/PyYFXWzw1R1O",
};

/// A running registry. Dropped, it ends.
pub(super) struct Private {
    process: Child,
    address: String,
    _folder: TempDir,
}

impl Private {
    /// Starts one that lets this user in and nobody else.
    pub(super) fn start(user: User) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = free_address();
        let (passwords, config) = (folder.path().join("htpasswd"), folder.path().join("config.json"));
        fs::write(&passwords, format!("{}:{}\n", user.name, user.hash)).unwrap();
        let text = serde_json::json!({
            "version": "0.1",
            "log": {"level": "error", "accesslog": {"disabled": true}},
            "storage": {"filesystem": {"rootdirectory": folder.path().join("data")}},
            "auth": {"htpasswd": {"realm": "private", "path": passwords}},
            "http": {"addr": address},
        });
        fs::write(&config, text.to_string()).unwrap();
        let log = File::create(folder.path().join("log")).unwrap();
        let process = Command::new("docker-registry")
            .arg("serve")
            .arg(&config)
            .env_clear()
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("docker-registry runs");
        let registry = Self { process, address, _folder: folder };
        let start = Instant::now();
        while std::net::TcpStream::connect(&registry.address).is_err() {
            assert!(start.elapsed() < Duration::from_secs(10), "the private registry does not listen");
            thread::sleep(Duration::from_millis(20));
        }
        registry
    }

    /// `127.0.0.1:PORT`.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// The name of an image in it.
    pub(super) fn image(&self, tag: &str) -> String {
        format!("{}/app:{tag}", self.address)
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}
