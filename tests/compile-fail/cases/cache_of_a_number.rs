use stagewright_plan::*;

fn build(b: &Build, _: ()) -> Targets {
    Targets::new().product(b.runtime("app", "debian").run(sh("make").cache(5)))
}

fn main() {
    plan(build, &[]).unwrap();
}
