use stagewright_plan::*;

fn build(b: &Build, _: ()) -> Targets {
    let app = b.builder("build", "debian").run("make");
    Targets::new().product(app)
}

fn main() {
    plan(build, &[]).unwrap();
}
