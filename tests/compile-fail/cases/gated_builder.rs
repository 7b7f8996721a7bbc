use stagewright_plan::*;

fn build(b: &Build, _: ()) -> Targets {
    let lint = b.tester("lint", "debian").run("make lint");
    let app = b.builder("build", "debian").gated_by(&lint);
    Targets::new().product(app.dev("dev"))
}

fn main() {
    plan(build, &[]).unwrap();
}
