use stagewright_plan::*;

fn build(b: &Build, _: ()) -> Targets {
    let made = b.builder("make", "debian");
    Targets::new().product(b.runtime("app", "debian").run(sh("ls /made").bind(&made, "/made")))
}

fn main() {
    plan(build, &[]).unwrap();
}
