//! How a container of an image runs.

use stagewright_plan::plan::{self, Attests, HealthcheckSpec, Runtime};
use stagewright_plan::{NONROOT, Problem};

use super::Making;
use super::step::words;
use crate::form::{
    Healthcheck, HttpTest, HttpTool, Number, Provenance, Role, Sbom, Stage, Test, TestCommand, Text, Time,
};
use crate::read::{At, Map};

impl Making<'_> {
    pub(super) fn runtime(&self, form: &Stage) -> Runtime {
        let list = |words: &Option<Vec<Text>>| words.as_ref().map(|list| texts(list));
        let pairs = |map: &Map<Text>| {
            let pairs = map.0.iter().map(|(name, value)| (name.value.clone(), value.0.clone()));
            pairs.collect()
        };
        Runtime {
            entrypoint: list(&form.entrypoint),
            cmd: list(&form.cmd),
            expose: form.expose.0.iter().map(|port| port.0.clone()).collect(),
            labels: pairs(&form.labels),
            annotations: pairs(&form.annotations),
            attests: attests(form),
            healthcheck: form.healthcheck.as_ref().map(|check| self.healthcheck(check)),
            volumes: texts(&form.volumes.0),
            stop_signal: form.stop_signal.as_ref().map(|signal| signal.0.clone()),
        }
    }

    /// The step that `nonroot` is, after all others.
    pub(super) fn nonroot(&self, form: &Stage) -> Option<plan::Step> {
        let nonroot = form.nonroot.as_ref().filter(|nonroot| nonroot.value.0)?;
        if !matches!(form.role, Role::Runtime | Role::Dev) {
            let problem = Problem::new("only an image is `nonroot`");
            self.findings
                .note(nonroot.place, problem.help("for the steps of this stage: `- user: …`"));
        }
        let action = plan::Action::User { user: NONROOT.to_owned() };
        Some(plan::Step { at: self.site(nonroot.place), via: self.sites(&nonroot.via), action })
    }

    fn healthcheck(&self, check: &At<Healthcheck>) -> HealthcheckSpec {
        match &check.value {
            Healthcheck::Off(_) => HealthcheckSpec {
                test: vec!["NONE".to_owned()],
                interval: None,
                timeout: None,
                start_period: None,
                retries: None,
            },
            Healthcheck::Test(test) => HealthcheckSpec {
                test: self.tested(check, test),
                interval: nanoseconds(test.interval),
                timeout: nanoseconds(test.timeout),
                start_period: nanoseconds(test.start_period),
                retries: times(test.retries),
            },
            Healthcheck::Http(test) => HealthcheckSpec {
                test: asked(test),
                interval: nanoseconds(test.interval),
                timeout: nanoseconds(test.timeout),
                start_period: nanoseconds(test.start_period),
                retries: times(test.retries),
            },
        }
    }

    fn tested(&self, check: &At<Healthcheck>, test: &Test) -> Vec<String> {
        let list = match &test.test {
            TestCommand::Shell(line) => return vec!["CMD-SHELL".to_owned(), words(&line.0)],
            TestCommand::Argv(list) => list,
        };
        if let Some(keyword @ ("CMD" | "CMD-SHELL" | "NONE")) = list.first().map(|word| word.0.as_str()) {
            let problem = Problem::new(format!("the list of a `test` begins with `{keyword}`"));
            self.findings.note(
                check.place,
                problem.help("it is the program and its arguments; a text is a line for the shell"),
            );
        }
        std::iter::once("CMD".to_owned()).chain(texts(list)).collect()
    }
}

fn attests(form: &Stage) -> Attests {
    let generator = match &form.sbom {
        None | Some(Sbom::Off) => None,
        Some(Sbom::Daemon) => Some(None),
        Some(Sbom::By(image)) => Some(Some(image.clone())),
    };
    Attests {
        sbom: generator.map(|generator| plan::Sbom { generator }),
        provenance: form.provenance.map(|provenance| match provenance {
            Provenance::Min => plan::Provenance::Min,
            Provenance::Max => plan::Provenance::Max,
        }),
    }
}

fn asked(test: &HttpTest) -> Vec<String> {
    let tool = match test.tool {
        HttpTool::Curl => stagewright_plan::HttpTool::Curl,
        HttpTool::Wget => stagewright_plan::HttpTool::Wget,
        HttpTool::Node => stagewright_plan::HttpTool::Node,
        HttpTool::Python => stagewright_plan::HttpTool::Python,
        HttpTool::Bash => stagewright_plan::HttpTool::Bash,
    };
    std::iter::once("CMD".to_owned()).chain(tool.request(&test.http.0)).collect()
}

fn nanoseconds(time: Option<Time>) -> Option<u64> {
    time.map(|time| time.0)
}

fn times(number: Option<Number>) -> Option<u32> {
    number.map(|number| number.0)
}

pub(super) fn texts(list: &[Text]) -> Vec<String> {
    list.iter().map(|text| text.0.clone()).collect()
}
