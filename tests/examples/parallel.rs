//! Parcels priced by three toolchains: chains that overlap, reports that come out, and an image without any of them.

use std::collections::BTreeMap;
use std::fs;

use jiff::Timestamp;

use crate::project::{Built, Project, stop};
use crate::support::unique;

const CHAINS: [&str; 3] = ["web", "api", "model"];

/// When each chain's first command began and its last one ended.
fn spans(built: &Built) -> BTreeMap<&str, (Timestamp, Timestamp)> {
    let mut spans = BTreeMap::new();
    for vertex in built.progress.vertices().filter(|vertex| vertex.is_run() && vertex.ran()) {
        let chain = vertex.name[1..].split('-').next().unwrap();
        let time = |text: &str| text.parse::<Timestamp>().unwrap_or_else(|error| panic!("{error}: {built}"));
        let (start, end) = (time(&vertex.starts[0]), time(vertex.ended.as_deref().unwrap_or_default()));
        let span = spans.entry(chain).or_insert((start, end));
        *span = (span.0.min(start), span.1.max(end));
    }
    spans
}

#[test]
fn the_chains_are_under_way_at_the_same_time() {
    let project = Project::new("parallel");
    let salt = unique();
    project.edit("web/package.json", "\"private\": true", &format!("\"private\": true, \"x\": \"{salt}\""));
    project.edit("api/go.mod", "module example.com/quotes", &format!("// {salt}\nmodule example.com/quotes"));
    project.edit("model/requirements.txt", "numpy==", &format!("# {salt}\nnumpy=="));
    let cold = project.build().run();
    let spans = spans(&cold);
    assert_eq!(spans.keys().copied().collect::<Vec<_>>(), ["api", "model", "web"], "{cold}");
    let last_start = spans.values().map(|span| span.0).max();
    let first_end = spans.values().map(|span| span.1).min();
    assert!(last_start < first_end, "one began when another was over: {spans:?}");

    let mut container = project.start("quotes");
    let quote = container.get(8080, "/quote?kg=2&km=100").unwrap();
    assert!(quote.status == 200 && quote.body.contains("\"cents\":5"), "{quote}");
    assert_eq!(container.get(8080, "/health").unwrap().body, "{\"sample\":60}\n");
    assert!(container.get(8080, "/").unwrap().body.contains("<title>Quotes</title>"));
    assert_eq!(container.get(8080, "/main.js").unwrap().status, 200);
    let files: Vec<String> = container
        .rootfs()
        .files()
        .into_iter()
        .filter(|it| !it.starts_with("proc"))
        .collect();
    let expected = ["srv/model.json", "srv/site/index.html", "srv/site/main.js", "usr/bin/quotes"];
    assert_eq!(files, expected, "the image has these files and no others");
    assert!(project.image("quotes").size() < 12_000_000, "{:?}", project.image("quotes"));
    stop(&mut container);

    // One source of one chain: the others rest.
    project.edit("web/src/index.html", "<title>Quotes", "<title>All quotes");
    let edited = project.build().run();
    assert!(
        !edited.ran().is_empty() && edited.ran().iter().all(|name| name.starts_with("[web-")),
        "{edited}"
    );
}

#[test]
fn coverage_comes_out_of_each_chain() {
    let project = Project::new("parallel");
    let out = tempfile::tempdir().unwrap();
    for (chain, file) in
        CHAINS
            .iter()
            .zip(["web/coverage/lcov.info", "api/coverage.out", "model/coverage/index.html"])
    {
        let to = out.path().join(chain);
        let output = format!("type=local,dest={}", to.display());
        project.build().target(&format!("{chain}-test")).args(["-o", &output]).run();
        let text = fs::read_to_string(to.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert!(!text.is_empty(), "{file} is empty");
    }
}

#[test]
fn a_test_of_any_chain_refuses_the_image() {
    let project = Project::new("parallel");
    project.edit("model/tests/test_fit.py", r#""per_km": 2.0"#, r#""per_km": 3.0"#);
    project
        .build()
        .refused(["test_an_exact_price_is_found", ".run(\"python -m pytest"]);
}
