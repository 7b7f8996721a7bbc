use stagewright_plan::*;

fn build(b: &Build, _: ()) -> Stage<role::Runtime> {
    let src = b.context();
    b.runtime("app", "debian").copy(src.dir("app").allow("root-user"), "/app/")
}

fn main() {
    plan(build, &[]).unwrap();
}
