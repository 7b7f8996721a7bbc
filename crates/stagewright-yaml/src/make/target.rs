//! What can be asked for.

use std::collections::BTreeSet;

use stagewright_plan::plan::{self, Action, Copy, Gate, Origin, Stage, Step, Target};

use super::Making;
use super::image::texts;
use super::step::optional;
use crate::form::{Checks, Files, Role, Start};
use crate::read::{At, List};

impl Making<'_> {
    /// What can be asked for; stages that are made for a target alone come to the others, and so do the gates of all
    /// products.
    pub(super) fn targets(&self, stages: &mut Vec<Stage>) -> Vec<Target> {
        let mut targets = self.of_stages();
        for (name, checks) in &self.file.checks.0 {
            targets.push(self.checks(name, checks, stages));
        }
        for (name, files) in &self.file.files.0 {
            targets.push(self.files(name, files, stages));
        }
        let gates: Vec<Gate> = self.file.gates.0.iter().map(|gate| self.gate(gate)).collect();
        for product in targets.iter().filter(|target| target.product) {
            for stage in stages.iter_mut().filter(|stage| stage.name == product.stage) {
                gates.iter().for_each(|gate| stage.gate(gate.clone()));
            }
        }
        targets
    }

    fn checks(&self, name: &At<String>, checks: &Checks, stages: &mut Vec<Stage>) -> Target {
        let (testers, description) = match checks {
            Checks::One(tester) => (std::slice::from_ref(tester), None),
            Checks::All(testers) => (testers.as_slice(), None),
            Checks::Testers(spec) => (spec.testers.0.as_slice(), spec.description.as_ref()),
        };
        let at = self.site(name.place);
        let mut stage = Stage::new(&name.value, plan::Role::Tester, Origin::Scratch, &at);
        testers.iter().for_each(|tester| stage.gate(self.gate(tester)));
        stages.push(stage);
        Target { description: optional(description), ..Target::new(&name.value, at) }
    }

    fn files(&self, name: &At<String>, files: &Files, stages: &mut Vec<Stage>) -> Target {
        self.known(files.from.place, &files.from.value);
        let at = self.site(name.place);
        let copy = Copy {
            include: texts(&files.include.0),
            exclude: texts(&files.exclude.0),
            owner: optional(files.owner.as_ref()),
            mode: files.mode.map(|mode| mode.0),
            optional: files.optional.0,
            parents: files.parents.0,
            unpack: files.unpack.0,
            ..Copy::new(Origin::Stage(files.from.value.clone()), texts(&files.copy.0), "/")
        };
        let mut stage = Stage::new(&name.value, plan::Role::Builder, Origin::Scratch, &at);
        stage
            .steps
            .push(Step { at: at.clone(), via: Vec::new(), action: Action::Copy(copy) });
        stages.push(stage);
        let description = optional(files.description.as_ref());
        Target { description, files: true, ..Target::new(&name.value, at) }
    }

    /// The products and targets that are listed; for what is not listed, what there is.
    fn of_stages(&self) -> Vec<Target> {
        let (products, targets) = (self.file.products.as_ref(), self.file.targets.as_ref());
        match (products, targets) {
            (None, None) => self.all(&BTreeSet::new(), true).collect(),
            (Some(products), None) => {
                let named = products.0.iter().map(|name| name.value.as_str()).collect();
                self.listed(products, true).chain(self.all(&named, false)).collect()
            }
            (None, Some(targets)) => {
                let named = targets.0.iter().map(|name| name.value.as_str()).collect();
                let products = self.all(&named, true).filter(|target| target.product);
                products.chain(self.listed(targets, false)).collect()
            }
            (Some(products), Some(targets)) => {
                self.listed(products, true).chain(self.listed(targets, false)).collect()
            }
        }
    }

    fn listed(&self, names: &List<At<String>>, product: bool) -> impl Iterator<Item = Target> {
        names.0.iter().map(move |name| {
            self.known(name.place, &name.value);
            let description = self.index.get(name.value.as_str()).and_then(|i| self.description(*i));
            Target { description, product, ..Target::new(&name.value, self.site(name.place)) }
        })
    }

    /// Every image and tester that is not listed; of the images, those that ship and that no image starts from are
    /// products, if any are to be.
    fn all(&self, listed: &BTreeSet<&str>, products: bool) -> impl Iterator<Item = Target> {
        let images = self.file.stages.0.iter().map(|(_, stage)| &stage.value);
        let starts: BTreeSet<&str> = images
            .filter(|stage| matches!(stage.role, Role::Runtime | Role::Dev))
            .filter_map(|stage| match &stage.from.value {
                Start::Name(from) => Some(from.as_str()),
                Start::Image(_) => None,
            })
            .collect();
        let listed: BTreeSet<String> = listed.iter().map(|name| (*name).to_owned()).collect();
        self.file.stages.0.iter().enumerate().filter_map(move |(i, (name, stage))| {
            let role = stage.value.role;
            if !matches!(role, Role::Runtime | Role::Dev | Role::Tester) || listed.contains(&name.value) {
                return None;
            }
            Some(Target {
                description: self.description(i),
                product: products && role == Role::Runtime && !starts.contains(name.value.as_str()),
                ..Target::new(&name.value, self.site(name.place))
            })
        })
    }

    fn description(&self, stage: usize) -> Option<String> {
        let description = self.file.stages.0[stage].1.value.description.as_ref();
        description.map(|text| text.0.clone())
    }
}
