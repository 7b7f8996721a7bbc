//! What a health check runs, and whether its image has it.

use super::{Code, Found};
use crate::config::ImageConfig;
use crate::plan::Plan;

/// A program that a container runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tool {
    /// Its name, as it is run.
    pub name: String,
    /// Where it can be: it must be at one of these.
    pub paths: Vec<String>,
}

/// What no file is needed for: words of the shell.
const BUILT_IN: [&str; 20] = [
    "if", "while", "until", "for", "case", "!", "{", "(", "test", "[", "exit", "true", "false", "echo", "cd",
    "set", "exec", "eval", ".", "command",
];

/// What the health check of an image runs, if it can be told.
#[must_use]
pub fn tool(config: &ImageConfig) -> Option<Tool> {
    let test = &config.config.healthcheck.as_ref()?.test;
    let name = match test.first()?.as_str() {
        "CMD" => test.get(1)?.as_str(),
        "CMD-SHELL" => {
            let word = test.get(1)?.split_whitespace().next()?;
            let is_plain = word.chars().all(|c| c.is_ascii_alphanumeric() || "-_./+".contains(c));
            (is_plain && !BUILT_IN.contains(&word)).then_some(word)?
        }
        _ => return None,
    };
    let paths = match name.contains('/') {
        true if name.starts_with('/') => vec![name.to_owned()],
        // Relative to the working directory.
        true => return None,
        false => {
            let path = config.config.env.iter().find_map(|variable| variable.strip_prefix("PATH="))?;
            let directories = path.split(':').filter(|directory| directory.starts_with('/'));
            directories
                .map(|directory| format!("{}/{name}", directory.trim_end_matches('/')))
                .collect()
        }
    };
    Some(Tool { name: name.to_owned(), paths })
}

/// That a target's image does not have a tool.
pub(super) fn missing<'a>(plan: &'a Plan, target: &str, tool: &Tool) -> Option<Found<'a>> {
    let stage = plan.stage(&plan.target(target)?.stage)?;
    let message =
        format!("the health check of `{target}` runs `{}`, which its image does not have", tool.name);
    let help = "ask by what the image has: `node -e`, `python3 -c`, the program itself; or install it";
    Some(Found::new(stage, Code::HealthcheckTool, message).map(|problem| problem.help(help)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(test: &[&str], expected: Option<&[&str]>) {
        let health = serde_json::json!({ "Test": test });
        let config = serde_json::json!({
            "architecture": "amd64", "os": "linux", "rootfs": { "type": "layers", "diff_ids": [] },
            "config": { "Env": ["PATH=/usr/bin:/bin/"], "Healthcheck": health },
        });
        let config = ImageConfig::from_json(config.to_string().as_bytes()).unwrap();
        let found = tool(&config).map(|tool| tool.paths);
        let expected = expected.map(|paths| paths.iter().map(|path| (*path).to_owned()).collect());
        assert_eq!(found, expected, "{test:?}");
    }

    #[test]
    fn what_a_health_check_runs() {
        check(&["CMD", "curl", "-f", "x"], Some(&["/usr/bin/curl", "/bin/curl"]));
        check(&["CMD", "/app/health"], Some(&["/app/health"]));
        check(&["CMD-SHELL", "curl -f x || exit 1"], Some(&["/usr/bin/curl", "/bin/curl"]));
        check(&["CMD-SHELL", "[ -f /ok ]"], None);
        check(&["CMD-SHELL", "X=1 curl x"], None);
        check(&["CMD", "bin/health"], None);
        check(&["NONE"], None);
    }
}
