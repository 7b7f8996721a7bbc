//! The pinned, scanned service: what closes its gates.

use crate::project::{Build, Project};

/// The scanner of the tests' registry, which has no other.
fn scanned(build: Build<'_>) -> Build<'_> {
    build.param("sbom_scanner", "stagewright-tests/scanner:1")
}

#[test]
fn nothing_ships_with_a_known_fault_a_false_label_or_a_failing_test() {
    let project = Project::new("supply-chain");
    scanned(project.build())
        .param("version", "2.0.0")
        .refused(["process.env.VERSION"]);
    project.edit("scan/advisories.json", "<1.0.2", "<1.0.4");
    scanned(project.build()).refused(["NOTICE-2024-0001: escape-html 1.0.3: backticks are not escaped"]);
    project.edit("scan/advisories.json", "<1.0.4", "<1.0.2");
    project.edit("test/notices.test.js", "match(/<li>/g).length, 2", "match(/<li>/g).length, 3");
    scanned(project.build()).refused(["every notice is an item"]);
}
