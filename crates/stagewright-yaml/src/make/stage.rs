//! A stage.

use stagewright_plan::lint::Allow;
use stagewright_plan::plan::{self, Gate, Report};
use stagewright_plan::{Problem, Site};

use super::Making;
use crate::form::{Finding, Role, Stage};
use crate::read::{At, List};
use crate::tree::Place;

impl Making<'_> {
    pub(super) fn stage(&self, name: &At<String>, stage: &At<Stage>) -> plan::Stage {
        if name.value == "scratch" {
            let problem = Problem::new("`scratch` is not a stage's name");
            self.findings
                .note(name.place, problem.help("it means the empty filesystem, as in `from: scratch`"));
        }
        let form = &stage.value;
        let reports = form
            .reports
            .0
            .iter()
            .map(|report| Report { path: report.value.0.clone(), at: self.site(report.place) });
        plan::Stage {
            name: name.value.clone(),
            role: role(form.role),
            from: self.start(&form.from),
            steps: form
                .steps
                .0
                .iter()
                .flat_map(|step| self.step(step))
                .chain(self.nonroot(form))
                .collect(),
            runtime: self.runtime(form),
            gates: form.gates.0.iter().map(|gate| self.gate(gate)).collect(),
            reports: reports.collect(),
            allow: self.allow(&form.allow),
            at: self.site(form.from.place),
            via: self.sites(&form.from.via),
        }
    }

    pub(super) fn allow(&self, codes: &List<At<Finding>>) -> Vec<Allow> {
        let allow = |code: &At<Finding>| Allow { code: code.value.0.clone(), at: self.site(code.place) };
        codes.0.iter().map(allow).collect()
    }

    pub(super) fn gate(&self, tester: &At<String>) -> Gate {
        self.known(tester.place, &tester.value);
        Gate { stage: tester.value.clone(), at: self.site(tester.place) }
    }

    pub(super) fn site(&self, place: Place) -> Site {
        self.findings.site(place)
    }

    pub(super) fn sites(&self, places: &[Place]) -> Vec<Site> {
        places.iter().map(|place| self.site(*place)).collect()
    }
}

fn role(role: Role) -> plan::Role {
    match role {
        Role::Base => plan::Role::Base,
        Role::Deps => plan::Role::Deps,
        Role::Builder => plan::Role::Builder,
        Role::Tester => plan::Role::Tester,
        Role::Runtime => plan::Role::Runtime,
        Role::Dev => plan::Role::Dev,
    }
}
