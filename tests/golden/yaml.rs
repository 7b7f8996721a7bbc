//! `stages.yaml` in; the same ops as of the same build in Rust out.

use std::fmt::Write as _;

use buildkit_llb::Platform;
use expect_test::expect;
use stagewright_plan::lower::Lowered;
use stagewright_plan::plan::{Plan, Step};
use stagewright_plan::{
    Build, Cache, Cross as _, Every, Healthcheck, HttpTool, Scratch, Targets, argv, script, secs, sh, text,
};
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
      - cross: go
      - cross: npm
      - env: { TARGET: "${targetrust}", ARCHITECTURE: "${targetdebian}" }
      - run: [go, build, -o, /out/init, .]
        ssh: default
        caches: [go, pnpm, yarn, bun, pip, uv, cargo, maven, gradle, apt]
      - copy: /
        from:
          git: https://example.com/tool.git#v1.2:cmd
          checksum: 0123456789abcdef0123456789abcdef01234567
          keep-git-dir: true
        to: /tool/
      - copy:
          http: https://example.com/tool.tar.gz
          checksum: sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
        to: /opt/
        unpack: true
      - copy: /usr/bin/tool
        from: { image: debian:12, on: linux/arm64 }
        to: /arm/tool
      - remove: /opt/doc
      - symlink: /usr/bin/tool
        target: /opt/bin/tool
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
          - npm
          - { path: /var/cache/apt, id: apt, sharing: locked, owner: "1000:1000", mode: 0700 }
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
      - copy: packages/*/package.json
        to: ./
        parents: true
      - copy: bun.lock
        to: ./
        optional: true
      - run:
          interpreter: [bash, -eu]
          script: |
            echo "$0"
      - run:
          interpreter: python3
          script: print()
      - run: |
          set -e
          npm run build
        binds:
          - { source: /out, from: tools, path: /tools }
          - { source: data, path: /data }
          - { source: { http: "https://example.com/data.json" }, path: /data.json }
          - { source: /a, from: { git: "https://example.com/a.git" }, path: /a }
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
  lint: { role: tester, from: build, steps: { run: npm run lint } }
  scan:
    role: tester
    from: base
    steps:
      - run: scan /image
        binds:
          - { source: /, from: { root: app }, path: /image }
          - { source: /, from: { reports: unit }, path: /unit }
        refresh: week
      - copy: /
        from: { reports: unit }
        to: /reports/
      - copy: /
        from: { root: app }
        to: /app/
    gates: lint
  app:
    role: runtime
    from: base
    description: The service
    steps:
      - copy: /app/dist
        from: build
        to: dist/
        link: true
        owner: "1000:1000"
      - copy: /usr/bin/tini
        from: krallin/ubuntu-tini:trusty
        to: /usr/bin/tini
      - mkdir: /data
      - file: /etc/app.conf
        text: |
          node ${node}
        mode: 0600
        owner: node
      - add-user: app
        id: 10001
      - user: node
    gates: unit
    entrypoint: [/usr/bin/tini, --]
    cmd: [node, server.js]
    expose: 3000
    healthcheck: { test: [node, health.js], interval: 30s, timeout: 3s, start-period: 1m, retries: 3 }
    labels: { vendor: Example }
    annotations: { title: Example }
    volumes: /data
    stop-signal: SIGINT
  empty:
    role: runtime
    from: scratch
    steps:
      - copy: /out/init
        from: tools
        to: /init
      - add-user: app
        id: 10001
      - add-user: worker
        id: 10002
        home: /home/worker
    nonroot: true
    healthcheck: { http: "http://localhost/health", tool: wget, interval: 10s }
  asked: { role: dev, from: base, healthcheck: { http: "http://localhost/health", tool: python } }
  bashed: { role: dev, from: base, healthcheck: { http: "http://localhost/health", tool: bash } }
products: [app, empty]
targets: [unit, scan, asked, bashed]
checks:
  test: [unit, lint]
files:
  bin: { copy: /out, from: tools, exclude: "*.d" }
gates: scan
"#;

/// What a server's file must be.
const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// The same, in Rust.
fn everything(b: &Build, (): ()) -> Targets {
    let (token, npmrc) = (b.secret("token"), b.secret("npmrc").optional());
    let src = b.context();
    let tools = b
        .builder("tools", b.image("golang:1.23").on_build_platform())
        .envs(b.platform().go())
        .envs(b.platform().npm())
        .env("TARGET", b.platform().rust())
        .env("ARCHITECTURE", b.platform().debian())
        .run(
            argv(["go", "build", "-o", "/out/init", "."])
                .ssh("default")
                .cache(Cache::go())
                .cache(Cache::pnpm())
                .cache(Cache::yarn())
                .cache(Cache::bun())
                .cache(Cache::pip())
                .cache(Cache::uv())
                .cache(Cache::cargo())
                .cache(Cache::maven())
                .cache(Cache::gradle())
                .cache(Cache::apt()),
        )
        .copy(
            b.git("https://example.com/tool.git#v1.2:cmd")
                .checksum("0123456789abcdef0123456789abcdef01234567")
                .keep_git_dir()
                .all(),
            "/tool/",
        )
        .copy(b.http("https://example.com/tool.tar.gz").checksum(DIGEST).unpack(), "/opt/")
        .copy(b.image("debian:12").on(&Platform::new("linux", "arm64")).file("/usr/bin/tool"), "/arm/tool")
        .remove("/opt/doc")
        .symlink("/opt/bin/tool", "/usr/bin/tool");
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
                .cache(Cache::at("/var/cache/apt").id("apt").locked().owner(1000, 1000).mode(0o700))
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
        .copy(src.files(["packages/*/package.json"]).parents(), "./")
        .copy(src.file("bun.lock").optional(), "./")
        .run(script(["bash", "-eu"], "echo \"$0\"\n"))
        .run(script("python3", "print()"))
        .run(
            sh("set -e\nnpm run build")
                .bind(tools.artifact("/out"), "/tools")
                .bind(src.dir("data"), "/data")
                .bind(b.http("https://example.com/data.json"), "/data.json")
                .bind(b.git("https://example.com/a.git").dir("/a"), "/a")
                .tmpfs("/tmp")
                .env("CI", true)
                .workdir("sub")
                .user("node"),
        );
    let unit = build.tester("unit").run("npm test").report("reports").report("coverage");
    let lint = build.tester("lint").run("npm run lint");
    let app = base
        .runtime("app")
        .copy(build.artifact("/app/dist").link().owner("1000:1000"), "dist/")
        .copy(b.image("krallin/ubuntu-tini:trusty").file("/usr/bin/tini"), "/usr/bin/tini")
        .mkdir("/data")
        .file("/etc/app.conf", text("node 18\n").mode(0o600).owner("node"))
        .add_user("app", 10001)
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
        .annotation("title", "Example")
        .volume("/data")
        .stop_signal("SIGINT");
    let scan = base
        .tester("scan")
        .run(
            sh("scan /image")
                .bind(app.root(), "/image")
                .bind(unit.reports(), "/unit")
                .refresh(Every::week()),
        )
        .copy(unit.reports(), "/reports/")
        .copy(app.root(), "/app/")
        .gated_by(&lint);
    let health = |tool| Healthcheck::http(tool, "http://localhost/health");
    let empty = b
        .runtime("empty", Scratch)
        .copy(tools.artifact("/out/init"), "/init")
        .add_user("app", 10001)
        .add_user_with_home("worker", 10002, "/home/worker")
        .nonroot()
        .healthcheck(health(HttpTool::Wget).every(secs(10)));
    let asked = base.dev("asked").healthcheck(health(HttpTool::Python));
    let bashed = base.dev("bashed").healthcheck(health(HttpTool::Bash));
    Targets::new()
        .product(app)
        .product(empty)
        .target(&unit)
        .target(&scan)
        .target(asked)
        .target(bashed)
        .checks("test", [&unit, &lint])
        .files("bin", tools.artifact("/out").exclude(["*.d"]))
        .gated_by(&scan)
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
    let names = |plan: &Plan| plan.targets.iter().map(|target| target.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&yaml), names(&rust));
    assert_eq!(yaml.platform, rust.platform);
    for target in &names(&rust) {
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
        assert_eq!(yaml.target(target).annotations, rust.target(target).annotations, "{target}");
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
        tools: 14 [16, 16, 17, 17, 18, 18, 19, 22, 28, 33, 36, 37]
        base: 41 [43, 44 > 10, 44 > 10]
        deps: 47 [49, 51]
        build: 62 [64, 70, 73, 76, 79, 83, 86, 98]
        unit: 102 [104]
        lint: 106 [106]
        scan: 109 [111, 116, 119]
        app: 125 [128, 133, 136, 137, 142, 144]
        empty: 156 [158, 161, 163, 166]
        asked: 168 []
        bashed: 169 []
        test: 173 []
        bin: 175 [175]
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
        written in stages.yaml 41:10
        written in stages.yaml 43:8
        written in stages.yaml 49:8
        written in stages.yaml 49:8
        written in stages.yaml 51:8
        written in stages.yaml 51:8
        written in stages.yaml 64:8
        written in stages.yaml 70:8
        written in stages.yaml 70:8
        written in stages.yaml 73:8
        written in stages.yaml 76:8
        written in stages.yaml 79:8
        written in stages.yaml 79:8
        written in stages.yaml 83:8
        written in stages.yaml 83:8
        written in stages.yaml 86:8
        written in stages.yaml 86:8
        written in stages.yaml 14:10
        written in stages.yaml 19:8
        written in stages.yaml 22:8
        written in stages.yaml 22:8
        written in stages.yaml 28:8
        written in stages.yaml 28:8
        written in stages.yaml 33:8
        written in stages.yaml 33:8
        written in stages.yaml 36:8
        written in stages.yaml 37:8
        written in stages.yaml 86:8
        written in stages.yaml 128:8
        written in stages.yaml 128:8
        written in stages.yaml 133:8
        written in stages.yaml 133:8
        written in stages.yaml 136:8
        written in stages.yaml 137:8
        written in stages.yaml 137:8
        written in stages.yaml 142:8
        written in stages.yaml 104:8
        written in stages.yaml 104:8
        written in stages.yaml 104:8
        written in stages.yaml 104:8
        written in stages.yaml 106:44
        written in stages.yaml 122:11
        written in stages.yaml 105:14
        written in stages.yaml 111:8
        written in stages.yaml 116:8
        written in stages.yaml 119:8
        written in stages.yaml 145:11"#]]
    .assert_eq(&lines.join("\n"));
}
