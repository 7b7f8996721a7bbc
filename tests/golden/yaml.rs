//! `stages.yaml` in; the same ops as of the same build in Rust out.

use std::fmt::Write as _;

use buildkit_llb::Platform;
use expect_test::expect;
use stagewright_plan::lower::Lowered;
use stagewright_plan::plan::{Plan, Step};
use stagewright_plan::{Build, Cache, Healthcheck, Scratch, Targets, argv, secs, sh, text};
use stagewright_yaml::Document;

use crate::world::{lowered, plan_of, without_places};

/// Every key of the form, but for those of parameters.
const EVERYTHING: &str = r#"# syntax=stagewright/stages:1
args:
  node: "18"
  debug: { type: bool, default: false }
  jobs: { type: int, default: 4 }
secrets:
  token:
  npmrc: { optional: true }
x-env: &env
  env: { NODE_ENV: production, JOBS: "${jobs}" }
stages:
  tools:
    role: builder
    from: { image: golang:1.23, on: build }
    steps:
      - run: [go, build, -o, /out/init, .]
        ssh: default
  base:
    role: base
    from: node:${node}-slim
    steps:
      - workdir: /app
      - *env
  deps:
    role: deps
    from: base
    steps:
      - copy: [package.json, package-lock.json]
        to: ./
      - run: npm ci
        caches:
          - /root/.npm
          - { path: /var/cache/apt, id: apt, sharing: locked }
        secrets:
          - token
          - { id: npmrc, path: /root/.npmrc }
          - { id: token, env: TOKEN }
        network: none
  build:
    role: builder
    from: deps
    steps:
      - copy: [src, assets]
        to: src/
        include: ["**/*.ts"]
        exclude: "**/*.test.ts"
        owner: node:node
        mode: 0644
      - copy: .
        from: { context: fixtures }
        to: fixtures/
      - run: |
          set -e
          npm run build
        binds: { source: /out, from: tools, path: /tools }
        tmpfs: /tmp
        env: { CI: true }
        workdir: sub
        user: node
      - run: npm run debug
        when: { debug: true }
  unit:
    role: tester
    from: build
    steps:
      - run: npm test
    reports: [reports, coverage]
  app:
    role: runtime
    from: base
    description: The service
    steps:
      - copy: /app/dist
        from: build
        to: dist/
      - copy: /usr/bin/tini
        from: krallin/ubuntu-tini:trusty
        to: /usr/bin/tini
      - mkdir: /data
      - file: /etc/app.conf
        text: |
          node ${node}
        mode: 0600
        owner: node
      - user: node
    gates: unit
    entrypoint: [/usr/bin/tini, --]
    cmd: [node, server.js]
    expose: 3000
    healthcheck: { test: [node, health.js], interval: 30s, timeout: 3s, start-period: 1m, retries: 3 }
    labels: { vendor: Example }
    volumes: /data
    stop-signal: SIGINT
  empty:
    role: runtime
    from: scratch
    steps:
      - copy: /out/init
        from: tools
        to: /init
products: [app, empty]
targets: unit
"#;

/// The same, in Rust.
fn everything(b: &Build, (): ()) -> Targets {
    let (token, npmrc) = (b.secret("token"), b.secret("npmrc").optional());
    let src = b.context();
    let tools = b
        .builder("tools", b.image("golang:1.23").on_build_platform())
        .run(argv(["go", "build", "-o", "/out/init", "."]).ssh("default"));
    let base = b
        .base("base", "node:18-slim")
        .workdir("/app")
        .env("NODE_ENV", "production")
        .env("JOBS", 4);
    let deps = base
        .deps("deps")
        .copy(src.files(["package.json", "package-lock.json"]), "./")
        .run(
            sh("npm ci")
                .cache(Cache::npm())
                .cache(Cache::at("/var/cache/apt").id("apt").locked())
                .secret(&token)
                .secret_file("/root/.npmrc", &npmrc)
                .secret_env("TOKEN", &token)
                .no_network(),
        );
    let sources = src.files(["src", "assets"]).include(["**/*.ts"]).exclude(["**/*.test.ts"]);
    let build = deps
        .builder("build")
        .copy(sources.owner("node:node").mode(0o644), "src/")
        .copy(b.context_named("fixtures").all(), "fixtures/")
        .run(
            sh("set -e\nnpm run build")
                .bind(tools.artifact("/out"), "/tools")
                .tmpfs("/tmp")
                .env("CI", true)
                .workdir("sub")
                .user("node"),
        );
    let unit = build.tester("unit").run("npm test").report("reports").report("coverage");
    let app = base
        .runtime("app")
        .copy(build.artifact("/app/dist"), "dist/")
        .copy(b.image("krallin/ubuntu-tini:trusty").file("/usr/bin/tini"), "/usr/bin/tini")
        .mkdir("/data")
        .file("/etc/app.conf", text("node 18\n").mode(0o600).owner("node"))
        .user("node")
        .gated_by([&unit])
        .entrypoint(["/usr/bin/tini", "--"])
        .cmd(["node", "server.js"])
        .expose(3000)
        .healthcheck(
            Healthcheck::cmd(["node", "health.js"])
                .every(secs(30))
                .timeout(secs(3))
                .start_period(secs(60))
                .retries(3),
        )
        .label("vendor", "Example")
        .volume("/data")
        .stop_signal("SIGINT");
    let empty = b.runtime("empty", Scratch).copy(tools.artifact("/out/init"), "/init");
    Targets::new().product(app).product(empty).target(unit)
}

