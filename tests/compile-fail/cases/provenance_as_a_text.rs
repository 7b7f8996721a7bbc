use stagewright_plan::*;

fn build(b: &Build, _: ()) -> Stage<role::Runtime> {
    b.runtime("app", "debian").provenance("max")
}

fn main() {
    plan(build, &[]).unwrap();
}
