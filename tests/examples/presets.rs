//! A team's own stages: two programs that keep the same rules.

use std::fs;

use crate::project::{Project, containers, stop};

#[test]
fn both_images_keep_the_teams_rules() {
    let (shelf, overdue) =
        (Project::built_by("presets/shelf", "shelf"), Project::built_by("presets/overdue", "overdue"));
    shelf.build().run();
    overdue.build().run();
    for (project, target, version) in [(&shelf, "shelf", "1.2.0"), (&overdue, "overdue", "0.3.1")] {
        let config = project.image(target).config.config;
        assert_eq!(config.user, "65532:65532");
        assert_eq!(config.labels["org.opencontainers.image.vendor"], "Acme");
        assert_eq!(config.labels["org.opencontainers.image.version"], version);
    }

    let mut server = shelf.start("shelf");
    let answer = server.get(8080, "/?q=snow").unwrap();
    assert_eq!(answer.body, "<ul><li>Snow &lt;Country&gt;, Yasunari Kawabata</li></ul>\n", "{answer}");
    assert!(!server.rootfs().has("app/node_modules/semver"), "its tools ship");
    stop(&mut server);

    let loans = overdue.file("lent.csv");
    fs::write(&loans, "Ada,Ficciones,2026-01-20\nCleo,Zeno,2026-02-01\n").unwrap();
    let image = overdue.image("overdue");
    let job = containers().run(&image, "overdue").mount(&loans, "/lent.csv");
    let mut job = job.args(["/lent.csv", "2026-01-31"]).start().unwrap();
    let end = job.wait_end().unwrap();
    assert_eq!(end.status.code(), Some(3), "{}", job.log());
    assert_eq!(job.log(), "Ada: \"Ficciones\" since 2026-01-20\n");
}

#[test]
fn a_failing_test_names_the_line_of_the_preset_and_the_gates_of_both_hold() {
    let shelf = Project::built_by("presets/shelf", "shelf");
    shelf.edit(
        "test/app.test.js",
        "there is no other page', () => assert.equal(answer('/shelves').status, 404",
        "there is no other page', () => assert.equal(answer('/shelves').status, 200",
    );
    shelf.build().refused([
        "not ok 4 - there is no other page",
        "presets/acme/src/node.rs",
        "run(\"npm test\")",
    ]);
    shelf.edit("test/app.test.js", "200", "404");
    shelf.edit("contract/contract.json", "^1.1.0", "^2.0.0");
    shelf.build().refused(["1.2.0 is not ^2.0.0", "presets/shelf/stages.rs"]);

    let overdue = Project::built_by("presets/overdue", "overdue");
    overdue.edit("loans/loans.go", "loan.Due.Before(day)", "!loan.Due.After(day)");
    overdue
        .build()
        .refused(["TestOnItsDayABookIsNotOverdue", "presets/acme/src/go.rs"]);
}
