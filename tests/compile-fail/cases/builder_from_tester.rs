use stagewright_plan::*;

fn build(b: &Build, _: ()) -> Targets {
    let unit = b.tester("unit", "debian").run("make test");
    let app = unit.builder("build");
    Targets::new().product(app.dev("dev"))
}

fn main() {
    plan(build, &[]).unwrap();
}
