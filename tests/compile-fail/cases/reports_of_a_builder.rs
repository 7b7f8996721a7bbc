use stagewright_plan::*;

fn build(b: &Build, _: ()) -> Targets {
    let made = b.builder("make", "debian");
    Targets::new().target(b.tester("verdict", "debian").copy(made.reports(), "/reports/"))
}

fn main() {
    plan(build, &[]).unwrap();
}
