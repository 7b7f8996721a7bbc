//! The files that a program declares.

use super::{Case, line_of, marked, program};
use crate::support::directory;

/// A program with a head of its own.
fn declaring(head: &str, body: &str) -> String {
    program(body).replacen('\n', &format!("\n{head}\n"), 1)
}

#[tokio::test]
async fn declared_files_are_modules_and_texts() {
    let files = [
        (
            "presets/node.rs",
            "pub const NAME: &str = include_str!(\"../name.txt\");\npub fn fail() { panic!(\"here\") }\n",
        ),
        ("presets/mod.rs", "pub mod node;\n"),
        ("name.txt", "from-a-file"),
        ("other.txt", "not declared"),
    ];
    let directory = directory(&files);
    let head = "// files=presets/*.rs, name.txt\nmod presets;";
    let body = "    Targets::new().product(b.runtime(presets::node::NAME, Scratch))";
    let mut case = Case::new(declaring(head, body));
    case.directory = Some(directory.path().to_owned());
    assert_eq!(case.ask().await.plan().stages[0].name, "from-a-file");

    // What was not declared is not there.
    case.text = declaring(head, &body.replace("presets::node::NAME", "include_str!(\"other.txt\")"));
    let error = case.ask().await.error();
    assert!(error.message().contains("couldn't read `other.txt`"), "{error}");

    // A mistake in a declared file is shown there.
    case.text = declaring(head, &format!("    presets::node::fail();\n{body}"));
    let error = case.ask().await.error();
    assert_eq!(marked(&error, "presets/node.rs"), [2]);
    assert_eq!(error.sources()[0].info.data, files[0].1.as_bytes());
}

#[tokio::test]
async fn what_is_not_there_is_told_at_its_declaration() {
    let directory = directory(&[("dir/a.rs", ""), ("dir/a.txt", "")]);
    for (declared, expected) in [
        ("missing.rs", "there is no `missing.rs` beside stages.rs"),
        ("no/such/*.rs", "there is no `no/such/*.rs` beside stages.rs"),
        ("dir/*.toml", "there is no `dir/*.toml` beside stages.rs"),
        ("dir", "`dir` is a directory: declare its files, as in `dir/*.rs`"),
        ("../secret", "`../secret` is not below the program's directory"),
    ] {
        let text = declaring(&format!("// files={declared}"), "    Targets::new()");
        let mut case = Case::new(&text);
        case.directory = Some(directory.path().to_owned());
        let error = case.ask().await.error();
        assert!(error.message().starts_with(&format!("stages.rs:2: {expected}")), "{error}");
        assert_eq!(marked(&error, "stages.rs"), [line_of(&text, "files=")]);
    }
}
