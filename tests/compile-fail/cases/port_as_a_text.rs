use stagewright_plan::*;

fn build(b: &Build, _: ()) -> Targets {
    Targets::new().product(b.runtime("app", "debian").expose("80/tcp"))
}

fn main() {
    plan(build, &[]).unwrap();
}
