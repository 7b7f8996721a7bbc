//! The knobs: what stands in a `lucid.yml`, and what of it fits together.

use stagewright::prelude::*;

/// What stands in a `lucid.yml`. Each knob can be set by `--build-arg`, too.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields)]
pub(crate) struct Lucid {
    /// What the image is for.
    pub(crate) build_environment: Environment,
    /// Version of the service: a label of the image, and a variable of its containers.
    pub(crate) version: String,
    /// Major version of Node.
    #[serde(default = "node")]
    #[schemars(range(min = 18, max = 24))]
    pub(crate) node: u8,
    /// Port of the service; not one of root's.
    #[serde(default = "port")]
    #[schemars(range(min = 1024))]
    pub(crate) port: u16,
    /// What the service writes to its log.
    #[serde(default)]
    pub(crate) log_level: LogLevel,
    /// Whether an image is there only if its tests pass.
    #[serde(default = "on")]
    pub(crate) build_validation: bool,
    /// Whether development listens to debuggers, on port 9229.
    #[serde(default)]
    pub(crate) debug_mode: bool,
    /// Whether development starts anew when a source changes.
    #[serde(default)]
    pub(crate) hot_reload: bool,
    /// Whether testing measures coverage.
    #[serde(default)]
    pub(crate) coverage_enabled: bool,
    /// Lines that tests have to cover, in percent.
    #[serde(default)]
    #[schemars(range(max = 100))]
    pub(crate) coverage_minimum: u8,
}

/// What an image is for.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Environment {
    Production,
    Development,
    Testing,
}

/// What goes to a log.
#[derive(Clone, Copy, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum LogLevel {
    Error,
    Warn,
    #[default]
    Info,
    Debug,
}

impl Lucid {
    /// Tells the build what does not fit together: all of it, each at its line.
    pub(crate) fn check(&self, b: &Build) {
        let production = self.build_environment == Environment::Production;
        if !is_version(&self.version) {
            let wrong = format!("`{}` is no version: write one as 1.2.3 or v1.2.3-rc.1", self.version);
            b.problem_in("VERSION", wrong);
        }
        if !(18..=24).contains(&self.node) {
            b.problem_in("NODE", format!("Node {} is none of 18 to 24", self.node));
        }
        if self.port < 1024 {
            b.problem_in("PORT", format!("{} is root's: take one from 1024 on", self.port));
        }
        if self.coverage_minimum > 100 {
            b.problem_in("COVERAGE_MINIMUM", format!("{} is more than 100 percent", self.coverage_minimum));
        }
        if self.coverage_minimum > 0 && !self.coverage_enabled {
            b.problem_in("COVERAGE_MINIMUM", "nothing is measured without `COVERAGE_ENABLED: true`");
        }
        if self.hot_reload && self.build_environment != Environment::Development {
            b.problem_in("HOT_RELOAD", "only `BUILD_ENVIRONMENT: development` reloads");
        }
        if self.debug_mode && production {
            b.problem_in("DEBUG_MODE", "production has no debugger: take another `BUILD_ENVIRONMENT`");
        }
        if !self.build_validation && production {
            b.problem_in("BUILD_VALIDATION", "production is validated: leave it out, or say true");
        }
    }
}

impl Environment {
    /// Its name, as Node has it in `NODE_ENV`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Production => "production",
            Self::Development => "development",
            Self::Testing => "test",
        }
    }
}

impl LogLevel {
    /// Its name, as the service reads it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }
}

/// Whether a text is three numbers, and after them, behind a hyphen, what else Semantic Versioning has there.
fn is_version(text: &str) -> bool {
    let text = text.strip_prefix('v').unwrap_or(text);
    let (numbers, rest) = text
        .split_once('-')
        .map_or((text, None), |(numbers, rest)| (numbers, Some(rest)));
    let parts: Vec<&str> = numbers.split('.').collect();
    let is_number = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-';
    parts.len() == 3
        && parts.iter().all(is_number)
        && rest.is_none_or(|rest| !rest.is_empty() && rest.bytes().all(is_plain))
}

fn node() -> u8 {
    18
}

fn port() -> u16 {
    8080
}

fn on() -> bool {
    true
}
