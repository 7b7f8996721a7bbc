use stagewright_plan::*;

fn build(b: &Build, _: ()) -> Targets {
    Targets::new().product(b.runtime("app", Scratch).copy("src", "/src/"))
}

fn main() {
    plan(build, &[]).unwrap();
}
