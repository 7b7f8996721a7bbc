//! Call sites: the line of each step, through presets too.

use stagewright_plan::role::Role;
use stagewright_plan::{Build, Stage, Targets};

use crate::world::plan_of;

fn preset<R: Role>(stage: Stage<R>) -> Stage<R> {
    stage.run("first").run("second")
}

/// A preset of one step, which shows its caller's line.
#[track_caller]
fn labelled<R: Role>(stage: Stage<R>) -> Stage<R> {
    stage.run("labelled")
}

#[test]
fn every_step_knows_its_line() {
    let start = line!();
    let plan = plan_of(|b: &Build, (): ()| {
        let base = b.base("base", "debian");
        let app = base
            .builder("app")
            .run("own")
            .apply(preset)
            .apply(labelled)
            .each(["a", "b"], |stage, item| stage.env(item, 1))
            .when(true, |stage| stage.run("when"));
        Targets::new().product(app.dev("dev"))
    });
    let lines = |stage: &str| -> Vec<(u32, Vec<u32>)> {
        let steps = plan.stage(stage).unwrap().steps.iter();
        steps
            .map(|step| (step.at.line, step.via.iter().map(|site| site.line - start).collect()))
            .collect()
    };
    let preset_line = 9;
    let expected = [
        (start + 5, vec![]),
        (preset_line, vec![6]),
        (preset_line, vec![6]),
        (start + 7, vec![]),
        (start + 8, vec![8]),
        (start + 8, vec![8]),
        (start + 9, vec![9]),
    ];
    assert_eq!(lines("app"), expected);
    assert_eq!(plan.stage("app").unwrap().at.line, start + 4);
}
