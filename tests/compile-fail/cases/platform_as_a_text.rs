use stagewright_plan::*;

fn build(b: &Build, _: ()) -> Targets {
    Targets::new().product(b.runtime("app", b.image("debian").on("linux/arm64")))
}

fn main() {
    plan(build, &[]).unwrap();
}
