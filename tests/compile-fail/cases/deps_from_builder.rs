use stagewright_plan::*;

fn build(b: &Build, _: ()) -> Targets {
    let app = b.builder("build", "debian").run("make");
    let deps = app.deps("deps").run("npm ci");
    Targets::new().product(deps.dev("dev"))
}

fn main() {
    plan(build, &[]).unwrap();
}
