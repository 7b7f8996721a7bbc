//! What `cargo test` prints, read line by line: which tests ran, and how each went.

/// How a test went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Passed,
    Failed,
    Ignored,
}

/// The tests of a run. A test is named by its crate or binary and its path.
#[derive(Debug, Default)]
pub(super) struct Tests {
    pub(super) verdicts: Vec<(String, Verdict)>,
    /// What runs now, as the last headline said.
    binary: String,
}

impl Tests {
    /// Takes the next line of the output.
    pub(super) fn line(&mut self, line: &str) {
        if let Some(binary) = headline(line) {
            self.binary = binary;
            return;
        }
        if let Some((test, verdict)) = verdict(line) {
            self.verdicts.push((format!("{} {test}", self.binary), verdict));
        }
    }
}

/// `Running unittests src/lib.rs (target/debug/deps/NAME-0123456789abcdef)` or `Doc-tests NAME`.
fn headline(line: &str) -> Option<String> {
    let line = line.trim_start();
    if let Some(name) = line.strip_prefix("Doc-tests ") {
        return Some(format!("doc:{name}"));
    }
    let (what, binary) = line.strip_prefix("Running ")?.strip_suffix(')')?.split_once(" (")?;
    let name = binary.rsplit('/').next()?;
    let name = name.rsplit_once('-').map_or(name, |(name, _hash)| name);
    // A library and a program of one package may have one name.
    let kind = if what.ends_with("src/main.rs") && what.starts_with("unittests") { "bin:" } else { "" };
    Some(format!("{kind}{name}"))
}

/// `test NAME ... ok`; the line number of a documentation test is no part of its name.
fn verdict(line: &str) -> Option<(String, Verdict)> {
    let (name, verdict) = line.strip_prefix("test ")?.rsplit_once(" ... ")?;
    let verdict = match verdict {
        "ok" => Verdict::Passed,
        "FAILED" => Verdict::Failed,
        _ if verdict.starts_with("ignored") => Verdict::Ignored,
        _ => return None,
    };
    let name = match name.split_once(" (line ") {
        Some((name, rest)) => format!("{name}{}", rest.split_once(')')?.1),
        None => name.to_owned(),
    };
    Some((name, verdict))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "
   Compiling a v0.1.0
     Running unittests src/lib.rs (target/debug/deps/buildkit_llb-0123456789abcdef)

running 3 tests
test digest::tests::is_hex ... ok
test op::tests::is_whole ... FAILED
test op::tests::is_slow ... ignored, takes long
     Running unittests src/main.rs (/t/debug/deps/xtask-0123456789abcdef)
test tests::a ... ok
     Running golden/main.rs (target/debug/deps/golden-0123456789abcdef)
test result: ok. 0 passed; 0 failed
   Doc-tests stagewright
test crates/stagewright/src/lib.rs - build (line 12) - compile ... ok
";

    #[test]
    fn names_have_their_binary_and_no_line_numbers() {
        let mut tests = Tests::default();
        OUTPUT.lines().for_each(|line| tests.line(line));
        let expected = [
            ("buildkit_llb digest::tests::is_hex", Verdict::Passed),
            ("buildkit_llb op::tests::is_whole", Verdict::Failed),
            ("buildkit_llb op::tests::is_slow", Verdict::Ignored),
            ("bin:xtask tests::a", Verdict::Passed),
            ("doc:stagewright crates/stagewright/src/lib.rs - build - compile", Verdict::Passed),
        ];
        let found: Vec<_> = tests.verdicts.iter().map(|(name, verdict)| (name.as_str(), *verdict)).collect();
        assert_eq!(found, expected);
    }
}
