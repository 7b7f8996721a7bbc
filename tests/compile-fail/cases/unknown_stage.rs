use stagewright_plan::*;

fn build(b: &Build, _: ()) -> Targets {
    let builder = b.builder("build", "debian").run("make");
    Targets::new().product(b.runtime("app", Scratch).copy(bulider.artifact("/out"), "/"))
}

fn main() {
    plan(build, &[]).unwrap();
}
