//! Secrets that got out: each form is planted somewhere, and found before the image goes anywhere.

use std::collections::BTreeSet;

use stagewright::builder::{
    AuditError, Audited, Failure, Form, Leak, MissingReport, Place, Secret as SecretValue,
};
use stagewright::prelude::*;
use stagewright::{BuildOptions, DriveError, Event, Output};
use stagewright_tests::Environment;

use crate::support::{Ended, builder, directory, end, image, unique};

/// What no image has by chance, with everything in it that JSON escapes.
fn secret() -> String {
    format!("s3cret <{}> & \"more\"", unique())
}

async fn build(build: impl Fn(&Build, ()) -> Targets, value: &str, options: BuildOptions) -> Ended {
    // A daemon does not look at a secret's value: what a step made with another one would be found in its cache.
    let options = options
        .no_cache()
        .secret("token", SecretValue::value(value).unwrap())
        .audit_secrets();
    end(builder().await.build(build, &options).await.unwrap()).await
}

/// The leaks for which a target failed.
fn leaks(ended: &Ended) -> Vec<Leak> {
    let failure = ended.report.failures().next().map(|(_, failure)| failure);
    let Some(DriveError::Audit(error)) = failure.and_then(Failure::drive) else {
        panic!("no audit failed: {failure:?}")
    };
    let AuditError::Leaks(leaks) = error.as_ref() else { panic!("{error}") };
    leaks.clone()
}

fn audited(ended: &Ended) -> Audited {
    let mut found = ended.events.iter().filter_map(|event| match event {
        Event::Audited { audited, .. } => Some(audited.clone()),
        _ => None,
    });
    found.next().expect("the target was audited")
}

/// The step that gets the secret and plants what the line says; `$T` is the file.
fn plant(secret: &Secret, line: &str) -> Run {
    sh(format!("T=/run/secrets/token; mkdir -p /planted; {line}")).secret(secret)
}

#[tokio::test]
async fn every_form_is_found_in_a_layer() {
    let value = secret();
    let lines = [
        ("value", Form::Value, "(echo before; cat $T) > /planted/value"),
        ("base64-0", Form::Base64, "base64 -w 0 $T > /planted/base64-0"),
        ("base64-1", Form::Base64, "(printf a; cat $T; printf b) | base64 > /planted/base64-1"),
        ("base64-2", Form::Base64, "(printf ab; cat $T; echo) | base64 -w 10 > /planted/base64-2"),
        ("hex", Form::Hex, "hexdump -v -e '1/1 \"%02x\"' $T > /planted/hex"),
        ("sha256", Form::Sha256, "sha256sum < $T > /planted/sha256"),
        ("sha256-line", Form::Sha256, "(cat $T; echo) | sha256sum > /planted/sha256-line"),
    ];
    let program = |b: &Build, (): ()| {
        let token = b.secret("token");
        let all: Vec<&str> = lines.iter().map(|(.., line)| *line).collect();
        let image = b.runtime("app", "busybox").run(plant(&token, &all.join(" && ")));
        Targets::new().product(image)
    };
    // zstd is what a daemon may be told to use; gzip is what it uses.
    for compression in ["gzip", "zstd", "uncompressed"] {
        let out = tempfile::tempdir().unwrap();
        let file = out.path().join("app.tar");
        let output = Output::oci(&file)
            .attr("compression", compression)
            .attr("force-compression", "true");
        let ended = build(program, &value, BuildOptions::new(out.path()).output(output)).await;
        let found: BTreeSet<(String, Form)> = leaks(&ended)
            .into_iter()
            .map(|leak| match leak.place {
                Place::Layer { number: 2, layers: 2, path, .. } => (path, leak.form),
                other => panic!("{compression}: {other}"),
            })
            .collect();
        let expected = lines.map(|(name, form, _)| (format!("planted/{name}"), form)).into();
        assert_eq!(found, expected, "{compression}");
        assert!(!file.exists(), "an image that leaks went out");
    }
}

