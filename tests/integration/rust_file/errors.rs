//! What is wrong with a program, at its lines.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use buildkit_client::{BuildError, BuildRequest};

use super::{Case, client, describes, line_of, marked, program, runs};
use crate::support::{eventually, unique};

#[tokio::test]
async fn rustcs_errors_are_the_users() {
    let text = program(
        "    let number: u32 = \"one\";
    let image = b.runtime(\"app\", Scratch).workdir(7);
    Targets::new().product(image)",
    );
    let error = Case::new(&text).ask().await.error();
    let message = error.message();
    assert!(
        message.starts_with("stages.rs does not compile: 2 errors\n\nerror[E0308]: mismatched types"),
        "{message}"
    );
    assert!(message.contains("--> stages.rs:9:23"), "{message}");
    assert_eq!(marked(&error, "stages.rs"), [9, line_of(&text, "workdir(7)")]);
    assert_eq!(error.sources()[0].info.data, text.as_bytes());

    // The answer is kept like any other.
    let again = Case::new(&text).ask().await;
    assert_eq!(again.ran(), Vec::<String>::new());
    assert_eq!(again.error().message(), message);
}

#[tokio::test]
async fn a_wrong_transition_of_roles_is_told_in_the_words_of_the_types() {
    let text = program(
        r#"    let made = b.builder("build", "debian:bookworm-slim");
    Targets::new().product(made.runtime("app"))"#,
    );
    let error = Case::new(&text).ask().await.error();
    assert_eq!(marked(&error, "stages.rs"), [line_of(&text, "made.runtime")]);
    let expected = "a runtime image starts from an image, a base or another runtime";
    assert!(error.message().contains(expected), "{error}");
}

#[tokio::test]
async fn a_warning_is_shown_and_refuses_nothing() {
    let text = program(
        r#"    let unused = 1;
    Targets::new().product(b.runtime("app", Scratch))"#,
    );
    let asked = Case::new(&text).ask().await;
    asked.plan();
    let warnings: Vec<_> = asked.shown.iter().flat_map(|update| &update.warnings).collect();
    assert_eq!(warnings.len(), 1);
    assert_eq!(warnings[0].short, "unused variable: `unused`");
    assert_eq!(warnings[0].range[0].start.line, line_of(&text, "unused = 1"));
    assert_eq!(warnings[0].source_info.as_ref().unwrap().filename, "stages.rs");
}

#[tokio::test]
async fn a_panic_is_at_its_line() {
    let said = format!("a name is given to {}", unique());
    let text = program(
        r#"    let none: Option<&str> = None;
    Targets::new().product(b.runtime(none.expect("a name"), Scratch))"#,
    );
    let text = text.replace("a name", &said);
    let asked = Case::new(&text).ask().await;
    let error = asked.error();
    let line = line_of(&text, "none.expect");
    assert_eq!(marked(&error, "stages.rs"), [line]);
    assert_eq!(error.message(), format!("stages.rs panicked at stages.rs:{line}:43: {said}"));
    assert!(asked.log().contains(&said), "{}", asked.log());
    let mut again = Case::new(&text).ask().await.ran();
    // What another test makes without the cache at the same time is shown here, too.
    again.retain(|name| name != "compile the crates of stagewright");
    assert_eq!(again, Vec::<String>::new());
}

#[tokio::test]
async fn all_problems_come_at_their_lines() {
    let text = program(
        r#"    let app = b.runtime("app", "No Image");
    let other = b.runtime("app", Scratch);
    b.problem("nobody wants this");
    Targets::new().product(app).product(other)"#,
    );
    let error = Case::new(&text).ask().await.error();
    let first = line_of(&text, "No Image");
    assert_eq!(marked(&error, "stages.rs"), [first, first + 1, first + 2, first + 3], "{error}");
    assert!(
        error
            .message()
            .contains(&format!("stages.rs:{}:7: nobody wants this", first + 2)),
        "{error}"
    );
}

#[tokio::test]
async fn an_error_of_the_function_is_told() {
    let text = program("    todo").replace("-> Targets", "-> Result<Targets, String>");
    let text = text.replace("    todo", "    _ = b;\n    Err(\"not today\".to_owned())");
    let error = Case::new(&text).ask().await.error();
    assert_eq!(error.message(), "the build function failed: not today");
}

#[tokio::test]
async fn a_program_that_tells_nothing_is_told_so() {
    let salt = unique();
    let text = format!("// {salt}\nfn main() {{}}\n");
    let error = Case::new(text).ask().await.error();
    assert!(error.message().contains("its `main` has to be `stagewright::main(build)`"), "{error}");

    let text = format!("// {salt}\nfn main() {{\n    std::process::exit(3)\n}}\n");
    let error = Case::new(text).ask().await.error();
    assert!(error.message().starts_with("stages.rs ended without telling its Plan: "), "{error}");
    assert_eq!(error.exit_code(), Some(3));
    assert_eq!(marked(&error, "stages.rs"), [2]);
}

#[tokio::test]
async fn of_many_errors_the_first_are_told() {
    let wrong = "    let _: u32 = \"one\";\n".repeat(100);
    let text = program(&format!("{wrong}    Targets::new().product(b.runtime(\"app\", Scratch))"));
    let error = Case::new(text).ask().await.error();
    let message = error.message();
    assert!(message.starts_with("stages.rs does not compile: 100 errors\n"), "{message}");
    assert_eq!(message.matches("error[E0308]").count(), 20, "{message}");
    assert!(message.ends_with("\n\nand 80 more"), "{message}");

    // A line that is long is not told from end to end.
    let long = format!("    let _: u32 = \"{}\";", "x".repeat(1 << 20));
    let error = Case::new(program(&long)).ask().await.error();
    assert!(error.message().len() < 64 << 10, "{} bytes", error.message().len());
}

#[tokio::test]
async fn without_cache_a_program_is_compiled_and_asked_again() {
    let mut case = Case::new(program("    Targets::new().product(b.runtime(\"app\", Scratch))"));
    case.ask().await.plan();
    case.no_cache = true;
    let again = case.ask().await;
    again.plan();
    assert_eq!(again.ran(), ["compile".to_owned(), describes()], "and the crates are not");

    // What fails is told as it is otherwise.
    case.text = "fn main() {\n    std::process::exit(3)\n}\n".to_owned();
    let error = case.ask().await.error();
    assert!(error.message().starts_with("stages.rs ended without telling its Plan: "), "{error}");
}

#[tokio::test]
async fn memory_is_bounded() {
    let text = program(
        r#"    let much = vec![1u8; 3 << 30];
    Targets::new().product(b.runtime(format!("a{}", much[7]), Scratch))"#,
    );
    let asked = Case::new(text).ask().await;
    let error = asked.error();
    assert!(error.message().contains("2 GiB of memory"), "{error}");
    assert!(asked.log().contains("memory allocation of 3221225472 bytes failed"), "{}", asked.log());
}

/// A program without end, and with a parameter that makes its runs unlike all others.
pub(super) fn endless() -> String {
    let body = "    while b.platform().os != \"nowhere\" {}\n    panic!()";
    let text = program(body).replace("_: ()", "_: Params");
    format!("{text}#[derive(Deserialize, JsonSchema)]\nstruct Params {{ _salt: String }}\n")
}

#[tokio::test]
async fn processor_time_is_bounded() {
    let error = Case::new(endless()).arg("_salt", &unique()).ask().await.error();
    assert!(error.message().contains("is there a loop without end?"), "{error}");
    assert_eq!(error.exit_code(), Some(137));
    assert_eq!(marked(&error, "stages.rs"), [line_of(&endless(), "fn main")]);
}

#[tokio::test]
async fn a_program_without_end_is_stopped_with_its_build() {
    let text = endless();
    let salt = unique();
    let case = Case::new(text).arg("_salt", &salt);
    let client = client().await;
    let request = BuildRequest::default();
    let cancel = request.cancel.clone();
    let shown = Arc::new(Mutex::new(Vec::new()));
    let cancelled = async {
        eventually("the program runs", Duration::from_secs(300), || runs(&salt)).await;
        cancel.cancel();
    };
    let (ended, ()) = tokio::join!(case.ask_with(&client, request, &shown), cancelled);
    assert!(matches!(ended, Err(BuildError::Cancelled)), "{ended:?}");
    eventually("the program is gone", Duration::from_secs(5), || !runs(&salt)).await;
}
