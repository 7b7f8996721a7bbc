use stagewright_plan::*;

fn build(b: &Build, _: ()) -> Targets {
    Targets::new().files("sources", b.context().all())
}

fn main() {
    plan(build, &[]).unwrap();
}