fn read(given: &[(&str, &str)]) -> Plan {
    let amd64 = Platform::new("linux", "amd64");
    let document = Document::parse("stages.yaml", EVERYTHING).unwrap_or_else(|problems| panic!("{problems}"));
    document
        .plan(given, &amd64, &amd64)
        .unwrap_or_else(|problems| panic!("{problems}"))
}

#[test]
fn the_same_ops_and_configs_as_in_rust() {
    let (yaml, rust) = (read(&[]), plan_of(everything));
    for target in ["app", "empty", "unit"] {
        let (yaml, rust) = (lowered(&yaml, &[target]), lowered(&rust, &[target]));
        let definition = |lowered: &Lowered| lowered.graph.definition(lowered.target(target).output).unwrap();
        let (yaml_definition, rust_definition) = (definition(&yaml), definition(&rust));
        assert_eq!(without_places(&yaml_definition), without_places(&rust_definition), "{target}");
        assert_eq!(
            yaml_definition.digests().collect::<Vec<_>>(),
            rust_definition.digests().collect::<Vec<_>>(),
            "{target}"
        );
        assert_eq!(yaml.target(target).config, rust.target(target).config, "{target}");
    }
}

#[test]
fn every_stage_and_step_knows_its_lines() {
    let plan = read(&[("debug", "true")]);
    let lines = |step: &Step| {
        let via = step.via.iter().map(|site| format!("{} > ", site.line));
        format!("{}{}", via.collect::<String>(), step.at.line)
    };
    let mut text = String::new();
    for stage in &plan.stages {
        let steps: Vec<String> = stage.steps.iter().map(lines).collect();
        writeln!(text, "{}: {} [{}]", stage.name, stage.at.line, steps.join(", ")).unwrap();
    }
    expect![[r#"
        tools: 14 [16]
        base: 20 [22, 23 > 10, 23 > 10]
        deps: 26 [28, 30]
        build: 41 [43, 49, 52, 60]
        unit: 64 [66]
        app: 70 [73, 76, 79, 80, 85]
        empty: 96 [98]
    "#]]
    .assert_eq(&text);
}

#[test]
fn the_lines_are_in_the_definition() {
    let plan = read(&[]);
    let lowered = lowered(&plan, &["app"]);
    let text = lowered.graph.definition(lowered.target("app").output).unwrap().to_string();
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with("written in "))
        .collect();
    expect![[r#"
        written in stages.yaml 20:10
        written in stages.yaml 22:8
        written in stages.yaml 28:8
        written in stages.yaml 28:8
        written in stages.yaml 30:8
        written in stages.yaml 43:8
        written in stages.yaml 49:8
        written in stages.yaml 49:8
        written in stages.yaml 14:10
        written in stages.yaml 16:8
        written in stages.yaml 52:8
        written in stages.yaml 73:8
        written in stages.yaml 76:8
        written in stages.yaml 76:8
        written in stages.yaml 79:8
        written in stages.yaml 80:8
        written in stages.yaml 80:8
        written in stages.yaml 66:8
        written in stages.yaml 86:11"#]]
    .assert_eq(&lines.join("\n"));
}
