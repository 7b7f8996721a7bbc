//! A service and an exporter in one image: both healthy, both gone on a signal.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::project::{Project, containers, healthy, stop};

#[test]
fn both_processes_answer_and_end_together() {
    let project = Project::new("monitoring");
    project.build().run();
    let mut service = project.start("service");
    assert_eq!(service.get(3000, "/greet/Ada").unwrap().body, "Hello, Ada\n");
    let own = service.get(3000, "/metrics").unwrap();
    assert!(own.body.contains(r#"http_requests_total{route="/greet/:name",status="200"} 1"#), "{own}");
    let machine = service.get(9100, "/metrics").unwrap();
    assert!(machine.body.contains("node_memory_MemTotal_bytes"), "{}", machine.status);
    stop(&mut service);
    assert!(service.log().contains("the service ends on SIGTERM"), "{}", service.log());

    // One of them gone: so is the other, and that is a failure.
    let image = project.image("service");
    let mut service = healthy(containers().run(&image, "orphan").start().unwrap());
    service
        .exec(&["bash", "-c", "kill -9 $(grep -lz ^node_exporter /proc/[0-9]*/cmdline | cut -d/ -f3)"])
        .unwrap();
    let end = service.wait_end().unwrap();
    assert_eq!(end.status.code(), Some(1), "{}", service.log());
    assert!(service.log().contains("the other has to, too"), "{}", service.log());
}

#[test]
fn a_failing_test_is_a_closed_gate() {
    let project = Project::new("monitoring");
    project.edit("src/app.js", "return /^", "return false && /^");
    project
        .build()
        .refused(["not ok", "requests are counted by route and not by path", "run(\"npm test\")"]);
}

#[test]
fn the_compose_file_fits_together() {
    let project = Project::new("monitoring");
    let directory = project.file("compose");
    let compose = yaml(&directory.join("compose.yaml"));
    assert_eq!(compose["version"], Value::Null, "nobody reads it");
    let services = compose["services"].as_object().unwrap();
    let names: BTreeSet<&str> = services.keys().map(String::as_str).collect();
    assert_eq!(names, BTreeSet::from(["fluentd", "grafana", "jaeger", "prometheus", "service"]));
    for (name, service) in services {
        if let Some(image) = service["image"].as_str() {
            let tag = image.split_once(':').map(|(_, tag)| tag);
            assert!(tag.is_some_and(|tag| tag != "latest"), "{name}: {image} is not pinned");
        }
        for volume in service["volumes"].as_array().into_iter().flatten() {
            let from = volume.as_str().unwrap().split(':').next().unwrap();
            let is_there = if from.starts_with('.') {
                directory.join(from).exists()
            } else {
                compose["volumes"].get(from).is_some()
            };
            assert!(is_there, "{name}: there is no {from}");
        }
    }
    let built = &services["service"]["build"];
    assert!(
        directory
            .join(built["context"].as_str().unwrap())
            .join(built["dockerfile"].as_str().unwrap())
            .exists()
    );
    let plan = project.build().plan();
    assert!(plan.targets.iter().any(|target| built["target"] == *target.name), "{built}");
    let password = services["grafana"]["environment"]["GF_SECURITY_ADMIN_PASSWORD"]
        .as_str()
        .unwrap();
    assert!(password.starts_with("${") && password.contains(":?"), "a password has to be given");

    // Where spans and logs are sent, somebody listens.
    let spans = services["service"]["environment"]["OTEL_EXPORTER_OTLP_ENDPOINT"]
        .as_str()
        .unwrap();
    assert_eq!(spans, "http://jaeger:4318", "where Jaeger takes them");
    let logs = &services["service"]["logging"];
    assert_eq!(logs["driver"], "fluentd");
    let address = logs["options"]["fluentd-address"].as_str().unwrap();
    let port = services["fluentd"]["ports"][0].as_str().unwrap();
    assert_eq!(port, format!("{address}:24224"), "docker sends to {address}");
    let conf = fs::read_to_string(directory.join("fluentd/fluent.conf")).unwrap();
    let tag = logs["options"]["tag"].as_str().unwrap();
    assert!(conf.contains("port 24224") && conf.contains(&format!("<match {tag}.**>")), "{conf}");

    // What Prometheus asks, the image serves.
    let exposed = &plan.stages.iter().find(|stage| stage.name == "service").unwrap().runtime.expose;
    for job in yaml(&directory.join("prometheus.yml"))["scrape_configs"].as_array().unwrap() {
        let target = job["static_configs"][0]["targets"][0].as_str().unwrap();
        let (host, port) = target.split_once(':').unwrap();
        assert!(names.contains(host), "{target}");
        assert!(
            exposed.iter().any(|exposed| exposed.split('/').next() == Some(port)),
            "{target}: {exposed:?}"
        );
    }
}

fn yaml(path: &Path) -> Value {
    serde_saphyr::from_str(&fs::read_to_string(path).unwrap())
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
