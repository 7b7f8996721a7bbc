use stagewright_plan::*;

fn build(b: &Build, _: ()) -> Targets {
    Targets::new().product(b.runtime("app", "debian").cmd("npm start"))
}

fn main() {
    plan(build, &[]).unwrap();
}
