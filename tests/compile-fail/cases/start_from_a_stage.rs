use stagewright_plan::*;

fn build(b: &Build, _: ()) -> Targets {
    let base = b.base("base", "debian");
    Targets::new().product(b.runtime("app", &base))
}

fn main() {
    plan(build, &[]).unwrap();
}
