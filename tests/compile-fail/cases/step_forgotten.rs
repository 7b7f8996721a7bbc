use stagewright_plan::*;

fn build(b: &Build, _: ()) -> Targets {
    let base = b.base("base", "debian");
    base.run("setup");
    Targets::new().product(base.runtime("app"))
}

fn main() {
    plan(build, &[]).unwrap();
}