#[tokio::test]
async fn a_leak_is_found_wherever_it_is_and_nothing_is_pushed() {
    let value = secret();
    let text = value.clone();
    let program = move |b: &Build, (): ()| {
        let token = b.secret("token");
        let image = b
            .runtime("app", "busybox")
            .run(plant(&token, "cat $T > /planted/removed && ln -s \"$(cat $T)\" /planted/link"))
            .run("rm /planted/removed")
            .run(format!("echo '{text}' > /dev/null"))
            .run(plant(&token, "cat $T; base64 $T >&2"))
            .env("TOKEN", text.as_str())
            .annotation("example.token", text.as_str());
        Targets::new().product(image)
    };
    let (repository, context) = (format!("audit/{}", unique()), directory(&[]));
    let options = BuildOptions::new(context.path())
        .tag(image(&repository, "1"))
        .push()
        .attest("provenance", "mode=max");
    let ended = build(program, &value, options).await;

    let leaks = leaks(&ended);
    let at = |place: &dyn Fn(&Place) -> bool| leaks.iter().filter(|leak| place(&leak.place)).count();
    let file = |name: &'static str| move |place: &Place| matches!(place, Place::Layer { number: 2, path, .. } if path == name);
    assert_eq!(at(&file("planted/removed")), 1, "{leaks:#?}");
    assert_eq!(at(&file("planted/link")), 1, "{leaks:#?}");
    assert!(at(&|place| matches!(place, Place::History { .. })) > 0, "{leaks:#?}");
    assert!(at(&|place| *place == Place::Config) > 0, "{leaks:#?}");
    assert!(at(&|place| matches!(place, Place::Document { .. })) > 0, "{leaks:#?}");
    let provenance =
        |place: &Place| matches!(place, Place::Attestation { predicate } if predicate.contains("slsa.dev"));
    assert!(at(&provenance) > 0, "{leaks:#?}");
    assert_eq!(at(&|place| matches!(place, Place::Log { .. })), 2, "{leaks:#?}");

    let registry = Environment::get().registry;
    assert!(registry.manifest(&repository, "1").unwrap().is_none(), "an image that leaks was pushed");
}

#[tokio::test]
async fn what_does_not_leak_goes_out_and_its_steps_run_once() {
    let value = secret();
    let program = |b: &Build, (): ()| {
        let token = b.secret("token");
        let base = b.base("base", "busybox");
        let made = base
            .builder("make")
            // What stays in a builder does not go out.
            .run(plant(&token, "cp $T /planted/here && date +%s%N > /out"));
        let unit = made.tester("unit").run("test -s /planted/here");
        let image = base.runtime("app").copy(made.artifact("/out"), "/").gated_by(&unit);
        Targets::new().product(image)
    };
    let (repository, context) = (format!("audit/{}", unique()), directory(&[]));
    let options = BuildOptions::new(context.path()).tag(image(&repository, "1")).push();
    let ended = build(program, &value, options.attest("provenance", "")).await.expect_success();
    let audited = audited(&ended);
    assert_eq!((audited.secrets, audited.layers), (1, 2), "{audited:?}");
    // Index, manifest, config; the manifest, config and statement of the provenance; the two files of the layout.
    assert!(audited.documents >= 6, "{audited:?}");
    let vertices = ended.vertices();
    // Without a cache it would run once more, if the audit were a build by itself.
    let made = vertices.iter().find(|(name, _)| name.contains("date +%s%N")).unwrap();
    assert_eq!(made.1.starts.len(), 1, "{made:?}");
    assert!(Environment::get().registry.manifest(&repository, "1").unwrap().is_some());
}

#[tokio::test]
async fn what_cannot_be_audited_is_refused() {
    let program = |b: &Build, (): ()| {
        let token = b.secret("token");
        Targets::new().product(b.runtime("app", "busybox").run(sh("true").secret(&token)))
    };
    let context = directory(&[]);
    let start = async |value: &str, options: BuildOptions| {
        let options = options.secret("token", SecretValue::value(value).unwrap()).audit_secrets();
        builder().await.build(program, &options).await.unwrap_err().to_string()
    };
    let error = start("hunter2\n", BuildOptions::new(context.path())).await;
    assert!(error.contains("secret `token` has 7 bytes"), "{error}");
    let cache = "type=registry,ref=localhost:1/cache,mode=max".parse().unwrap();
    let error = start("hunter22", BuildOptions::new(context.path()).cache_to(cache)).await;
    assert!(error.contains("write mode=min"), "{error}");
}

#[tokio::test]
async fn a_report_with_a_secret_is_not_written() {
    let (value, out) = (secret(), tempfile::tempdir().unwrap());
    for (verdict, passes) in [("true", true), ("false", false)] {
        let program = |b: &Build, (): ()| {
            let line = "cp $T /planted/request.log; echo well > /planted/result.txt";
            let unit = b
                .tester("unit", "busybox")
                .run(plant(&b.secret("token"), &format!("{line}; {verdict}")))
                .report("/planted");
            Targets::new().product(b.runtime("app", "busybox").gated_by(&unit))
        };
        let reports = out.path().join(verdict);
        let options = BuildOptions::new(out.path()).reports(&reports).output(Output::cache_only());
        let ended = build(program, &value, options).await;
        let path = "/planted/request.log".to_owned();
        if passes {
            let place = Place::Report { tester: "unit".to_owned(), path: path.clone() };
            assert_eq!(leaks(&ended), [Leak { secret: "token".to_owned(), form: Form::Value, place }]);
        }
        assert_eq!(ended.report.failures().count(), 1, "{verdict}");
        let told = ended.events.iter().filter_map(|event| match event {
            Event::ReportMissing { report, reason, .. } => Some((report.clone(), reason.clone())),
            _ => None,
        });
        assert_eq!(told.collect::<Vec<_>>(), [(path, MissingReport::Leaks)], "{verdict}");
        let written = std::fs::read_dir(reports.join("unit/planted")).unwrap();
        let written: Vec<_> = written.map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(written, ["result.txt"], "{verdict}");
    }
}
