use stagewright_plan::*;

fn build(b: &Build, _: ()) -> Targets {
    let scan = sh("trivy rootfs /").refresh("1 week");
    Targets::new().target(b.tester("scan", "debian").run(scan))
}

fn main() {
    plan(build, &[]).unwrap();
}
