use stagewright_plan::*;

fn main() {
    plan(|_: &Build, _: ()| "app", &[]).unwrap();
}
