//! What is said beside the program: platforms, limits, hosts, contexts that stand in for others, caches, attestations.

use std::fs;

use buildkit_llb::{ExtraHost, Platform, Ulimit};
use stagewright::builder::Cache;
use stagewright::{Build, BuildOptions, ContextSource, Output, Scratch, Targets};
use stagewright_plan::lower::Settings;

use crate::support::{builder, directory, end, unique};

fn files(b: &Build, (): ()) -> Targets {
    let image = b.runtime("app", Scratch).copy(b.context().all(), "/");
    Targets::new().product(image.file("/for", b.platform().to_string()))
}

#[tokio::test]
async fn two_platforms_are_one_result() {
    let context = directory(&[("a", "a")]);
    let out = tempfile::tempdir().unwrap();
    let (local, oci) = (out.path().join("local"), out.path().join("app.oci"));
    let options = BuildOptions::new(context.path())
        .platform(Platform::new("linux", "amd64"))
        .platform(Platform::new("linux", "386"))
        .output(Output::local(&local))
        .output(Output::oci(&oci));
    end(builder().await.build(files, &options).await.unwrap())
        .await
        .expect_success();
    for (platform, id) in [("linux_amd64", "linux/amd64"), ("linux_386", "linux/386")] {
        assert_eq!(fs::read_to_string(local.join(platform).join("a")).unwrap(), "a");
        assert_eq!(fs::read_to_string(local.join(platform).join("for")).unwrap(), id);
    }
    assert!(fs::metadata(&oci).unwrap().len() > 0);
}

#[tokio::test]
async fn settings_are_those_of_every_command() {
    let id = unique();
    let describe = move |b: &Build, (): ()| {
        let script = format!(
            "echo {id} > /out && cat /etc/hosts >> /out && ulimit -n >> /out && df -k /dev/shm >> /out && \
             echo $HTTP_PROXY >> /out && hostname >> /out"
        );
        let made = b.base("base", "busybox").builder("made").run(script);
        Targets::new().product(b.runtime("app", Scratch).copy(made.artifact("/out"), "/out"))
    };
    let settings = Settings {
        extra_hosts: vec![ExtraHost { host: "db".to_owned(), ip: "10.1.2.3".parse().unwrap() }],
        ulimits: vec![Ulimit { name: "nofile".to_owned(), soft: 321, hard: 321 }],
        shm_size: 3 << 20,
        ..Settings::default()
    };
    let out = tempfile::tempdir().unwrap();
    let options = BuildOptions::new(out.path())
        .settings(settings)
        .arg("HTTP_PROXY", "http://proxy.invalid")
        .arg("BUILDKIT_SANDBOX_HOSTNAME", "machine")
        .output(Output::local(out.path().join("local")));
    end(builder().await.build(describe, &options).await.unwrap())
        .await
        .expect_success();
    let text = fs::read_to_string(out.path().join("local/out")).unwrap();
    let words: Vec<&str> = text.split_whitespace().collect();
    for word in ["10.1.2.3", "db", "321", "3072", "http://proxy.invalid", "machine"] {
        assert!(words.contains(&word), "no {word:?} in {text}");
    }
}

#[tokio::test]
async fn a_directory_stands_in_for_a_stage() {
    let describe = |b: &Build, (): ()| {
        let made = b.base("base", "busybox").builder("made").run("exit 1");
        Targets::new().product(b.runtime("app", Scratch).copy(made.artifact("/out"), "/out"))
    };
    let instead = directory(&[("out", "instead"), ("other", "")]);
    let out = tempfile::tempdir().unwrap();
    let given: ContextSource = instead.path().into();
    let options = BuildOptions::new(out.path())
        .context_named("made", given)
        .output(Output::local(out.path().join("local")));
    end(builder().await.build(describe, &options).await.unwrap())
        .await
        .expect_success();
    assert_eq!(fs::read_to_string(out.path().join("local/out")).unwrap(), "instead");
}

#[tokio::test]
async fn a_cache_is_written_to_a_directory_and_named_there() {
    let context = directory(&[("a", &unique())]);
    let cache = tempfile::tempdir().unwrap();
    let place = cache.path().join("cache").display().to_string();
    let options = BuildOptions::new(context.path());
    let written = options
        .clone()
        .cache_to(Cache::new("local").attr("dest", &place).attr("mode", "max"));
    end(builder().await.build(files, &written).await.unwrap())
        .await
        .expect_success();
    let read = options.cache_from(Cache::new("local").attr("src", &place));
    end(builder().await.build(files, &read).await.unwrap()).await.expect_success();
    let missing = BuildOptions::new(context.path())
        .cache_from(Cache::new("local").attr("src", &place).attr("tag", "other"));
    let error = builder().await.build(files, &missing).await.unwrap_err().to_string();
    assert_eq!(error, format!("cache: {place} has no cache `other`"));
}

#[tokio::test]
async fn an_image_is_attested_to() {
    let context = directory(&[("a", &unique())]);
    let out = tempfile::tempdir().unwrap();
    let options = BuildOptions::new(context.path())
        .attest("provenance", "mode=max")
        .output(Output::oci(out.path().join("app.oci")));
    end(builder().await.build(files, &options).await.unwrap())
        .await
        .expect_success();
    let archive = fs::read(out.path().join("app.oci")).unwrap();
    let text = String::from_utf8_lossy(&archive);
    assert!(text.contains("attestation-manifest"), "the index names an attestation");
}
