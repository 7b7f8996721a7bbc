//! A release that is signed, started with a password; and what the audit says of one that leaks.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use crate::project::{Project, containers, healthy, stop};
use crate::support::{run, unique, write};

/// A copy of the project with a release key of its own, which is beside the context.
pub(crate) struct Release {
    pub(crate) project: Project,
    key: tempfile::NamedTempFile,
}

impl Release {
    pub(crate) fn new() -> Self {
        let (project, key) = (Project::new("secrets"), tempfile::NamedTempFile::new().unwrap());
        let openssl = |args: &[&str]| {
            let output = run(Command::new("openssl").args(args));
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        };
        let file = key.path().to_str().unwrap();
        openssl(&["genpkey", "-algorithm", "ed25519", "-out", file]);
        let public = project.file("keys/release.pub.pem");
        openssl(&["pkey", "-in", file, "-pubout", "-out", public.to_str().unwrap()]);
        Self { project, key }
    }

    /// As the command line takes it.
    pub(crate) fn secret(&self) -> String {
        format!("id=signing_key,src={}", self.key.path().display())
    }
}

#[test]
fn a_signed_release_starts_with_a_password() {
    let release = Release::new();
    let args = ["--secret", &release.secret(), "--audit-secrets", "--provenance=mode=max"];
    release.project.build().args(args).run();

    let image = release.project.image("ledger");
    let password = unique();
    let file = tempfile::NamedTempFile::new().unwrap();
    write(file.path(), &format!("{password}\n"));
    // The container's user is none of this machine's.
    fs::set_permissions(file.path(), fs::Permissions::from_mode(0o444)).unwrap();
    let started = |name: &str| containers().run(&image, name);
    let mut ledger = healthy(
        started("ledger")
            .mount(file.path(), "/run/secrets/ledger_password")
            .start()
            .unwrap(),
    );
    let health = ledger.get(8080, "/health").unwrap();
    assert!(health.body.contains("verified"), "{health}");
    let rootfs = ledger.rootfs();
    assert!(rootfs.has("app/manifest.json") && !rootfs.has("run/secrets/signing_key"));
    stop(&mut ledger);

    // Without one it says what is missing.
    let error = started("silent").start().unwrap().wait_healthy().unwrap_err();
    assert!(format!("{error:?}").contains("no password in /run/secrets/ledger_password"), "{error}");
}

#[test]
fn a_release_that_was_signed_by_somebody_else_is_refused() {
    let (release, other) = (Release::new(), Release::new());
    fs::copy(other.project.file("keys/release.pub.pem"), release.project.file("keys/release.pub.pem"))
        .unwrap();
    let build = release.project.build().args(["--secret", &release.secret()]);
    build.refused(["not signed with the release key", "stages.rs"]);
}

#[test]
fn a_broken_test_refuses_the_release() {
    let release = Release::new();
    release.project.edit("test/ledger.test.js", "balance: 7.5", "balance: 8");
    let build = release.project.build().args(["--secret", &release.secret()]);
    build.refused(["entries add up", "npm test"]);
}

#[test]
fn the_audit_refuses_what_is_called_encrypted() {
    let project = Project::new("secrets");
    let (key, password) = (format!("key-{}", unique()), format!("password-{}", unique()));
    let build = || {
        let args = [
            "--secret",
            "id=api_key,env=API_KEY",
            "--secret",
            "id=db_password,env=DB_PASSWORD",
            "--no-cache",
        ];
        project
            .build()
            .target("leaky")
            .args(args)
            .env("API_KEY", &key)
            .env("DB_PASSWORD", &password)
    };
    let refused = build().args(["--audit-secrets"]).refused([
        "secret `api_key`: its SHA-256 in layer",
        "secret `db_password`: its value in base64 in layer",
        "file \"app/config/app.env\"",
    ]);
    assert!(!refused.to_string().contains(&password), "{refused}");
    // Who does not look does not see it.
    build().run();
}
