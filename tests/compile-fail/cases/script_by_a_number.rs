use stagewright_plan::*;

fn build(b: &Build, _: ()) -> Targets {
    let base = b.base("base", "debian");
    Targets::new().product(base.runtime("app").run(script(3, "make")))
}

fn main() {
    plan(build, &[]).unwrap();
}
