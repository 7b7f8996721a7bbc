use stagewright_plan::*;

fn build(b: &Build, _: ()) -> Targets {
    let app = b.builder("build", "debian").run("make");
    Targets::new().product(b.runtime("app", Scratch).copy(&app, "/"))
}

fn main() {
    plan(build, &[]).unwrap();
}
