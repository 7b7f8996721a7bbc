//! What the DSL can say, built: where files come from, how they are copied, how commands run, what judges.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::thread;

use stagewright::prelude::*;
use stagewright::{BuildOptions, Output};
use stagewright_tests::GitServer;

use crate::support::{Ended, builder, directory, end, unique};

/// A web server of one file, for as long as the tests run.
fn serve(body: Vec<u8>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 8 << 10];
            let read = stream.read(&mut request).unwrap();
            let head =
                format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            let body = if request[..read].starts_with(b"HEAD") { &[][..] } else { &body };
            // Who asked may have gone.
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
        }
    });
    address
}

fn archive() -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(6);
    header.set_mode(0o644);
    archive.append_data(&mut header, "inner/file", &b"inside"[..]).unwrap();
    archive.into_inner().unwrap()
}

async fn build(build: impl Fn(&Build, ()) -> Targets, options: &BuildOptions) -> Ended {
    end(builder().await.build(build, options).await.unwrap()).await
}

/// The files below a directory, by their paths, with what is in them; of links, where they lead.
fn files(root: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut open = vec![root.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
            let (path, kind) = (entry.path(), entry.file_type().unwrap());
            let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
            if kind.is_symlink() {
                let target = fs::read_link(&path).unwrap();
                found.insert(name, format!("-> {}", target.display()));
            } else if kind.is_dir() {
                open.push(path);
            } else {
                found.insert(name, fs::read_to_string(&path).unwrap());
            }
        }
    }
    found
}

#[tokio::test]
async fn files_come_from_everywhere_and_as_they_are_wanted() {
    let git = GitServer::start(&[("docs/readme", "from git"), ("other", "not wanted")]);
    let address = serve(archive());
    let context = directory(&[("present", "here"), ("a/b/c", "deep"), ("packages/x/package.json", "{}")]);
    let build_function = |b: &Build, (): ()| {
        let src = b.context();
        let repository = b.git(git.url()).checksum(git.commit());
        let download = b.http(format!("http://{address}/archive.tar"));
        let made = b.builder("make", "busybox").run("mkdir /out && echo made > /out/file");
        let image = b
            .runtime("app", Scratch)
            .copy(repository.dir("docs"), "/git/")
            .copy(download.clone(), "/download/")
            .copy(download.unpack(), "/unpacked/")
            .copy(src.files(["present", "absent"]).optional(), "/optional/")
            .copy(src.files(["a/./b/c", "packages/*/package.json"]).parents(), "/parents/")
            .copy(made.artifact("/out").link(), "/linked/")
            .symlink("linked/file", "/link")
            .remove("/download")
            .annotation("org.opencontainers.image.title", "DSL");
        Targets::new().product(image).files("bin", made.artifact("/out"))
    };
    let out = tempfile::tempdir().unwrap();
    let options = BuildOptions::new(context.path()).output(Output::local(out.path().join("app")));
    build(build_function, &options).await.expect_success();
    let expected = [
        ("git/readme", "from git"),
        ("link", "-> linked/file"),
        ("linked/file", "made\n"),
        ("optional/present", "here"),
        ("parents/b/c", "deep"),
        ("parents/packages/x/package.json", "{}"),
        ("unpacked/inner/file", "inside"),
    ];
    let expected: BTreeMap<_, _> = expected
        .map(|(path, text)| (path.to_owned(), text.to_owned()))
        .into_iter()
        .collect();
    assert_eq!(files(&out.path().join("app")), expected);

    let options = BuildOptions::new(context.path())
        .target("bin")
        .output(Output::local(out.path().join("bin")));
    build(build_function, &options).await.expect_success();
    assert_eq!(fs::read_to_string(out.path().join("bin/file")).unwrap(), "made\n");
}

#[tokio::test]
async fn a_wrong_checksum_is_refused() {
    let address = serve(b"other bytes".to_vec());
    let wrong = format!("sha256:{}", "ab".repeat(32));
    let build_function = |b: &Build, (): ()| {
        let download = b.http(format!("http://{address}/tool")).checksum(&wrong);
        Targets::new().product(b.runtime("app", Scratch).copy(download, "/tool"))
    };
    let ended = build(build_function, &BuildOptions::new(".")).await;
    let (_, failure) = ended.report.failures().next().expect("the build fails");
    assert!(failure.to_string().contains("digest mismatch"), "{failure}");
}

#[tokio::test]
async fn commands_have_scripts_caches_and_files_of_others() {
    let salt = unique();
    let context = directory(&[("bound", "mounted")]);
    let build_function = |b: &Build, (): ()| {
        let cache = Cache::at("/cache").id(&salt).owner(1000, 1000).mode(0o700);
        let text = "mkdir /out\nfor i in 1 2; do\n  echo \"line $i of $NAME\" >> /out/script\ndone\n";
        let made = b
            .builder("make", "busybox")
            .run(script(["sh", "-eu"], text).env("NAME", "$(a script)"))
            .run(sh("cat /bound > /out/bound").bind(b.context().file("bound"), "/bound"))
            .run(
                sh("stat -c %u:%g:%a /cache > /tmp/cache && echo $STAGEWRIGHT_REFRESH > /tmp/refresh")
                    .user("1000:1000")
                    .cache(cache)
                    .refresh(Every::week()),
            )
            .run("cp /tmp/cache /tmp/refresh /out");
        Targets::new().product(b.runtime("app", Scratch).copy(made.artifact("/out"), "/"))
    };
    let out = tempfile::tempdir().unwrap();
    let options = BuildOptions::new(context.path()).output(Output::local(out.path().join("app")));
    build(build_function, &options).await.expect_success();
    let found = files(&out.path().join("app"));
    assert_eq!(found["script"], "line 1 of $(a script)\nline 2 of $(a script)\n");
    assert_eq!(found["bound"], "mounted");
    assert_eq!(found["cache"], "1000:1000:700\n");
    assert!(found["refresh"].ends_with("T00:00:00Z\n"), "{}", found["refresh"]);
    // In the same week nothing of it runs again.
    let again = build(build_function, &options).await.expect_success();
    assert_eq!(again.ran(), Vec::<String>::new());
}

#[tokio::test]
async fn testers_judge_images_and_reports() {
    let salt = unique();
    let build_function = |scanned: &'static str| {
        let salt = salt.clone();
        move |b: &Build, (): ()| {
            let base = b.base("base", "busybox").env("SALT", &salt);
            let image = base.runtime("app").file("/shipped", "shipped").nonroot();
            let unit = base
                .tester("unit")
                .run("mkdir /reports && echo good > /reports/unit")
                .report("/reports");
            let line = "test \"$(cat /all/reports/unit)\" = good";
            let verdict = b
                .tester("verdict", "busybox")
                .copy(unit.reports(), "/all/")
                .run(sh(line).env("SALT", &salt));
            let line = format!("grep -q {scanned} /image/shipped");
            let scan = b
                .tester("scan", "busybox")
                .run(sh(line).env("SALT", &salt).bind(image.root(), "/image"));
            let image = image.gated_by(&scan);
            Targets::new()
                .product(image)
                .checks("checks", [&unit, &verdict])
                .gated_by(&verdict)
        }
    };
    let options = BuildOptions::new(".");
    let ended = build(build_function("shipped"), &options).await.expect_success();
    let ran = ended.ran().join("\n");
    assert!(ran.contains("[scan 1/1]") && ran.contains("[verdict 2/2]"), "{ran}");
    let ended = build(build_function("nothing"), &options).await;
    assert!(!ended.report.is_success());
    build(build_function("shipped"), &options.target("checks"))
        .await
        .expect_success();
}
