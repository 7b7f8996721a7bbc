use stagewright_plan::*;

fn build(b: &Build, _: ()) -> Targets {
    let base = b.base("base", "debian");
    let other = base.clone().run("apt-get update");
    Targets::new().product(base.runtime("app")).product(other.runtime("other"))
}

fn main() {
    plan(build, &[]).unwrap();
}
