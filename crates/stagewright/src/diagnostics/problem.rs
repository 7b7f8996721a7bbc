//! What is wrong with a build's description.

use annotate_snippets::{Group, Level, Origin};
use stagewright_plan::{Problem, Problems, Site};

use super::Style;
use super::source::{Mark, excerpt};
use crate::progress::{safe_name, safe_text};

/// All problems, each with the lines that it is about.
///
/// `text` gives the text of a source file by the name that a site has for it. Without a text the place stands
/// alone.
pub(crate) fn problems(problems: &Problems, text: &dyn Fn(&str) -> Option<String>, style: Style) -> String {
    let written: Vec<String> = problems.iter().map(|problem| one(problem, text, style)).collect();
    written.join("\n\n") + "\n"
}

fn one(problem: &Problem, text: &dyn Fn(&str) -> Option<String>, style: Style) -> String {
    let title = Level::ERROR.primary_title(safe_text(&problem.message));
    let mut group = Group::with_title(match problem.code {
        Some(code) => title.id(code.name()),
        None => title,
    });
    let mut unseen: Vec<(&Site, &str)> = Vec::new();
    for places in by_file(problem) {
        let file = &places[0].0.file;
        let marks: Vec<Mark> = places.iter().map(|(site, label)| mark(site, label)).collect();
        match text(file).and_then(|text| excerpt(file, &text, &marks)) {
            Some(snippet) => group = group.element(snippet),
            None => unseen.extend(places),
        }
    }
    for (site, label) in unseen {
        if Some(site) == problem.at.as_ref() {
            group = group.element(
                Origin::path(safe_name(&site.file))
                    .line(site.line as usize)
                    .char_column(site.column as usize),
            );
            if label.is_empty() {
                continue;
            }
        }
        group = group.element(Level::NOTE.message(format!(
            "{}: {}",
            safe_name(&site.to_string()),
            safe_name(label)
        )));
    }
    // Innermost first, as one goes from the line to who called it.
    for site in problem.via.iter().rev() {
        group = group.element(
            Level::NOTE.message(format!("in a preset called from {}", safe_name(&site.to_string()))),
        );
    }
    if let Some(help) = &problem.help {
        group = group.element(Level::HELP.message(safe_text(help)));
    }
    if let Some(code) = problem.code {
        let told = format!(
            "`allow` the finding `{code}` if you want it so; {} of Stagewright tells more",
            code.page()
        );
        group = group.element(Level::NOTE.message(told));
    }
    style.renderer().render(&[group])
}

/// The places of a problem by their files, its own first.
fn by_file(problem: &Problem) -> Vec<Vec<(&Site, &str)>> {
    let own = problem.at.iter().map(|site| (site, problem.label.as_str()));
    let related = problem.related.iter().map(|(site, label)| (site, label.as_str()));
    let mut files: Vec<Vec<(&Site, &str)>> = Vec::new();
    for place in own.chain(related) {
        match files.iter_mut().find(|places| places[0].0.file == place.0.file) {
            Some(places) => places.push(place),
            None => files.push(vec![place]),
        }
    }
    files
}

fn mark(site: &Site, label: &str) -> Mark {
    Mark { line: site.line as usize, column: site.column as usize, end: None, label: label.to_owned() }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    const STAGES: &str = r#"use stagewright::prelude::*;

fn build(b: &Build) -> Targets {
    let base = b.base("base", "node:18-slim");
    let deps = base.deps("deps").run("npm ci");
    let app = base.runtime("deps")
        .copy(deps.artifact("node_modules"), "./");
    Targets::new().product(app)
}
"#;

    fn site(file: &str, line: u32, column: u32) -> Site {
        Site { file: file.to_owned(), line, column }
    }

    fn check(given: impl Into<Problems>, expected: &Expect) {
        let text = |file: &str| (file == "stages.rs").then(|| STAGES.to_owned());
        expected.assert_eq(&problems(&given.into(), &text, Style { colours: false, width: 100 }));
    }

    #[test]
    fn a_problem_with_a_related_place_and_help() {
        let problem = Problem::new("two stages are named `deps`")
            .at(&site("stages.rs", 6, 20))
            .label("this stage")
            .related(&site("stages.rs", 5, 21), "the first one")
            .help("give one of them another name");
        check(
            problem,
            &expect![[r#"
            error: two stages are named `deps`
             --> stages.rs:6:20
              |
            3 | fn build(b: &Build) -> Targets {
            4 |     let base = b.base("base", "node:18-slim");
            5 |     let deps = base.deps("deps").run("npm ci");
              |                     ------------ the first one
            6 |     let app = base.runtime("deps")
              |                    ^^^^^^^^^^^^^^^ this stage
            7 |         .copy(deps.artifact("node_modules"), "./");
            8 |     Targets::new().product(app)
              |
              = help: give one of them another name
        "#]],
        );
    }

    #[test]
    fn a_problem_in_a_preset() {
        let problem = Problem::new("`node_modules` is not absolute")
            .at(&site("stages.rs", 7, 20))
            .via(&[site("stages.rs", 3, 1), site("presets.rs", 4, 7)]);
        check(
            problem,
            &expect![[r#"
            error: `node_modules` is not absolute
             --> stages.rs:7:20
              |
            5 |     let deps = base.deps("deps").run("npm ci");
            6 |     let app = base.runtime("deps")
            7 |         .copy(deps.artifact("node_modules"), "./");
              |                    ^^^^^^^^^^^^^^^^^^^^^^^^
            8 |     Targets::new().product(app)
            9 | }
              |
              = note: in a preset called from presets.rs:4:7
              = note: in a preset called from stages.rs:3:1
        "#]],
        );
    }

    #[test]
    fn places_without_a_text_stand_alone() {
        let problem = Problem::new("`x` is used twice")
            .at(&site("gone.rs", 6, 20))
            .label("this stage")
            .related(&site("stages.rs", 99, 1), "the first one");
        check(
            problem,
            &expect![[r#"
            error: `x` is used twice
            --> gone.rs:6:20
             = note: gone.rs:6:20: this stage
             = note: stages.rs:99:1: the first one
        "#]],
        );
    }

    #[test]
    fn several_problems_some_without_a_place() {
        let far = Problem::new("no product")
            .at(&site("stages.rs", 8, 5))
            .related(&site("stages.rs", 1, 5), "from");
        let outside = Problem::new("unknown build argument `nod`").help("did you mean `node`?");
        let all = Problems::none_of(vec![far, outside]).unwrap_err();
        check(
            all,
            &expect![[r#"
            error: unknown build argument `nod`
             |
             = help: did you mean `node`?

            error: no product
             --> stages.rs:8:5
              |
            1 | use stagewright::prelude::*;
              |     ---------------------- from
            2 |
            3 | fn build(b: &Build) -> Targets {
            4 |     let base = b.base("base", "node:18-slim");
            5 |     let deps = base.deps("deps").run("npm ci");
            6 |     let app = base.runtime("deps")
            7 |         .copy(deps.artifact("node_modules"), "./");
            8 |     Targets::new().product(app)
              |     ^^^^^^^^^^^^^^
            9 | }
              |
        "#]],
        );
    }

    #[test]
    fn colours_if_asked() {
        let style = Style { colours: true, width: 100 };
        let written = problems(&Problem::new("a\x1b[2Jb").into(), &|_| None, style);
        assert!(written.contains("\x1b[1m") && !written.contains("\x1b[2J"), "{written:?}");
    }
}
