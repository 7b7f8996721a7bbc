//! The handbook: what runs again after an edit, and what ships.

use std::collections::BTreeSet;

use crate::project::{Built, Project, stop};
use crate::support::unique;

/// The stages of which a command ran.
fn stages(built: &Built) -> BTreeSet<&str> {
    built.ran().iter().map(|name| name[1..].split(' ').next().unwrap()).collect()
}

#[test]
fn an_edit_runs_again_what_reads_it() {
    let project = Project::new("cache-layers");
    let rebuild = |expected: &[&str]| {
        let built = project.build().run();
        assert_eq!(stages(&built), expected.iter().copied().collect(), "{built}");
    };
    // Dependencies: everything.
    project.edit("package.json", "\"private\": true", &format!("\"private\": true, \"x\": \"{}\"", unique()));
    rebuild(&["assets", "packages", "server", "tools", "unit"]);
    rebuild(&[]);
    project.edit("src/site.ts", "'no such page\\n'", "'there is no such page\\n'");
    rebuild(&["server", "unit"]);
    project.edit("assets/style.css", "#b4451f", "#1f6fb4");
    rebuild(&["assets", "unit"]);
    project.edit("pages/setup.md", "The port is `PORT`", "The port is that of `PORT`");
    rebuild(&["unit"]);
    project.edit("README.md", "# Cache layers", "# Layers");
    rebuild(&[]);

    let mut container = project.start("handbook");
    let page = container.get(8080, "/setup").unwrap();
    assert!(page.status == 200 && page.body.contains("that of <code>PORT</code>"), "{page}");
    let style = container.get(8080, "/assets/style.css").unwrap();
    assert!(style.body.contains("#1f6fb4") && !style.body.contains("/*"), "{style}");
    assert_eq!(container.get(8080, "/nowhere").unwrap().body, "there is no such page\n");
    let rootfs = container.rootfs();
    assert!(rootfs.has("app/public/style.css.br") && rootfs.has("app/node_modules/marked"));
    for absent in
        ["app/node_modules/typescript", "app/node_modules/esbuild", "app/src", "app/tools", "app/test"]
    {
        assert!(!rootfs.has(absent), "{absent} is in the image");
    }
    stop(&mut container);
}

#[test]
fn a_test_that_fails_refuses_the_image() {
    let project = Project::new("cache-layers");
    project.edit("test/pages.test.js", "page.title, 'Ports & hosts'", "page.title, 'Harbours'");
    project.build().refused(["Harbours", r#".run("npm test")"#]);
}
