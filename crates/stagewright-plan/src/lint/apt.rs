//! Lists of apt in what ships.

use super::below::with_those_below;
use super::{Code, Found};
use crate::plan::{Action, Command, Mount, Role, Run, Stage};

/// Where apt keeps its lists.
const LISTS: &str = "/var/lib/apt/lists";

/// Commands that leave apt's lists in a layer of an image that ships.
pub(super) fn leftovers<'a>(stages: &[&'a Stage]) -> Vec<Found<'a>> {
    let ships = with_those_below(stages, |stage| stage.role == Role::Runtime);
    let mut found = Vec::new();
    for stage in stages.iter().filter(|stage| ships.contains(stage.name.as_str())) {
        for step in &stage.steps {
            if let Action::Run(run) = &step.action
                && leaves_lists(run)
            {
                let message = "apt's lists stay in the image: they are of no use there";
                let one = Found::new(stage, Code::AptLeftovers, message);
                found.push(one.map(|problem| {
                    problem
                        .at(&step.at)
                        .via(&step.via)
                        .help("give the command apt's cache, or end it with `&& rm -rf /var/lib/apt/lists/*`")
                }));
            }
        }
    }
    found
}

fn leaves_lists(run: &Run) -> bool {
    let text = match &run.command {
        Command::Shell(line) => line.clone(),
        Command::Argv(arguments) => arguments.join(" "),
        Command::Script { text, .. } => text.clone(),
    };
    // A line that goes on is one line, and quotes are no part of a path.
    let text = text.replace("\\\n", " ").replace(['"', '\''], "");
    let commands: Vec<Vec<&str>> = text
        .split(['\n', ';', '&', '|', '(', ')'])
        .map(|command| command.split_whitespace().collect())
        .collect();
    let Some(updated) = commands.iter().rposition(|words| has_update(words)) else { return false };
    let removes = commands[updated..].iter().any(|words| removes(words));
    let mounted = run.mounts.iter().any(|mount| match mount {
        Mount::Cache(cache) => covers(&cache.path),
        Mount::Tmpfs { path } => covers(path),
        _ => false,
    });
    !removes && !mounted
}

/// Whether one of a command's words, behind variables or `sudo`, begins an update of apt's lists.
fn has_update(words: &[&str]) -> bool {
    (0..words.len()).any(|at| updates(&words[at..]))
}

/// Whether a command removes apt's lists, or a directory above them.
fn removes(words: &[&str]) -> bool {
    let is_removal = words.contains(&"rm") || (words.contains(&"find") && words.contains(&"-delete"));
    let is_there = |word: &&str| {
        let path = word.trim_end_matches(['*', '/']);
        word.starts_with(LISTS) || (path.starts_with("/var/lib") && LISTS.starts_with(path))
    };
    is_removal && words.iter().any(is_there)
}

/// Whether a command that begins with these words updates apt's lists.
fn updates(words: &[&str]) -> bool {
    let Some((program, mut words)) = words.split_first() else { return false };
    if !matches!(program.rsplit('/').next(), Some("apt-get" | "apt")) {
        return false;
    }
    while let Some((option, rest)) = words.split_first().filter(|(word, _)| word.starts_with('-')) {
        // The value of these is the next word.
        let has_value = matches!(*option, "-o" | "-c" | "-t");
        words = rest.get(usize::from(has_value)..).unwrap_or_default();
    }
    words.first() == Some(&"update")
}

/// Whether what is mounted here takes the lists.
fn covers(path: &str) -> bool {
    let path = path.trim_end_matches('/');
    LISTS
        .strip_prefix(path)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Cache;

    #[test]
    fn what_leaves_lists() {
        let check = |line: &str, expected: bool| {
            let run = Run::new(Command::Shell(line.to_owned()));
            assert_eq!(leaves_lists(&run), expected, "{line}");
        };
        check("apt-get update && apt-get install -y curl", true);
        check("/usr/bin/apt-get -qq update; apt-get install curl", true);
        check("apt-get update \\\n  && apt-get install -y curl \\\n  && rm -rf /var/lib/apt/lists/*", false);
        check("rm -rf /var/lib/apt/lists/* && apt-get update", true);
        check("apt-get update && rm -rf \"/var/lib/apt/lists/\"*", false);
        check("apt-get update && rm -rf /var/lib/apt/*", false);
        check("apt-get update; find /var/lib/apt/lists -type f -delete", false);
        check("apt-get update && rm -f /x && ls /var/lib/apt/lists", true);
        check("DEBIAN_FRONTEND=noninteractive apt-get update", true);
        check("apt-get -o Acquire::Retries=3 update", true);
        check("apt-get install -y curl", false);
        check("echo apt-get is old, update it", false);
        for (path, expected) in
            [("/var/lib/apt", false), ("/var/lib/apt/lists/", false), ("/var/cache/apt", true)]
        {
            let mut run = Run::new(Command::Shell("apt-get update".to_owned()));
            run.mounts.push(Mount::Cache(Cache::at(path)));
            assert_eq!(leaves_lists(&run), expected, "{path}");
        }
    }
}
