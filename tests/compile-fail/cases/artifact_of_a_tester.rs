use stagewright_plan::*;

fn build(b: &Build, _: ()) -> Targets {
    let unit = b.tester("unit", "debian").run("make test");
    Targets::new().product(b.runtime("app", Scratch).copy(unit.artifact("/reports"), "/"))
}

fn main() {
    plan(build, &[]).unwrap();
}
