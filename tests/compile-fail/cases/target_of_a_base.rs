use stagewright_plan::*;

fn build(b: &Build, _: ()) -> Targets {
    Targets::new().target(b.base("base", "debian"))
}

fn main() {
    plan(build, &[]).unwrap();
}
