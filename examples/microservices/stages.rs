// syntax=stagewright/rust:1
//! Three images of one npm monorepo, from one invocation.
//!
//! What they share is installed and built once; each has the production dependencies of its own service only, and
//! ships only if its tests and those of the shared library pass.

use stagewright::prelude::*;

/// What `--build-arg` may set.
#[derive(Deserialize, JsonSchema)]
#[serde(default)]
struct Params {
    /// Major version of Node.
    node: String,
}

impl Default for Params {
    fn default() -> Self {
        Self { node: "18".to_owned() }
    }
}

/// A service of the monorepo: a folder below `packages/`.
struct Service {
    name: &'static str,
    port: u16,
    /// What its build reads, beside its manifest.
    sources: &'static [&'static str],
}

const SERVICES: [Service; 3] = [
    Service { name: "api", port: 3001, sources: &["src"] },
    Service { name: "worker", port: 3002, sources: &["src"] },
    Service { name: "web", port: 8080, sources: &["src", "assets"] },
];

fn main() -> ExitCode {
    stagewright::main(build)
}

fn build(b: &Build, p: Params) -> Targets {
    let src = b.context();
    let base = b.base("base", format!("node:{}-slim", p.node)).workdir("/app");
    let manifest = |package: &str| src.file(format!("packages/{package}/package.json"));
    let root_manifests = src.files(["package.json", "package-lock.json"]);

    // Everything that any service needs to be built and tested: installed once.
    let deps = base
        .deps("deps")
        .copy(&root_manifests, "./")
        .copy(manifest("shared"), "packages/shared/")
        .each(&SERVICES, |deps, service| {
            deps.copy(manifest(service.name), format!("packages/{}/", service.name))
        })
        .run(npm("npm ci"));

    let shared = deps
        .builder("shared")
        .copy(src.file("tsconfig.base.json"), "./")
        .copy(src.file("packages/shared/tsconfig.json"), "packages/shared/")
        .copy(src.dir("packages/shared/src"), "packages/shared/src/")
        .run("npm run build --workspace=@demo/shared");
    let shared_dist = shared.artifact("/app/packages/shared/dist");
    let shared_test = shared
        .tester("shared-test")
        .copy(src.dir("packages/shared/test"), "packages/shared/test/")
        .run("npm test --workspace=@demo/shared");

    let mut targets = Targets::new().target(&shared_test);
    for service in &SERVICES {
        let name = service.name;
        let home = format!("packages/{name}");

        let built = deps
            .builder(format!("{name}-build"))
            .copy(src.file("tsconfig.base.json"), "./")
            .copy(&shared_dist, "packages/shared/dist/")
            .copy(src.file(format!("{home}/tsconfig.json")), format!("{home}/"))
            .each(service.sources, |stage, sources| {
                stage.copy(src.dir(format!("{home}/{sources}")), format!("{home}/{sources}/"))
            })
            .run(format!("npm run build --workspace=@demo/{name}"));
        let test = built
            .tester(format!("{name}-test"))
            .copy(src.dir(format!("{home}/test")), format!("{home}/test/"))
            .run(format!("npm test --workspace=@demo/{name}"));

        // An install of its own, not one pruned from `deps`: so a new tool does not change what ships.
        let prod = base
            .deps(format!("{name}-deps"))
            .copy(&root_manifests, "./")
            .copy(manifest("shared"), "packages/shared/")
            .copy(manifest(name), format!("{home}/"))
            .run(npm(&format!("npm ci --omit=dev --workspace=@demo/{name}")));

        let image = base
            .runtime(name)
            .copy(prod.artifact("/app/node_modules"), "node_modules/")
            .copy(manifest("shared"), "packages/shared/")
            .copy(&shared_dist, "packages/shared/dist/")
            .copy(manifest(name), format!("{home}/"))
            .copy(built.artifact(format!("/app/{home}/dist")), format!("{home}/dist/"))
            .env("NODE_ENV", "production")
            .env("PORT", service.port)
            .user("node")
            .expose(service.port)
            .healthcheck(Healthcheck::cmd(["node", "packages/shared/dist/healthcheck.js"]).every(secs(30)))
            .cmd(["node".to_owned(), format!("{home}/dist/main.js")])
            .gated_by([&shared_test, &test]);
        // The builder as an image, to work in: never built unless it is asked for.
        let dev = built
            .dev(format!("{name}-dev"))
            .env("PORT", service.port)
            .expose(service.port)
            .cmd(["npm".to_owned(), "start".to_owned(), format!("--workspace=@demo/{name}")]);
        targets = targets.product(image).target(test).target(dev);
    }
    targets
}

/// An npm command with its downloads cached.
fn npm(line: &str) -> Run {
    sh(format!("{line} --no-audit --no-fund")).cache(Cache::npm())
}
