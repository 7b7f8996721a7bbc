//! Which target a client means.

use buildkit_gateway::GatewayError;
use stagewright_plan::plan::Plan;

/// Why no target can be built.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum TargetError {
    /// There is no Plan.
    #[error("no platform is built for")]
    NoPlatform,
    /// None is named, and none is meant.
    #[error("no target is a product, so name one: {}", known.join(", "))]
    NoProduct {
        /// The targets.
        known: Vec<String>,
    },
    /// None is named, and several are meant.
    #[error(
        "the build has {} products, and makes one at a time: name one as target: {}",
        products.len(),
        products.join(", ")
    )]
    Several {
        /// The products.
        products: Vec<String>,
    },
    /// The one that is named is not there.
    #[error("there is no target `{name}`{}; the targets are {}", of(platform.as_deref()), known.join(", "))]
    Unknown {
        /// What is named.
        name: String,
        /// The platform whose Plan has none of the name.
        platform: Option<String>,
        /// Those that it has.
        known: Vec<String>,
    },
}

impl From<TargetError> for GatewayError {
    fn from(error: TargetError) -> Self {
        Self::new(error.to_string())
    }
}

/// The target that is built: the one that is named, or else the only product. It is one for all platforms.
pub(super) fn target<'a>(
    plans: impl IntoIterator<Item = &'a Plan>,
    named: Option<&str>,
) -> Result<String, TargetError> {
    let mut plans = plans.into_iter().peekable();
    let first = plans.peek().ok_or(TargetError::NoPlatform)?;
    let name = match named {
        Some(name) => name.to_owned(),
        None => {
            let mut products: Vec<String> = first.products().map(|target| target.name.clone()).collect();
            match products.len() {
                1 => products.remove(0),
                0 => return Err(TargetError::NoProduct { known: known(first) }),
                _ => return Err(TargetError::Several { products }),
            }
        }
    };
    match plans.find(|plan| plan.target(&name).is_none()) {
        Some(plan) => Err(TargetError::Unknown { name, platform: plan.platform.clone(), known: known(plan) }),
        None => Ok(name),
    }
}

fn known(plan: &Plan) -> Vec<String> {
    plan.targets.iter().map(|target| target.name.clone()).collect()
}

fn of(platform: Option<&str>) -> String {
    platform.map(|platform| format!(" for {platform}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use stagewright_plan::{Build, Scratch, Targets, plan};

    use super::*;

    #[test]
    fn the_target_is_named_or_the_only_product() {
        let two = |b: &Build, (): ()| {
            let (a, b) = (b.runtime("a", Scratch), b.runtime("b", Scratch));
            Targets::new().product(a).product(b)
        };
        let one = |b: &Build, (): ()| {
            let (a, b) = (b.runtime("a", Scratch), b.runtime("b", Scratch));
            Targets::new().product(a).target(b)
        };
        let none = |b: &Build, (): ()| Targets::new().target(b.runtime("a", Scratch));
        let (two, one, none) = (plan(two, &[]).unwrap(), plan(one, &[]).unwrap(), plan(none, &[]).unwrap());
        assert_eq!(target([&one], None).unwrap(), "a");
        assert_eq!(target([&one, &two], Some("b")).unwrap(), "b");
        let told = |plans: &[&Plan], named| target(plans.iter().copied(), named).unwrap_err().to_string();
        assert_eq!(told(&[], None), "no platform is built for");
        assert_eq!(told(&[&none], None), "no target is a product, so name one: a");
        assert_eq!(
            told(&[&two], None),
            "the build has 2 products, and makes one at a time: name one as target: a, b"
        );
        // These Plans are for every platform, so that the platform is not what is wrong.
        assert_eq!(told(&[&two, &none], Some("b")), "there is no target `b`; the targets are a");
        let none = Plan { platform: Some("linux/386".to_owned()), ..none };
        assert_eq!(
            told(&[&two, &none], Some("b")),
            "there is no target `b` for linux/386; the targets are a"
        );
    }
}
