use stagewright_plan::*;

fn build(b: &Build, _: ()) -> Targets {
    let image = b.runtime("app", "debian");
    Targets::new().checks("test", &image)
}

fn main() {
    plan(build, &[]).unwrap();
}
