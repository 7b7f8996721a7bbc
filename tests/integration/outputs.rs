//! What becomes of a result: files, archives, images; and what a step may see while it is made.

use std::fs;
use std::io::Read;
use std::time::{Duration, Instant};

use schemars::JsonSchema;
use serde::Deserialize;
use stagewright::builder::{Secret as SecretValue, StartError};
use stagewright::{Build, BuildOptions, Output, Scratch, Targets, sh};
use stagewright_tests::Archive;

use crate::support::{builder, directory, end, image, unique, write};

#[derive(Deserialize, JsonSchema)]
struct Pull {
    image: String,
}

fn files(b: &Build, (): ()) -> Targets {
    let src = b.context();
    let image = b
        .runtime("app", Scratch)
        .copy(src.all(), "/")
        .file("/made", "made\n")
        .cmd(["/made"]);
    Targets::new().product(image)
}

#[tokio::test]
async fn a_directory_a_tar_and_an_oci_archive() {
    let context = directory(&[("a", "a"), ("sub/b", "b"), (".dockerignore", "*.log"), ("x.log", "")]);
    let out = tempfile::tempdir().unwrap();
    let (local, tar, oci) =
        (out.path().join("local"), out.path().join("app.tar"), out.path().join("app.oci"));
    let options = BuildOptions::new(context.path())
        .output(Output::local(&local))
        .output(Output::tar(&tar))
        .output(Output::oci(&oci));
    let ended = end(builder().await.build(files, &options).await.unwrap())
        .await
        .expect_success();
    assert_eq!(ended.report.product("app").unwrap().files.len(), 3);

    assert_eq!(fs::read_to_string(local.join("sub/b")).unwrap(), "b");
    assert_eq!(fs::read_to_string(local.join("made")).unwrap(), "made\n");
    assert!(!local.join("x.log").exists(), ".dockerignore holds");

    let mut names = Vec::new();
    for entry in tar::Archive::new(fs::File::open(&tar).unwrap()).entries().unwrap() {
        let mut entry = entry.unwrap();
        let mut text = String::new();
        entry.read_to_string(&mut text).unwrap();
        names.push((entry.path().unwrap().display().to_string(), text));
    }
    assert!(names.contains(&("sub/b".to_owned(), "b".to_owned())), "{names:?}");
    assert!(fs::metadata(&oci).unwrap().len() > 0);
    Archive::open(&oci).unwrap();
}

#[tokio::test]
async fn every_exporter_at_once_from_one_solve() {
    let (context, out) = (directory(&[("a", "a")]), tempfile::tempdir().unwrap());
    let path = |name: &str| out.path().join(name);
    let name = image("outputs", &unique());
    let options = BuildOptions::new(context.path())
        .output(Output::push().attr("name", &name).attr("push-by-digest", "false"))
        .output(Output::oci(path("oci")))
        .output(Output::docker(path("docker")))
        .output(Output::tar(path("tar")))
        .output(Output::local(path("local")))
        .output(Output::cache_only());
    let ended = end(builder().await.build(files, &options).await.unwrap())
        .await
        .expect_success();
    let product = ended.report.product("app").unwrap();
    assert_eq!(product.files.len(), 4);
    assert_eq!(product.names, [name]);
    for archive in ["oci", "docker"] {
        Archive::open(&path(archive)).unwrap();
    }
    assert_eq!(fs::read_to_string(path("local/a")).unwrap(), "a");
    assert!(fs::metadata(path("tar")).unwrap().len() > 0);
}

#[tokio::test]
async fn an_image_is_pushed_by_digest() {
    let context = directory(&[("a", &unique())]);
    let repository = image("by-digest", "x");
    let name = repository.trim_end_matches(":x");
    let push = Output::push().attr("name", name).attr("push-by-digest", "true");
    let options = BuildOptions::new(context.path()).output(push);
    let ended = end(builder().await.build(files, &options).await.unwrap())
        .await
        .expect_success();
    let digest = ended.report.product("app").unwrap().digest.clone().unwrap();
    let pull = |b: &Build, p: Pull| Targets::new().product(b.runtime("app", p.image.as_str()));
    let options = BuildOptions::new(context.path()).arg("image", format!("{name}@{digest}"));
    end(builder().await.build(pull, &options).await.unwrap()).await.expect_success();
}

#[tokio::test]
async fn what_stays_in_the_cache_is_cached() {
    let text = unique();
    let build = move |b: &Build, (): ()| {
        let image = b.runtime("app", "busybox").env("TEXT", &text).run("echo $TEXT > /text");
        Targets::new().product(image)
    };
    let options = BuildOptions::new(".").output(Output::cache_only());
    let first = end(builder().await.build(&build, &options).await.unwrap())
        .await
        .expect_success();
    assert_eq!(first.ran().len(), 1);
    let second = end(builder().await.build(&build, &options).await.unwrap())
        .await
        .expect_success();
    assert_eq!(second.ran(), Vec::<String>::new());
}

