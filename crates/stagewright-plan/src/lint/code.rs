//! The codes of findings: what they are called by in messages, in `allow`, and in the documentation.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What is found in a Plan, or in an image of it, and may be allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    /// Commands of apt leave its lists in an image.
    AptLeftovers,
    /// An artifact of a path that no step can have made.
    ArtifactNeverMade,
    /// A health check by a program that the image does not have.
    HealthcheckTool,
    /// An image of a registry by a tag that moves with every release.
    LatestImage,
    /// An image that runs as root.
    RootUser,
    /// An environment variable that is a secret by its name.
    SecretInEnv,
    /// A text that is a secret by its form.
    SecretLiteral,
    /// An `allow` that allows nothing.
    UnusedAllow,
    /// A tester that no target needs.
    UnusedTester,
}

/// What a finding means for the build.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It is built, and its user is warned.
    Warning,
    /// It is not built: it cannot do what it says.
    Error,
}

impl Code {
    /// All of them, in the order of their names.
    pub const ALL: [Self; 9] = [
        Self::AptLeftovers,
        Self::ArtifactNeverMade,
        Self::HealthcheckTool,
        Self::LatestImage,
        Self::RootUser,
        Self::SecretInEnv,
        Self::SecretLiteral,
        Self::UnusedAllow,
        Self::UnusedTester,
    ];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AptLeftovers => "apt-leftovers",
            Self::ArtifactNeverMade => "artifact-never-made",
            Self::HealthcheckTool => "healthcheck-tool",
            Self::LatestImage => "latest-image",
            Self::RootUser => "root-user",
            Self::SecretInEnv => "secret-in-env",
            Self::SecretLiteral => "secret-literal",
            Self::UnusedAllow => "unused-allow",
            Self::UnusedTester => "unused-tester",
        }
    }

    /// The code of this name.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.name() == name)
    }

    /// What it means for the build.
    #[must_use]
    pub const fn severity(self) -> Severity {
        match self {
            Self::ArtifactNeverMade | Self::UnusedTester => Severity::Error,
            _ => Severity::Warning,
        }
    }

    /// What it is about, in a few words.
    #[must_use]
    pub const fn summary(self) -> &'static str {
        match self {
            Self::AptLeftovers => "apt leaves its lists in the image",
            Self::ArtifactNeverMade => "no step can have made the artifact",
            Self::HealthcheckTool => "the image does not have what its health check runs",
            Self::LatestImage => "the image is another one tomorrow",
            Self::RootUser => "containers of the image run as root",
            Self::SecretInEnv => "a variable is a secret by its name",
            Self::SecretLiteral => "a text of the build is a secret by its form",
            Self::UnusedAllow => "nothing is allowed by this",
            Self::UnusedTester => "the tester would never run",
        }
    }

    /// The page about it, in Stagewright's repository.
    #[must_use]
    pub fn page(self) -> String {
        format!("docs/checks/{}.md", self.name())
    }

    /// Whether the Plan alone tells: others need what a daemon says.
    pub(crate) const fn is_of_plan(self) -> bool {
        !matches!(self, Self::HealthcheckTool | Self::RootUser)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_in_a_plan() {
        for code in Code::ALL {
            assert_eq!(serde_json::to_value(code).unwrap(), code.name());
            assert_eq!(Code::of(code.name()), Some(code));
        }
        assert!(Code::ALL.is_sorted_by_key(|code| code.name()));
    }
}
