use stagewright_plan::*;

fn build(b: &Build, _: ()) -> Targets {
    let made = b.builder("make", "debian").nonroot();
    Targets::new().files("out", made.artifact("/out"))
}

fn main() {
    plan(build, &[]).unwrap();
}
