//! What becomes of a result: files, archives, images; and what a step may see while it is made.

use std::fs;
use std::io::Read;
use std::time::{Duration, Instant};

use stagewright::builder::{Secret as SecretValue, StartError};
use stagewright::{Build, BuildOptions, Output, Scratch, Targets, sh};
use stagewright_tests::Archive;

use crate::support::{builder, directory, end, unique};

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
