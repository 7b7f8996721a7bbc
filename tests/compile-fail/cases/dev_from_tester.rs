use stagewright_plan::*;

fn build(b: &Build, _: ()) -> Targets {
    let unit = b.tester("unit", "debian").run("make test");
    Targets::new().product(unit.dev("dev"))
}

fn main() {
    plan(build, &[]).unwrap();
}
