//! What is wrong in a use of each feature, and the line and the words that it earns.

use expect_test::{Expect, expect};

use crate::docs;

/// The stages that steps stand among: the first of them is in line 9.
const AROUND: &str = "\
stages:
  base: { role: base, from: 'debian:12' }
  build: { role: builder, from: base }
  lint: { role: tester, from: base, steps: { run: lint } }
  unit: { role: tester, from: base, steps: { run: test }, reports: /out }
  app:
    role: runtime
    from: base
    steps:
";

fn wrong(text: &str, expected: &Expect) {
    match docs::plan(text) {
        Ok(plan) => panic!("nothing is wrong with it: {}", plan.to_json()),
        Err(problems) => expected.assert_eq(&problems.to_string()),
    }
}

fn steps(text: &str, expected: &Expect) {
    let steps: String = text.lines().map(|line| format!("      {line}\n")).collect();
    wrong(&format!("{AROUND}{steps}"), expected);
}

/// Keys of the image, or of the file, after its steps.
fn keys(text: &str, expected: &Expect) {
    wrong(&format!("{AROUND}      - user: root\n{text}\n"), expected);
}

#[test]
fn repositories() {
    steps(
        "- { copy: ., to: ./, from: { git: 'ftp://example.com/t.git' } }",
        &expect![[r#"
        stages.yaml:10:9: git URL "ftp://example.com/t.git" has the protocol "ftp": there are http, https, ssh, git
          help: as in `https://example.com/tool.git#v1.2`"#]],
    );
    steps(
        "- { copy: ., to: ./, from: { git: 'https://example.com/t.git', checksum: v1 } }",
        &expect![[
            r#"stages.yaml:10:9: git source "git://example.com/t.git" has the checksum "v1": hexadecimal digits are expected"#
        ]],
    );
    steps(
        "- { copy: ., to: ./, from: { gti: 'https://example.com/t.git' } }",
        &expect![[r#"
            stages.yaml:10:34: none of `image`, `context`, `git`, `reports`, `root` is here
              help: did you mean `git` by `gti`?"#]],
    );
    steps(
        "- { copy: ., to: ./, from: 'https://example.com/t.git' }",
        &expect![[r#"
            stages.yaml:10:34: `https://example.com/t.git` is a URL, not an image or a stage
              help: a repository, to copy from, is `{ git: https://example.com/t.git }`"#]],
    );
    steps(
        "- { copy: ., to: ./, from: { git: 'https://example.com/t.git', keep-git-dir: 1 } }",
        &expect!["stages.yaml:10:84: `1` is neither `true` nor `false`"],
    );
}

#[test]
fn web_servers() {
    steps(
        "- { copy: { http: 'ftp://example.com/a' }, to: ./ }",
        &expect![[
            r#"stages.yaml:10:9: http source "ftp://example.com/a" is not http:// or https:// with a host"#
        ]],
    );
    steps(
        "- { copy: { http: 'https://example.com/a', checksum: abc }, to: ./ }",
        &expect![[r#"
        stages.yaml:10:9: digest "abc" is not sha256: and 64 lower-case hexadecimal digits
          help: `sha256:` and 64 hexadecimal digits"#]],
    );
    steps(
        "- { copy: { http: 'https://example.com/a' }, from: build, to: ./ }",
        &expect![[r#"
        stages.yaml:10:58: a file of a web server is taken from nothing else
          help: leave `from` out"#]],
    );
    steps(
        "- { copy: { http: 'https://example.com/a' }, parents: true, to: ./ }",
        &expect!["stages.yaml:10:9: a file of a web server has no parents"],
    );
    steps(
        "- { copy: 'https://example.com/a', to: ./ }",
        &expect![[r#"
        stages.yaml:10:9: `https://example.com/a` is a URL, not a path
          help: a file of a web server is `{ http: https://example.com/a }`"#]],
    );
    steps(
        "- { run: a, binds: { source: 'https://example.com/a', path: /a } }",
        &expect![[r#"
        stages.yaml:10:9: `https://example.com/a` is a URL, not a path
          help: a file of a web server is `{ http: https://example.com/a }`"#]],
    );
}

#[test]
fn platforms() {
    steps(
        "- { copy: /a, to: /a, from: { image: 'debian:12', on: arm64 } }",
        &expect!["stages.yaml:10:61: `arm64` is none of `target`, `build`"],
    );
    steps(
        "- { copy: /a, to: /a, from: { image: 'debian:12', on: linux/ } }",
        &expect![[r#"
        stages.yaml:10:9: component "" of platform "linux/" is not made of letters, digits, `_`, `-` and `.`
          help: as in `linux/arm64`"#]],
    );
    steps("- cross: rust", &expect!["stages.yaml:10:16: `rust` is none of `go`, `npm`"]);
    steps(
        "- run: cargo build --target ${targetrst}",
        &expect![[r#"
        stages.yaml:10:35: there is no arg `targetrst`
          help: did you mean `targetrust`?; for the shell's own, write `$${targetrst}`"#]],
    );
}

#[test]
fn options_of_a_copy() {
    steps(
        "- { copy: /a, from: build, to: /a, link: true, owner: node }",
        &expect![[r#"
        stages.yaml:10:9: a linked copy does not know the users of what is below it
          help: give the owner by ids, as in `1000:1000`"#]],
    );
    steps(
        "- { copy: a, to: ./, parents: true, include: b }",
        &expect![[r#"
        stages.yaml:10:9: a copy with parents takes no patterns to include
          help: write them as paths, as in `packages/*/package.json`"#]],
    );
    steps(
        "- { copy: a, to: ./, optional: maybe }",
        &expect!["stages.yaml:10:38: `maybe` is neither `true` nor `false`"],
    );
    steps(
        "- { copy: a, to: ./, unpak: true }",
        &expect![[r#"
        stages.yaml:10:28: there is no key `unpak` here
          help: did you mean `unpack`?"#]],
    );
}

#[test]
fn what_testers_alone_may_take() {
    steps(
        "- { copy: /, from: { reports: unit }, to: /unit/ }",
        &expect![[r#"
        stages.yaml:10:9: reports of a tester, and whole images, go to testers only
          stages.yaml:5:31: `unit` is a tester stage"#]],
    );
    steps(
        "- { copy: /, from: { root: app }, to: /app/ }",
        &expect![[r#"
        stages.yaml:8:11: stages are made from each other in a ring: `app` from `app`
        stages.yaml:10:9: reports of a tester, and whole images, go to testers only
          stages.yaml:8:11: `app` is a runtime stage"#]],
    );
    steps(
        "- { run: a, binds: { source: /, from: { reports: lnit }, path: /lint } }",
        &expect![[r#"
            stages.yaml:10:56: there is no stage `lnit`
              help: did you mean `lint`?"#]],
    );
    keys(
        "  e2e: { role: tester, from: base, steps: { copy: /, from: { reports: lint }, to: /l/ } }",
        &expect![[r#"
        stages.yaml:11:43: tester `lint` leaves no reports
          stages.yaml:4:31: this tester
          help: say in that tester which files are its reports"#]],
    );
    keys(
        "  e2e: { role: tester, from: base, steps: { copy: /, from: { root: build }, to: /l/ } }",
        &expect![[r#"
        stages.yaml:11:43: only an image can be taken whole
          stages.yaml:3:33: `build` is a builder stage"#]],
    );
}

#[test]
fn scripts() {
    steps("- run: { script: 'echo a' }", &expect!["stages.yaml:10:14: `interpreter` is missing here"]);
    steps("- run: { script: '', interpreter: bash }", &expect!["stages.yaml:10:9: the script is empty"]);
    steps("- run: { script: 'echo a', interpreter: [] }", &expect!["stages.yaml:10:9: the command is empty"]);
    steps(
        "- run: { scrpt: 'echo a', interpreter: sh }",
        &expect![[r#"
        stages.yaml:10:14: none of `script` is here
          help: did you mean `script` by `scrpt`?"#]],
    );
}

#[test]
fn caches() {
    steps(
        "- { run: a, caches: npn }",
        &expect![[r#"
        stages.yaml:10:27: `npn` is none of `npm`, `pnpm`, `yarn`, `bun`, `pip`, `uv`, `go`, `cargo`, `maven`, `gradle`, `apt`
          help: did you mean `npm`?"#]],
    );
    steps(
        "- { run: a, caches: root/.npm }",
        &expect![[r#"
        stages.yaml:10:9: `root/.npm` is not where something can be mounted
          help: an absolute path below the root"#]],
    );
    steps(
        "- { run: a, caches: [npm, /root/.npm] }",
        &expect!["stages.yaml:10:9: two mounts are at `/root/.npm`"],
    );
    steps(
        "- { run: a, caches: { path: /a, owner: node } }",
        &expect!["stages.yaml:10:46: `node` is not the ids of a user and a group, as in `1000:1000`"],
    );
    steps(
        "- { run: a, caches: { path: /a, mode: 1777 } }",
        &expect![[r#"
        stages.yaml:10:9: 0o1777 is no mode of a directory that is made
          help: permission bits, as in `0o755`; others are set by a command: `chmod 1777 /tmp`"#]],
    );
}

#[test]
fn freshness() {
    steps(
        "- { run: a, refresh: weekly }",
        &expect![[r#"
        stages.yaml:10:28: `weekly` is none of `hour`, `day`, `week`
          help: did you mean `week`?"#]],
    );
}

#[test]
fn files_and_links() {
    steps(
        "- { remove: /, optional: true }",
        &expect![[r#"
        stages.yaml:10:9: `/` is everything that is there
          help: to begin anew, start another stage"#]],
    );
    steps("- { remove: [a, b] }", &expect!["stages.yaml:10:19: a text is expected here, not a list"]);
    steps("- { symlink: /a }", &expect!["stages.yaml:10:9: `target` is missing here"]);
    steps(
        "- { symlink: '', target: /a }",
        &expect![[r#"
        stages.yaml:10:9: the path of the link is empty
          help: the working directory itself is `./`"#]],
    );
}

#[test]
fn configurations() {
    keys("    annotations: [a]", &expect!["stages.yaml:11:18: a map is expected here, not a list"]);
    keys("    nonroot: yes", &expect!["stages.yaml:11:14: `yes` is neither `true` nor `false`"]);
    keys(
        "    healthcheck: { http: 'http://localhost', tool: crul }",
        &expect![[r#"
            stages.yaml:11:52: `crul` is none of `curl`, `wget`, `node`, `python`, `bash`
              help: did you mean `curl`?"#]],
    );
    keys(
        "    healthcheck: { http: 'http://localhost' }",
        &expect!["stages.yaml:11:18: `tool` is missing here"],
    );
    keys(
        "    healthcheck: { test: [curl], tool: curl }",
        &expect![[r#"
        stages.yaml:11:34: there is no key `tool` here
          help: the keys are `test`, `interval`, `timeout`, `start-period`, `retries`"#]],
    );
    keys(
        "    sbom: scanner\n    provenance: full",
        &expect![[r#"
            stages.yaml:11:11: `scanner` is neither `true`, `false` nor a scanner's image, as in `scanner:1`
            stages.yaml:12:17: `full` is none of `min`, `max`"#]],
    );
    keys(
        "    sbom: example.com/Scanner:1",
        &expect![[r#"
        stages.yaml:8:11: image name "example.com/Scanner:1" has capital letters in "Scanner": a repository is lower case
          help: as in `node:18-slim`, `registry.example.com/team/app:1.2` or `name@sha256:…`"#]],
    );
    keys("    provenance: true", &expect!["stages.yaml:11:17: `true` is none of `min`, `max`"]);
    keys(
        "  more: { role: tester, from: base, sbom: true, provenance: max }",
        &expect!["stages.yaml:11:3: only an image has runtime configuration, and `more` is a tester stage"],
    );
    keys(
        "  more: { role: builder, from: base, nonroot: true, annotations: { a: b } }",
        &expect![[r#"
        stages.yaml:11:3: only an image has runtime configuration, and `more` is a builder stage
        stages.yaml:11:47: only an image is `nonroot`
          help: for the steps of this stage: `- user: …`"#]],
    );
}

#[test]
fn targets_beside_stages() {
    keys(
        "checks: { test: [unit, lnt] }",
        &expect![[r#"
        stages.yaml:11:24: there is no stage `lnt`
          help: did you mean `lint`?"#]],
    );
    keys(
        "checks: { test: [unit, build] }",
        &expect![[r#"
        stages.yaml:11:24: only a tester is a gate
          stages.yaml:3:33: `build` is a builder stage"#]],
    );
    keys(
        "checks: { unit: [unit, lint] }",
        &expect![[r#"
        stages.yaml:11:11: two stages are named `unit`
          stages.yaml:5:31: this is the first
          help: give it another name: names tell stages apart in targets, pictures and progress
        stages.yaml:11:11: two targets are named `unit`
          stages.yaml:5:3: this is the first"#]],
    );
    keys(
        "checks: { test: { tests: [unit] } }",
        &expect![[r#"
        stages.yaml:11:17: none of `testers` is here
          help: did you mean `testers` by `tests`?"#]],
    );
    keys("files: { bin: { copy: /out } }", &expect!["stages.yaml:11:15: `from` is missing here"]);
    keys(
        "files: { bin: { copy: out, from: build } }",
        &expect![[r#"
        stages.yaml:11:10: the artifact `out` of `build` is not an absolute path
          help: artifacts are named from the root, as in `/app/dist`"#]],
    );
    keys(
        "files: { bin: { copy: /out, from: app } }",
        &expect![[r#"
        stages.yaml:11:10: only deps and builder stages have artifacts
          stages.yaml:8:11: `app` is a runtime stage"#]],
    );
    keys(
        "gates: [build, uni]",
        &expect![[r#"
        stages.yaml:11:9: only a tester is a gate
          stages.yaml:3:33: `build` is a builder stage
        stages.yaml:11:16: there is no stage `uni`
          help: did you mean `unit`?"#]],
    );
}

#[test]
fn findings() {
    keys(
        "allow: latest-images",
        &expect![[r#"
        stages.yaml:11:8: there is no finding `latest-images` to allow
          help: did you mean `latest-image`?"#]],
    );
    keys(
        "    allow: [root-user, all]",
        &expect![[r#"
        stages.yaml:11:24: there is no finding `all` to allow
          help: there are apt-leftovers, artifact-never-made, healthcheck-tool, latest-image, root-user, secret-in-env, secret-literal, unused-allow, unused-tester"#]],
    );
    steps(
        "- { copy: a, to: b, allow: root-user }",
        &expect![[r#"
        stages.yaml:10:27: there is no key `allow` here
          help: the keys are `copy`, `to`, `from`, `include`, `exclude`, `owner`, `mode`, `optional`, `parents`, `link`, `unpack`, `when`"#]],
    );
}

#[test]
fn users() {
    steps("- { add-user: app }", &expect!["stages.yaml:10:9: `id` is missing here"]);
    steps(
        "- { add-user: 'app; rm', id: 0, home: home }",
        &expect![[r#"
        stages.yaml:10:9: "app; rm" is not a user's name
          help: up to 32 lower-case letters, digits, `_` and `-`, the first a letter or `_`
        stages.yaml:10:9: "home" is not a home directory
          help: an absolute path of letters, digits, `.`, `_` and `-`
        stages.yaml:10:9: 0 is not the id of a user who is made
          help: from 1 to 65534; 0 is root, and larger ones are other namespaces'"#]],
    );
}
