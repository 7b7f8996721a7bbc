use stagewright_plan::*;

fn build(b: &Build, _: ()) -> Targets {
    let token = b.secret("token");
    Targets::new().product(b.runtime("app", "debian").run(argv(["login", token])))
}

fn main() {
    plan(build, &[]).unwrap();
}
