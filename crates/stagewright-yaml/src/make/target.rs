//! What can be asked for.

use std::collections::BTreeSet;

use stagewright_plan::plan::Target;

use super::Making;
use crate::form::{Role, Start};
use crate::read::{At, List};

impl Making<'_> {
    /// The products and targets that are listed; for what is not listed, what there is.
    pub(super) fn targets(&self) -> Vec<Target> {
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
