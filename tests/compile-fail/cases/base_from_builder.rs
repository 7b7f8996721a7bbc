use stagewright_plan::*;

fn build(b: &Build, _: ()) -> Targets {
    let app = b.builder("build", "debian");
    let base = app.base("base");
    Targets::new().product(base.runtime("app"))
}

fn main() {
    plan(build, &[]).unwrap();
}
