use stagewright_plan::*;

fn build(b: &Build) -> Targets {
    Targets::new().product(b.runtime("app", "debian"))
}

fn main() {
    plan(build, &[]).unwrap();
}
