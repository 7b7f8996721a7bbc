use schemars::JsonSchema;
use serde::Deserialize;
use stagewright_plan::*;

#[derive(Deserialize, JsonSchema)]
struct Params {
    token: Secret,
}

fn build(b: &Build, _: Params) -> Targets {
    Targets::new().product(b.runtime("app", "debian"))
}

fn main() {
    plan(build, &[]).unwrap();
}
