//! Images that run as root.

use super::{Code, Found};
use crate::config::ImageConfig;
use crate::plan::{Plan, Role};

/// Images that ship and whose containers run as root.
pub(super) fn roots<'a>(plan: &'a Plan, images: &[(&str, &ImageConfig)]) -> Vec<Found<'a>> {
    let mut found = Vec::new();
    for (target, config) in images {
        let stage = plan.target(target).and_then(|target| plan.stage(&target.stage));
        let Some(stage) = stage.filter(|stage| stage.role == Role::Runtime) else { continue };
        if is_root(&config.config.user) {
            let message = format!("containers of `{target}` run as root");
            let one = Found::new(stage, Code::RootUser, message);
            found.push(one.map(|problem| problem.help("set a user of the image, or make it `nonroot`")));
        }
    }
    found
}

fn is_root(user: &str) -> bool {
    matches!(user.split(':').next().unwrap_or_default(), "" | "root" | "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_root() {
        for (user, expected) in
            [("", true), ("root", true), ("0:0", true), ("node", false), ("10001:0", false)]
        {
            assert_eq!(is_root(user), expected, "{user}");
        }
    }
}
