//! Six gates side by side, and their reports, also of those that failed.

use std::fs;
use std::path::Path;

use stagewright_tests::Environment;
use stagewright_tests::container::Image;

use crate::project::{Project, stop};

const GATES: [&str; 6] = ["lint", "unit", "integration", "licences", "verdict", "e2e"];

fn read(out: &Path, report: &str) -> String {
    let path = out.join(report);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn the_image_ships_when_all_have_passed_and_has_nothing_of_them() {
    let (project, out) = (Project::new("quality-gate"), tempfile::tempdir().unwrap());
    let built = project.build().args(["--reports", out.path().to_str().unwrap()]).run();
    for gate in GATES {
        let begin = format!("[{gate} ");
        assert!(built.progress.vertices().any(|vertex| vertex.name.starts_with(&begin)), "{gate}: {built}");
    }
    let summary = read(out.path(), "verdict/app/summary.txt");
    assert!(summary.contains("100 % of lines") && !summary.contains("WRONG"), "{summary}");

    // A directory and three copies on the base: gates add no layer.
    let node = Image::find(&Environment::get().registry, "library/node", "18-slim").unwrap();
    assert_eq!(project.image("cart").layers.len(), node.layers.len() + 4);
    let mut cart = project.start("cart");
    let answer = cart.get(8080, "/health").unwrap();
    assert_eq!(answer.status, 200, "{answer}");
    let rootfs = cart.rootfs();
    assert!(!rootfs.has("reports") && !rootfs.has("app/test") && !rootfs.has("app/gate"));
    stop(&mut cart);
}

#[test]
fn reports_of_what_failed_come_out_and_nothing_ships() {
    let (project, out) = (Project::new("quality-gate"), tempfile::tempdir().unwrap());
    project.edit("src/cart.js", "const off =", "const unused = 1;\n  const off =");
    project.edit("test/unit/cart.test.js", "total: 1.35", "total: 1.36");
    let build = project.build().args(["--reports", out.path().to_str().unwrap()]);
    build.refused(["'unused' is assigned a value but never used", "npm run lint", "stages.rs"]);

    let lint = read(out.path(), "lint/reports/lint.json");
    assert!(lint.contains("no-unused-vars"), "{lint}");
    let tests = read(out.path(), "unit/reports/tests.tap");
    assert!(tests.contains("not ok 1 - goods add up"), "{tests}");
    let summary = read(out.path(), "verdict/app/summary.txt");
    let says =
        |line: &str| assert!(summary.lines().any(|found| found.starts_with(line)), "{line}: {summary}");
    says("WRONG  lint         1 errors");
    says("WRONG  unit         2 passed, 1 failed");
    says("right  integration  1 passed, 0 failed");
}
