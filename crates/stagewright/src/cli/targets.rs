//! `targets`: what can be built.

use std::process::ExitCode;

use stagewright_plan::Plan;

use super::args::PlanArgs;
use super::error::CliError;
use super::{Program, write_out};

pub(super) fn run(program: &Program<'_>, args: &PlanArgs) -> Result<ExitCode, CliError> {
    let plan = program.plan(&args.parameters)?;
    write_out(table(&plan).as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// A line for each target: its name, its role, whether it is a product, and its own gates.
fn table(plan: &Plan) -> String {
    let mut rows = vec![["TARGET", "ROLE", "PRODUCT", "GATES"].map(str::to_owned)];
    for target in &plan.targets {
        let stage = plan.stage(&target.stage);
        let judged = stage.filter(|_| !target.reports).into_iter();
        let gates = judged.flat_map(|stage| &stage.gates).map(|gate| gate.stage.as_str());
        rows.push([
            target.name.clone(),
            if target.reports { "reports" } else { stage.map_or("", |stage| stage.role.name()) }.to_owned(),
            if target.product { "yes" } else { "" }.to_owned(),
            gates.collect::<Vec<_>>().join(", "),
        ]);
    }
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let [first, second, third] = [width(0), width(1), width(2)];
    let mut text = String::new();
    for [name, role, product, gates] in &rows {
        let line = format!("{name:first$}  {role:second$}  {product:third$}  {gates}");
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use stagewright_plan::{Build, Targets, plan};

    use super::*;

    #[test]
    fn targets_stand_in_columns() {
        let build = |b: &Build, _: ()| {
            let base = b.base("base", "busybox");
            let (lint, unit) = (base.tester("lint").run("true"), base.tester("unit").run("true"));
            let api = base.runtime("api").gated_by([&unit, &lint]);
            Targets::new().product(api).target(unit).target(lint)
        };
        expect![[r#"
            TARGET  ROLE     PRODUCT  GATES
            api     runtime  yes      unit, lint
            unit    tester
            lint    tester
        "#]]
        .assert_eq(&table(&plan(build, &[]).unwrap()));
    }
}
