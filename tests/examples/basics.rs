//! The smallest of each language.

use crate::project::{Project, stop};

#[test]
fn each_greets_and_has_nothing_of_its_builder() {
    let project = Project::new("basics");
    project.build().run();
    for (language, builder) in [
        ("Node", "app/test"),
        ("Go", "usr/lib/go-1.23"),
        ("Python", "venv/bin/pytest"),
        ("Rust", "usr/bin/cargo"),
        ("Java", "usr/share/maven"),
    ] {
        let target = format!("{}-app", language.to_lowercase());
        let mut server = project.start(&target);
        let answer = server.get(8080, "/?name=Ada").unwrap();
        assert_eq!(answer.body, format!("<p>{language} greets Ada</p>\n"), "{answer}");
        assert!(!server.rootfs().has(builder), "{target} has {builder}");
        stop(&mut server);
    }
    for (target, limit) in [("go-app", 6_000_000), ("rust-app", 2_000_000)] {
        let size = project.image(target).size();
        assert!(size < limit, "{target} has {size} bytes");
    }
    let mut site = project.start("site-app");
    let answer = site.get(8080, "/about.html").unwrap();
    assert!(answer.body.contains("<title>About</title>"), "{answer}");
    assert!(!site.rootfs().has("usr/bin/node"));
    stop(&mut site);
}

#[test]
fn a_failing_test_is_a_closed_gate() {
    let project = Project::new("basics");
    project.edit("node/test/greeting.test.js", "greets Ada", "greets Bob");
    project
        .build()
        .target("node-app")
        .refused(["not ok 1 - a name is greeted", "run(\"npm test\")"]);
}
