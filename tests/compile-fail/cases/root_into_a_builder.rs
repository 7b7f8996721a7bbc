use stagewright_plan::*;

fn build(b: &Build, _: ()) -> Targets {
    let image = b.runtime("app", "debian");
    let scan = b.builder("scan", "debian").copy(image.root(), "/image/");
    Targets::new().product(image).files("result", scan.artifact("/result"))
}

fn main() {
    plan(build, &[]).unwrap();
}
