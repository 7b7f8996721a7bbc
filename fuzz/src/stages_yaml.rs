//! `stages.yaml`: a text, and values for its args.

use stagewright_plan::{Platform, Problems, check};
use stagewright_yaml::Document;

/// So much of an input is looked at: a long file says nothing new.
const MOST: usize = 16 << 10;

const FILE: &str = "stages.yaml";

/// Reads a file up to the first zero byte, and makes its Plan with the args behind it, `name=value` in each line.
///
/// The same text is read to the same end however often, what is wrong has a place in the text, and a Plan that was
/// made is one that the check has nothing against, and that JSON keeps whole.
pub fn stages_yaml(data: &[u8]) {
    let text = String::from_utf8_lossy(&data[..data.len().min(MOST)]);
    let (text, args) = text.split_once('\0').unwrap_or((&text, ""));
    let args: Vec<(&str, &str)> = args.lines().filter_map(|line| line.split_once('=')).collect();
    let document = match Document::parse(FILE, text) {
        Ok(document) => document,
        Err(problems) => {
            has_places(&problems, text);
            assert_eq!(
                Document::parse(FILE, text).map(drop),
                Err(problems),
                "the same text, the same problems"
            );
            return;
        }
    };
    let (arm, amd64) = (Platform::new("linux", "arm64"), Platform::new("linux", "amd64"));
    match document.plan(&args, &arm, &amd64) {
        Ok(plan) => {
            assert!(check::check(&plan).is_ok(), "what is made was checked");
            let read = stagewright_plan::Plan::from_json(&plan.to_json());
            assert_eq!(read.as_ref().ok(), Some(&plan), "JSON keeps a Plan whole");
            assert_eq!(document.plan(&args, &arm, &amd64).as_ref(), Ok(&plan));
            let other = document
                .plan(&args, &amd64, &amd64)
                .expect("the args are right for one platform");
            assert!(document.asks_platform() || other == plan, "a Plan that asks for no platform serves all");
        }
        Err(problems) => {
            // What is given, or is not, stands outside of the file.
            assert!(problems.iter().all(|problem| !problem.message.is_empty()));
            assert_eq!(document.plan(&args, &arm, &amd64), Err(problems));
        }
    }
}

fn has_places(problems: &Problems, text: &str) {
    let lines = text.split('\n').count();
    for problem in problems {
        let at = problem.at.as_ref().unwrap_or_else(|| panic!("`{problem}` has no place"));
        assert_eq!(at.file, FILE);
        assert!(
            at.line >= 1 && at.line as usize <= lines + 1 && at.column >= 1,
            "{problem}, of {lines} lines"
        );
    }
}
