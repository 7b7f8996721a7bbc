//! The wines: models that were judged, a service that tells them apart, and a trial that happens.

use std::fs;

use stagewright_tests::container::Container;

use crate::project::{Project, stop};

/// What `/predict` answers a user about one wine.
fn predict(container: &Container, user: &str) -> String {
    let wine = "[13.2, 1.8, 2.4, 16.0, 101, 2.8, 3.2, 0.3, 2.8, 5.7, 1.0, 3.2, 1185]";
    let ask = "import sys, urllib.request as r; \
               q = r.Request(sys.argv[1], sys.argv[2].encode(), {'content-type': 'application/json'}); \
               print(r.urlopen(q).read().decode(), end='')";
    let question = format!(r#"{{"user": "{user}", "features": {wine}}}"#);
    container
        .exec(&["python3", "-c", ask, "http://127.0.0.1:8000/predict", &question])
        .unwrap()
}

#[test]
fn the_service_predicts_and_the_trial_has_its_share() {
    let project = Project::new("ml-serving");
    project.build().param("share", "0.5").run();

    let mut serving = project.start("serving");
    for user in ["ada", "bob"] {
        let answer = predict(&serving, user);
        assert!(answer.contains(r#""cultivar":0"#) && answer.contains(r#""model":"a""#), "{answer}");
    }
    let metrics = serving.get(8000, "/metrics").unwrap();
    assert!(metrics.body.contains(r#"predictions_total{cultivar="0",model="a"} 2.0"#), "{metrics}");
    let rootfs = serving.rootfs();
    for absent in ["app/training", "models/b.joblib", "usr/bin/gcc", "opt/venv/bin/pytest", "reports"] {
        assert!(!rootfs.has(absent), "{absent} is in the image");
    }
    stop(&mut serving);

    let mut trial = project.start("trial");
    let models: Vec<bool> = (0..12)
        .map(|user| predict(&trial, &format!("user{user}")).contains(r#""model":"b""#))
        .collect();
    assert!(models.contains(&true) && models.contains(&false), "{models:?}");
    stop(&mut trial);
}

#[test]
fn a_model_that_is_not_good_enough_does_not_ship() {
    let project = Project::new("ml-serving");
    project.edit("training/train.py", "LogisticRegression(C=0.5", "LogisticRegression(C=0.0001");
    project
        .build()
        .target("trial")
        .refused(["/models/b.joblib: accuracy: NOT GOOD ENOUGH"]);
    // The other one is as good as before.
    let out = tempfile::tempdir().unwrap();
    let output = format!("type=local,dest={}", out.path().display());
    project.build().target("accuracy-a").args(["-o", &output]).run();
    let report = fs::read_to_string(out.path().join("reports/a-accuracy.json")).unwrap();
    assert!(report.contains("\"accuracy\": 0.9") || report.contains("\"accuracy\": 1.0"), "{report}");
}

#[test]
fn a_test_that_fails_refuses_both_images() {
    let project = Project::new("ml-serving");
    project.edit("tests/test_service.py", "status_code == 422", "status_code == 200");
    project
        .build()
        .refused(["test_a_question_that_is_wrong_is_refused", r#".run("python -m pytest tests")"#]);
}
