use stagewright_plan::*;

fn build(b: &Build, _: ()) -> Targets {
    let app = b.builder("build", "debian").sbom();
    Targets::new().product(app.dev("dev"))
}

fn main() {
    plan(build, &[]).unwrap();
}
