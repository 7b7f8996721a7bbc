//! Misuse of the DSL that does not compile, and the message it earns.

#[test]
fn misuse_does_not_compile() {
    trybuild::TestCases::new().compile_fail("compile-fail/cases/*.rs");
}
