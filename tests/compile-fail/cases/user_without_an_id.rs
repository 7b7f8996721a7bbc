use stagewright_plan::*;

fn build(b: &Build, _: ()) -> Stage<role::Runtime> {
    b.runtime("app", "debian").add_user("app")
}

fn main() {
    plan(build, &[]).unwrap();
}
