use stagewright_plan::*;

fn build(b: &Build, _: ()) -> Targets {
    let unit = b.tester("unit", "debian").run("make test").report("/reports");
    Targets::new().product(b.runtime("app", "debian").copy(unit.reports(), "/reports/"))
}

fn main() {
    plan(build, &[]).unwrap();
}
