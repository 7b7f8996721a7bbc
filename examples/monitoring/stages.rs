// syntax=stagewright/rust:1
//! A Node service and a metrics exporter in one image: two processes under one init, both healthy or neither.

use stagewright::prelude::*;

/// What `--build-arg` may set.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default)]
struct Params {
    /// The image to take `/bin/node_exporter` from; without one, it is Debian's.
    exporter: Option<String>,
}

fn main() -> ExitCode {
    stagewright::main(build)
}

fn build(b: &Build, p: Params) -> Targets {
    let src = b.context();
    let manifests = src.files(["package.json", "package-lock.json"]);
    let node = b.base("node", "node:18-slim").workdir("/app");
    let deps = node
        .deps("deps")
        .copy(manifests, "./")
        .run(sh("npm ci --omit=dev --no-audit --no-fund").cache(Cache::npm()));
    let unit = deps
        .tester("unit")
        .copy(src.dir("src"), "src/")
        .copy(src.dir("test"), "test/")
        .run("npm test");

    let tools = b.builder("tools", "debian:bookworm-slim").run(
        sh("apt-get update && apt-get install --yes --no-install-recommends prometheus-node-exporter tini")
            .cache(Cache::apt()),
    );
    let service = node.runtime("service").copy(tools.artifact("/usr/bin/tini"), "/usr/local/bin/");
    let service = match &p.exporter {
        Some(image) => service.copy(b.image(image).file("/bin/node_exporter"), "/usr/local/bin/"),
        None => {
            service.copy(tools.artifact("/usr/bin/prometheus-node-exporter"), "/usr/local/bin/node_exporter")
        }
    };
    let service = service
        .copy(deps.artifact("/app/node_modules"), "node_modules/")
        .copy(src.file("package.json"), "./")
        .copy(src.dir("src"), "src/")
        .env("NODE_ENV", "production")
        .user("node")
        .expose([3000, 9100])
        .healthcheck(Healthcheck::cmd(["node", "src/health.js"]).every(secs(30)).timeout(secs(10)))
        .entrypoint(["tini", "-g", "--"])
        .cmd(["src/start.sh"])
        .gated_by(&unit);
    Targets::new().product(service).target(unit)
}