#[tokio::test]
async fn a_directory_becomes_what_the_export_is() {
    let (context, out) = (directory(&[("a", "a"), ("sub/b", "b")]), tempfile::tempdir().unwrap());
    let outside = directory(&[("precious", "")]);
    for (path, text) in [("a", "old"), ("sub/old", "old"), ("old/deep/f", "old")] {
        write(&out.path().join(path), text);
    }
    std::os::unix::fs::symlink(outside.path(), out.path().join("link")).unwrap();
    for (mode, kept) in [("copy", true), ("delete", false)] {
        let options = BuildOptions::new(context.path()).output(Output::local(out.path()).attr("mode", mode));
        end(builder().await.build(files, &options).await.unwrap())
            .await
            .expect_success();
        for path in ["sub/old", "old/deep/f", "link"] {
            assert_eq!(fs::symlink_metadata(out.path().join(path)).is_ok(), kept, "{mode}: {path}");
        }
        assert_eq!(fs::read_to_string(out.path().join("a")).unwrap(), "a");
        assert_eq!(fs::read_to_string(out.path().join("sub/b")).unwrap(), "b");
        assert!(outside.path().join("precious").exists());
    }
}

#[tokio::test]
async fn setuid_files_and_devices_come_only_when_asked_for() {
    let build = |b: &Build, (): ()| {
        let make = "echo > /su && chmod 4755 /su && mkfifo /pipe";
        Targets::new().product(b.runtime("app", "busybox").run(make))
    };
    let out = tempfile::tempdir().unwrap();
    let mode = |name: &str| {
        use std::os::unix::fs::PermissionsExt as _;
        fs::metadata(out.path().join(name)).unwrap().permissions().mode() & 0o7777
    };
    let output = Output::local(out.path());
    let options = BuildOptions::new(".").output(output.clone());
    let ended = end(builder().await.build(build, &options).await.unwrap()).await;
    let (_, failure) = ended.report.failures().next().expect("a pipe is not taken");
    assert!(failure.to_string().contains("\"pipe\" is a device or a pipe"), "{failure}");
    assert_eq!(fs::read_dir(out.path()).unwrap().count(), 0);
    for (setuid, expected) in [("false", 0o755), ("true", 0o4755)] {
        let output = output.clone().attr("devices", "true").attr("setuid", setuid);
        let options = BuildOptions::new(".").output(output);
        end(builder().await.build(build, &options).await.unwrap())
            .await
            .expect_success();
        assert_eq!(mode("su"), expected);
    }
}

#[tokio::test]
async fn a_failed_build_leaves_the_old_file() {
    let out = tempfile::tempdir().unwrap();
    let file = out.path().join("app.tar");
    fs::write(&file, "old").unwrap();
    let fails = |b: &Build, (): ()| Targets::new().product(b.runtime("app", "busybox").run("exit 1"));
    let options = BuildOptions::new(".").output(Output::tar(&file)).no_cache();
    let ended = end(builder().await.build(fails, &options).await.unwrap()).await;
    assert!(!ended.report.is_success());
    assert_eq!(fs::read_to_string(&file).unwrap(), "old");
    assert_eq!(fs::read_dir(out.path()).unwrap().count(), 1, "nothing is left beside it");
}

fn secrets(b: &Build, (): ()) -> Targets {
    let (token, absent) = (b.secret("token"), b.secret("absent").optional());
    let image = b.runtime("app", "busybox").run(
        sh("wc -c < /run/secrets/token > /size; echo ${#TOKEN} >> /size; test ! -e /run/secrets/absent")
            .secret(&token)
            .secret_env("TOKEN", &token)
            .secret(&absent),
    );
    Targets::new().product(image)
}

#[tokio::test]
async fn a_secret_is_seen_by_its_step_alone() {
    let out = tempfile::tempdir().unwrap();
    let value = unique();
    let options = BuildOptions::new(".")
        .secret("token", SecretValue::value(value.clone()).unwrap())
        .output(Output::local(out.path().join("app")))
        .no_cache();
    let ended = end(builder().await.build(secrets, &options).await.unwrap())
        .await
        .expect_success();
    let size = fs::read_to_string(out.path().join("app/size")).unwrap();
    assert_eq!(size, format!("{0}\n{0}\n", value.len()));
    assert!(
        !out.path()
            .join("app/run/secrets/token")
            .metadata()
            .is_ok_and(|file| file.len() > 0)
    );
    assert!(!format!("{:?}", ended.events).contains(&value));
}

#[tokio::test]
async fn a_missing_secret_is_named() {
    let options = BuildOptions::new(".").no_cache();
    let error = builder().await.build(secrets, &options).await.unwrap_err();
    assert!(matches!(error, StartError::Options(_)), "{error:?}");
    assert!(error.to_string().contains("secret `token`"), "{error}");
}

#[tokio::test]
async fn cancelling_stops_the_step_in_the_daemon() {
    let salt = unique();
    let slow = move |b: &Build, (): ()| {
        let image = b.runtime("app", "busybox").env("SALT", &salt).run("echo started; sleep 60");
        Targets::new().product(image)
    };
    let mut running = builder().await.build(slow, &BuildOptions::new(".")).await.unwrap();
    loop {
        match running.next().await.expect("the build is under way") {
            stagewright::Event::Status { update, .. } if !update.logs.is_empty() => break,
            _ => {}
        }
    }
    let start = Instant::now();
    running.cancel();
    let report = running.finish().await;
    let (_, failure) = report.failures().next().expect("the build is cancelled");
    assert!(failure.is_cancelled(), "{failure}");
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
}
