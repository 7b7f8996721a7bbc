use stagewright_plan::*;

fn build(b: &Build, _: ()) -> Stage<role::Runtime> {
    b.base("base", "debian").provenance(plan::Provenance::Max).runtime("app")
}

fn main() {
    plan(build, &[]).unwrap();
}
