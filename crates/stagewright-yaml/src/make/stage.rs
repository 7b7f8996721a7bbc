//! A stage: where it starts, and how a container of it runs.

use stagewright_plan::plan::{self, Gate, HealthcheckSpec, Report, Runtime};
use stagewright_plan::problem::nearest;
use stagewright_plan::{Problem, Site};

use super::Making;
use super::step::words;
use crate::form::{Command, Healthcheck, Image, OnPlatform, Origin, Role, Stage, Start, Test, Text};
use crate::read::At;
use crate::tree::Place;

impl Making<'_> {
    pub(super) fn stage(&self, name: &At<String>, stage: &At<Stage>) -> plan::Stage {
        if name.value == "scratch" {
            let problem = Problem::new("`scratch` is not a stage's name");
            self.findings
                .note(name.place, problem.help("it means the empty filesystem, as in `from: scratch`"));
        }
        let form = &stage.value;
        let from = match &form.from.value {
            Start::Name(from) => self.named(form.from.place, from),
            Start::Image(from) => image(from),
        };
        let gates = form.gates.0.iter().map(|gate| {
            self.known(gate.place, &gate.value);
            Gate { stage: gate.value.clone(), at: self.site(gate.place) }
        });
        let reports = form
            .reports
            .0
            .iter()
            .map(|report| Report { path: report.value.0.clone(), at: self.site(report.place) });
        plan::Stage {
            name: name.value.clone(),
            role: role(form.role),
            from,
            steps: form.steps.0.iter().flat_map(|step| self.step(step)).collect(),
            runtime: self.runtime(form),
            gates: gates.collect(),
            reports: reports.collect(),
            at: self.site(form.from.place),
            via: self.sites(&form.from.via),
        }
    }

    fn runtime(&self, form: &Stage) -> Runtime {
        let list = |words: &Option<Vec<Text>>| words.as_ref().map(|list| texts(list));
        Runtime {
            entrypoint: list(&form.entrypoint),
            cmd: list(&form.cmd),
            expose: form.expose.0.iter().map(|port| port.0.clone()).collect(),
            labels: form
                .labels
                .0
                .iter()
                .map(|(name, value)| (name.value.clone(), value.0.clone()))
                .collect(),
            healthcheck: form.healthcheck.as_ref().map(|check| self.healthcheck(check)),
            volumes: texts(&form.volumes.0),
            stop_signal: form.stop_signal.as_ref().map(|signal| signal.0.clone()),
            ..Runtime::default()
        }
    }

    fn healthcheck(&self, check: &At<Healthcheck>) -> HealthcheckSpec {
        let none = HealthcheckSpec {
            test: Vec::new(),
            interval: None,
            timeout: None,
            start_period: None,
            retries: None,
        };
        let test = match &check.value {
            Healthcheck::Off(_) => return HealthcheckSpec { test: vec!["NONE".to_owned()], ..none },
            Healthcheck::Test(test) => test,
        };
        let first = match &test.test {
            Command::Argv(list) => list.first().map(|word| word.0.as_str()),
            Command::Shell(_) => None,
        };
        if let Some(keyword @ ("CMD" | "CMD-SHELL" | "NONE")) = first {
            let problem = Problem::new(format!("the list of a `test` begins with `{keyword}`"));
            self.findings.note(
                check.place,
                problem.help("it is the program and its arguments; a text is a line for the shell"),
            );
        }
        HealthcheckSpec {
            test: tested(test),
            interval: test.interval.map(|time| time.0),
            timeout: test.timeout.map(|time| time.0),
            start_period: test.start_period.map(|time| time.0),
            retries: test.retries.map(|number| number.0),
        }
    }

    pub(super) fn origin(&self, origin: &At<Origin>) -> plan::Origin {
        match &origin.value {
            Origin::Name(name) => self.named(origin.place, name),
            Origin::Image(from) => image(from),
            Origin::Context(context) => plan::Origin::Context(context.context.clone()),
        }
    }

    /// What a bare name means: an image has `:`, `/` or `@` in its name, a stage never has.
    fn named(&self, place: Place, name: &str) -> plan::Origin {
        if name == "scratch" {
            plan::Origin::Scratch
        } else if name.contains([':', '/', '@']) {
            plan::Origin::Image(plan::Image { name: name.to_owned(), on: plan::OnPlatform::Target })
        } else {
            self.known(place, name);
            plan::Origin::Stage(name.to_owned())
        }
    }

    /// Notes a stage that is not there.
    pub(super) fn known(&self, place: Place, name: &str) {
        if self.index.contains_key(name) {
            return;
        }
        let problem = Problem::new(format!("there is no stage `{name}`"));
        let problem = match nearest(name, self.index.keys().copied()) {
            Some(near) => problem.help(format!("did you mean `{near}`?")),
            None => {
                problem.help(format!("an image has a tag, `{name}:…`, or is written `{{ image: {name} }}`"))
            }
        };
        self.findings.note(place, problem);
    }

    pub(super) fn site(&self, place: Place) -> Site {
        self.findings.site(place)
    }

    pub(super) fn sites(&self, places: &[Place]) -> Vec<Site> {
        places.iter().map(|place| self.site(*place)).collect()
    }
}

pub(super) fn texts(list: &[Text]) -> Vec<String> {
    list.iter().map(|text| text.0.clone()).collect()
}

fn tested(test: &Test) -> Vec<String> {
    match &test.test {
        Command::Argv(list) => std::iter::once("CMD".to_owned()).chain(texts(list)).collect(),
        Command::Shell(line) => vec!["CMD-SHELL".to_owned(), words(&line.0)],
    }
}

fn image(from: &Image) -> plan::Origin {
    let on = match from.on {
        OnPlatform::Target => plan::OnPlatform::Target,
        OnPlatform::Build => plan::OnPlatform::Build,
    };
    plan::Origin::Image(plan::Image { name: from.image.clone(), on })
}

pub(super) fn role(role: Role) -> plan::Role {
    match role {
        Role::Base => plan::Role::Base,
        Role::Deps => plan::Role::Deps,
        Role::Builder => plan::Role::Builder,
        Role::Tester => plan::Role::Tester,
        Role::Runtime => plan::Role::Runtime,
        Role::Dev => plan::Role::Dev,
    }
}
