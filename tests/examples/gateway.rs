//! A gateway that was tested as it ships, with a key that nobody ships.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::project::{Build, Project, containers, healthy, stop};
use crate::support::{program, run, stdout};

/// A certificate for this machine, and its key.
pub(crate) struct Tls(TempDir);

impl Tls {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        stdout(
            Command::new("openssl")
                .args([
                    "req",
                    "-x509",
                    "-newkey",
                    "rsa:2048",
                    "-nodes",
                    "-days",
                    "1",
                    "-subj",
                    "/CN=localhost",
                ])
                .args(["-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost", "-keyout"])
                .arg(path("tls.key"))
                .arg("-out")
                .arg(path("tls.crt")),
        );
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::set_permissions(path("tls.key"), fs::Permissions::from_mode(0o644)).unwrap();
        Self(directory)
    }

    fn give<'a>(&self, build: Build<'a>) -> Build<'a> {
        self.secrets()
            .iter()
            .fold(build, |build, secret| build.args(["--secret", secret]))
    }

    /// As the command line takes them.
    pub(crate) fn secrets(&self) -> [String; 2] {
        ["tls.crt", "tls.key"].map(|name| format!("id={name},src={}", self.0.path().join(name).display()))
    }

    /// Some of the key, as it stands in its file.
    fn secret(&self) -> String {
        let key = fs::read_to_string(self.0.path().join("tls.key")).unwrap();
        key.lines().nth(3).unwrap().to_owned()
    }
}

fn contains(root: &Path, files: impl IntoIterator<Item = String>, text: &str) -> Option<String> {
    files.into_iter().find(|file| {
        let path = root.join(file);
        let bytes = if path.is_symlink() { Vec::new() } else { fs::read(&path).unwrap() };
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    })
}

#[test]
fn requests_reach_their_services_over_tls() {
    let (project, tls) = (Project::new("gateway"), Tls::new());
    tls.give(project.build().target("gateway").target("echo")).run();

    let echo = project.image("echo");
    let image = project.image("gateway");
    let gateway = containers()
        .run(&image, "gateway")
        .mount(tls.0.path(), "/run/secrets")
        .start()
        .unwrap();
    let mut gateway = healthy(gateway);
    assert_eq!(gateway.user().uid, 101, "nginx's own user");
    let mut services = containers().run(&echo, "echo").beside(&gateway).start().unwrap();
    services.wait_for_log("web and api listen").unwrap();

    let redirect = gateway.get(8080, "/cart").unwrap();
    assert_eq!((redirect.status, redirect.header("location")), (301, Some("https://127.0.0.1/cart")));
    let certificate = tls.0.path().join("tls.crt");
    let ask = |path: &str| {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--fail", "--noproxy", "*", "--cacert"])
            .arg(&certificate);
        curl.arg(format!("https://127.0.0.1:8443{path}"));
        String::from_utf8(gateway.inside(|| stdout(&mut curl)).unwrap()).unwrap()
    };
    assert!(ask("/api/orders/7").contains(r#""service":"api","path":"/orders/7","proto":"https""#));
    assert!(ask("/cart").contains(r#""service":"web","path":"/cart""#));

    // The key was lent to the testers, and is in nothing that was pushed.
    let config = serde_json::to_string(&image.config).unwrap();
    assert!(!config.contains(&tls.secret()), "{config}");
    let rootfs = containers().unpack(&image).unwrap();
    let found = contains(rootfs.path(), rootfs.files(), &tls.secret());
    assert_eq!(found, None, "the key is in the image");
    assert!(!rootfs.has("tmp/gateway.test"), "the tests are in the image");
    stop(&mut gateway);
}

#[test]
fn a_wrong_configuration_is_a_closed_gate() {
    let (project, tls) = (Project::new("gateway"), Tls::new());
    project.edit("nginx/conf.d/gateway.conf", "ssl_certificate_key", "ssl_private_key");
    tls.give(project.build())
        .refused([r#"unknown directive "ssl_private_key""#, "with_tls(\"nginx -t\", &tls)"]);

    let project = Project::new("gateway");
    project.edit("nginx/conf.d/gateway.conf", "proxy_pass http://api/;", "proxy_pass http://api;");
    tls.give(project.build()).refused(["--- FAIL: TestEachPathReachesItsService"]);
}

#[test]
fn without_the_key_nothing_is_built() {
    let project = Project::new("gateway");
    let output = run(program("gateway").arg("build").arg(project.path()));
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("a step takes secret `tls.crt`, which is not given"), "{text}");
}
