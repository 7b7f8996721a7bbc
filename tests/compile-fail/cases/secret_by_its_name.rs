use stagewright_plan::*;

fn build(b: &Build, _: ()) -> Targets {
    let fetch = sh("curl https://example.com").secret("token");
    Targets::new().product(b.runtime("app", "debian").run(fetch))
}

fn main() {
    plan(build, &[]).unwrap();
}
