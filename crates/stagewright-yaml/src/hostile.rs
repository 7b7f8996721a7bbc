//! Texts that nobody means well with: a clear answer, in bounded time and memory.

use std::fmt::Write as _;

use expect_test::{Expect, expect};
use stagewright_plan::{Plan, Platform, Problems};

use crate::Document;

fn plan(text: &str) -> Result<Plan, Problems> {
    let amd64 = Platform::new("linux", "amd64");
    let none: [(&str, &str); 0] = [];
    Document::parse("stages.yaml", text)?.plan(&none, &amd64, &amd64)
}

fn wrong(text: &str, expected: &Expect) {
    match plan(text) {
        Ok(plan) => panic!("nothing is wrong with it: {}", plan.to_json()),
        Err(problems) => expected.assert_eq(&problems.to_string()),
    }
}

const MINIMAL: &str = "stages:\n  app: { role: runtime, from: 'nginx:1' }\n";

#[test]
fn nothing() {
    wrong(
        "",
        &expect![[r#"
        stages.yaml:1:1: the file is empty
          help: begin with `stages:`, a map from names to stages"#]],
    );
    wrong(
        "# a comment\n",
        &expect![[r#"
        stages.yaml:1:1: the file is empty
          help: begin with `stages:`, a map from names to stages"#]],
    );
    wrong("---\n", &expect!["stages.yaml:1:4: `stages` is missing here"]);
    wrong(
        "stages:\n",
        &expect![[r#"
        the build has no targets
          help: name the images that it makes: they are its products"#]],
    );
    wrong("- a\n- b\n", &expect!["stages.yaml:1:1: a map is expected here, not a list"]);
    wrong("FROM node:18\nRUN npm ci\n", &expect!["stages.yaml:1:1: a map is expected here, not a text"]);
}

#[test]
fn what_is_no_yaml() {
    wrong(
        "stages:\n\tapp:\n",
        &expect!["stages.yaml:2:2: not YAML: tabs disallowed within this context (block indentation)"],
    );
    wrong("stages: [\n", &expect!["stages.yaml:1:9: not YAML: unclosed bracket '['"]);
    wrong("stages: {a: \u{0}}\n", &expect![[r#"stages.yaml:1:13: not YAML: unexpected character: `\u{0}'"#]]);
    wrong(
        "stages: *nothing\n",
        &expect!["stages.yaml:1:9: not YAML: while parsing node, found unknown anchor"],
    );
    wrong(
        "stages:\n  app: 'x\n",
        &expect!["stages.yaml:3:1: not YAML: invalid indentation in multiline quoted scalar"],
    );
    wrong("? [a, b]\n: c\n", &expect!["stages.yaml:1:3: a key is a word, not a list"]);
    wrong(
        "stages: !include other.yaml\n",
        &expect![[r#"
        stages.yaml:1:18: a map is expected here, not a text
        stages.yaml:1:18: the tag `!include` means nothing here
          help: leave it out"#]],
    );
}

#[test]
fn keys_that_are_there_twice() {
    wrong(
        "stages:\n  a: { role: runtime, from: 'x:1', role: dev }\n  a: { role: base, from: 'y:1' }\n",
        &expect![[r#"
            stages.yaml:2:36: the key `role` is here twice
              stages.yaml:2:8: this is the first
            stages.yaml:3:3: the key `a` is here twice
              stages.yaml:2:3: this is the first"#]],
    );
}

#[test]
fn what_is_unusual_and_right() {
    assert_eq!(plan(&format!("\u{feff}{MINIMAL}")).unwrap(), plan(MINIMAL).unwrap());
    assert!(plan(&format!("%YAML 1.2\n---\n{MINIMAL}...\n")).is_ok());
    assert!(plan(&MINIMAL.replace('\n', "\r\n")).is_ok());
    assert!(plan(r#"{"stages": {"app": {"role": "runtime", "from": "nginx:1"}}}"#).is_ok());
    wrong(
        &format!("{MINIMAL}---\n{MINIMAL}"),
        &expect![[r#"
        stages.yaml:3:1: a second document begins here
          help: a build is one document: leave out the `---`"#]],
    );
}

#[test]
fn rings() {
    let stage = |name: &str, from: &str| format!("  {name}: {{ role: base, from: {from} }}\n");
    let end = "  app: { role: runtime, from: a }\n";
    wrong(
        &format!("stages:\n{}{}{}{end}", stage("a", "b"), stage("b", "c"), stage("c", "a")),
        &expect![[r#"
        stages.yaml:2:26: stages are made from each other in a ring: `a` from `b` from `c` from `a`
          stages.yaml:3:26: is part of the ring
          stages.yaml:4:26: is part of the ring"#]],
    );
    wrong(
        &format!("stages:\n{}{end}", stage("a", "a")),
        &expect!["stages.yaml:2:26: stages are made from each other in a ring: `a` from `a`"],
    );
    wrong(
        "stages: &all\n  app: *all\n",
        &expect!["stages.yaml:2:8: this alias stands inside of what it stands for"],
    );
}

#[test]
fn what_grows_by_aliases() {
    let mut laughs = "x-0: &l0 [ha, ha, ha, ha, ha, ha, ha, ha, ha, ha]\n".to_owned();
    for level in 1..30 {
        let below = level - 1;
        let ten = vec![format!("*l{below}"); 10].join(", ");
        writeln!(laughs, "x-{level}: &l{level} [{ten}]").unwrap();
    }
    wrong(
        &(laughs + MINIMAL),
        &expect!["stages.yaml:6:10: the file is too large: 64 MiB, counting what aliases repeat"],
    );

    let mut merged = "x-0: &m { ".to_owned();
    (0..10_000).for_each(|i| write!(merged, "k{i}: 1, ").unwrap());
    merged.push_str("}\nx-1:\n");
    (0..10_000).for_each(|_| merged.push_str("- { <<: *m }\n"));
    wrong(
        &(merged + MINIMAL),
        &expect!["stages.yaml:105:9: the file is too large: 64 MiB, counting what aliases repeat"],
    );
}

#[test]
fn what_grows_by_args() {
    let mut text = format!(
        "args:\n  a: {}\nstages:\n  app:\n    role: runtime\n    from: nginx:1\n",
        "x".repeat(100_000)
    );
    text.push_str("    steps:\n");
    (0..1_000).for_each(|i| writeln!(text, "      - env: {{ V{i}: \"${{a}}\" }}").unwrap());
    wrong(&text, &expect!["stages.yaml:679:22: the file is too large: 64 MiB, with its args filled in"]);
}

#[test]
fn what_lies_deep() {
    wrong(
        &format!("stages: {}1{}\n", "[".repeat(65), "]".repeat(65)),
        &expect!["stages.yaml:1:72: more than 64 values lie in each other"],
    );
    wrong(&"[".repeat(1_000_000), &expect!["stages.yaml:1:256: not YAML: recursion limit exceeded"]);
    wrong(&"- ".repeat(100_000), &expect!["stages.yaml:1:129: more than 64 values lie in each other"]);
    wrong(&"{a: ".repeat(100_000), &expect!["stages.yaml:1:1021: not YAML: recursion limit exceeded"]);
}

#[test]
fn ten_megabytes() {
    let long = "x".repeat(10 << 20);
    wrong(&long, &expect!["stages.yaml:1:1: a map is expected here, not a text"]);
    assert!(plan(&format!("x-long: {long}\n{MINIMAL}")).is_ok());
    assert!(plan(&format!("{}{MINIMAL}", "# comment\n".repeat(1 << 20))).is_ok());
    wrong(
        &format!("x-many: [{}]\n{MINIMAL}", "a,".repeat(5 << 20)),
        &expect!["stages.yaml:1:2064888: the file is too large: 64 MiB, counting what aliases repeat"],
    );
}

#[test]
fn ten_thousand_stages() {
    let mut text = "stages:\n  s0: { role: base, from: 'debian:12' }\n".to_owned();
    for i in 1..10_000 {
        let before = i - 1;
        writeln!(
            text,
            "  s{i}:\n    role: base\n    from: s{before}\n    steps:\n      - run: step ${{targetarch}} {i}"
        )
        .unwrap();
    }
    text.push_str("  app: { role: runtime, from: s9999 }\n");
    assert_eq!(plan(&text).unwrap().stages.len(), 10_001);
}

#[test]
fn a_mistake_in_each_of_a_thousand_stages() {
    let mut text = "stages:\n".to_owned();
    (0..1_000).for_each(|i| writeln!(text, "  s{i}: {{ role: bas, from: s{i}x, gate: x }}").unwrap());
    let problems = plan(&text).unwrap_err();
    assert_eq!(problems.iter().count(), 2_000, "{problems}");
}

#[test]
fn mistakes_behind_an_alias_come_once() {
    let mut text = "x-s: &s { rn: x }\nstages:\n".to_owned();
    (0..3).for_each(|i| writeln!(text, "  s{i}: {{ role: base, from: 'x:1', steps: [*s, *s] }}").unwrap());
    wrong(
        &text,
        &expect![[r#"
            stages.yaml:1:9: none of `run`, `copy`, `env`, `workdir`, `user`, `mkdir`, `file`, `remove`, `symlink`, `cross`, `add-user` is here
              help: did you mean `run` by `rn`?"#]],
    );
}
