use stagewright_plan::*;

fn build(b: &Build, _: ()) -> Targets {
    let made = b.builder("make", "debian");
    Targets::new().target(b.tester("scan", "debian").copy(made.root(), "/image/"))
}

fn main() {
    plan(build, &[]).unwrap();
}
