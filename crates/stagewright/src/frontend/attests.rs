//! What an image asks for and a frontend cannot give: its SBOM and its provenance.
//!
//! The daemon attaches both to what it exports, as the options of the client's own solve say (BuildKit v0.34
//! `control/control.go`). A frontend reads these options and has none of its own, so that it can only tell what is missing.

use buildkit_frontend::{AttestOptions, Provenance as Given};
use stagewright_plan::plan::{Provenance, Sbom};
use stagewright_plan::{Plan, Problem};

/// What the image of a target asks for and the client did not order. More than it asks for is no doubt.
pub(super) fn unordered(plan: &Plan, target: &str, given: AttestOptions) -> Option<Problem> {
    let stage = plan.target(target).and_then(|target| plan.stage(&target.stage))?;
    let sbom = stage.runtime.attests.sbom.as_ref().filter(|_| !given.sbom);
    let provenance = stage.runtime.attests.provenance.map(|asked| match asked {
        Provenance::Min => (Given::Min, "provenance", "--provenance=mode=min"),
        Provenance::Max => (Given::Max, "full provenance", "--provenance=mode=max"),
    });
    let provenance = provenance.filter(|(asked, ..)| given.provenance < Some(*asked));
    let option = sbom.map(|Sbom { generator }| match generator {
        Some(image) => format!("--sbom=generator={image}"),
        None => "--sbom=true".to_owned(),
    });
    let missing = sbom.map(|_| "SBOM").into_iter().chain(provenance.map(|(_, what, _)| what));
    let missing: Vec<&str> = missing.collect();
    let options = option.into_iter().chain(provenance.map(|(.., option)| option.to_owned()));
    let options: Vec<String> = options.collect();
    if missing.is_empty() {
        return None;
    }
    let message = format!("`{}` goes without the {} that it asks for", stage.name, missing.join(" and the "));
    Some(Problem::new(message).at(&stage.at).via(&stage.via).help(format!(
        "a frontend cannot order it: `docker buildx build {}` does, and so does `stagewright build` by itself",
        options.join(" ")
    )))
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use stagewright_plan::{Build, Scratch, Targets, plan};

    use super::*;

    fn told(sbom: bool, provenance: Option<Given>, expected: &Expect) {
        let build = |b: &Build, (): ()| {
            let app = b.runtime("app", Scratch).file("/a", "a");
            Targets::new().product(app.sbom_by("team/scanner:2").provenance(Provenance::Max))
        };
        let plan = plan(build, &[]).unwrap();
        let problem = unordered(&plan, "app", AttestOptions { sbom, provenance });
        let told = problem.map(|it| format!("{}\n{}", it.message, it.help.unwrap_or_default()));
        expected.assert_eq(&told.unwrap_or_default());
    }

    #[test]
    fn what_the_client_did_not_order_is_told() {
        told(
            false,
            None,
            &expect![[r#"
            `app` goes without the SBOM and the full provenance that it asks for
            a frontend cannot order it: `docker buildx build --sbom=generator=team/scanner:2 --provenance=mode=max` does, and so does `stagewright build` by itself"#]],
        );
        told(
            true,
            Some(Given::Min),
            &expect![[r#"
            `app` goes without the full provenance that it asks for
            a frontend cannot order it: `docker buildx build --provenance=mode=max` does, and so does `stagewright build` by itself"#]],
        );
        told(
            false,
            Some(Given::Max),
            &expect![[r#"
            `app` goes without the SBOM that it asks for
            a frontend cannot order it: `docker buildx build --sbom=generator=team/scanner:2` does, and so does `stagewright build` by itself"#]],
        );
        told(true, Some(Given::Max), &expect![[r#""#]]);
    }

    #[test]
    fn an_image_that_asks_for_nothing_misses_nothing() {
        let build = |b: &Build, (): ()| b.runtime("app", Scratch).file("/a", "a");
        let plan = plan(build, &[]).unwrap();
        assert_eq!(unordered(&plan, "app", AttestOptions::default()), None);
    }
}
