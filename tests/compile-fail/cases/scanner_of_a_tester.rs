use stagewright_plan::*;

fn build(b: &Build, _: ()) -> Targets {
    let unit = b.tester("unit", "debian").sbom_by("team/scanner:2");
    Targets::new().target(unit)
}

fn main() {
    plan(build, &[]).unwrap();
}
