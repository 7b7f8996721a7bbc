// syntax=stagewright/rust:1
//! One service for several environments: typed parameters choose, and only what is chosen is built.

use std::fmt;

use stagewright::prelude::*;

/// What `--build-arg` may set.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default)]
struct Params {
    /// Where the image will run.
    environment: Environment,
    /// With tools to look around in a container.
    devtools: bool,
    /// With the inspector of Node listening, and source maps on.
    debug: bool,
    /// The version that the image's label tells.
    version: Option<String>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Environment {
    Development,
    Staging,
    #[default]
    Production,
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Development => "development",
            Self::Staging => "staging",
            Self::Production => "production",
        })
    }
}

fn main() -> ExitCode {
    stagewright::main(build)
}

fn build(b: &Build, p: Params) -> Targets {
    let src = b.context();
    let base = b.base("base", "node:18-slim").workdir("/app");
    let manifests = src.files(["package.json", "package-lock.json"]);
    let tools = base.deps("tools").copy(&manifests, "./").run(npm("npm ci"));
    let packages = base.deps("packages").copy(&manifests, "./").run(npm("npm ci --omit=dev"));
    let server = tools
        .builder("server")
        .copy(src.file("tsconfig.json"), "./")
        .copy(src.dir("src"), "src/")
        .run("npm run build");
    let unit = server
        .tester("unit")
        .copy(src.dir("config"), "config/")
        .copy(src.dir("test"), "test/")
        .run("npm test");

    // What staging and production share, and nobody else gets.
    let shipped = base
        .base("shipped")
        .copy(packages.artifact("/app/node_modules"), "node_modules/")
        .copy(src.file("package.json"), "./")
        .env("NODE_ENV", "production");
    let dist = server.artifact("/app/dist");

    let variant = |environment: Environment| {
        let image = match environment {
            // The builder itself, with everything in it: it starts again when a source changes.
            Environment::Development => {
                server.dev("development").cmd(["node_modules/.bin/tsx", "watch", "src/main.ts"])
            }
            Environment::Staging => shipped.runtime("staging").copy(&dist, "dist/").cmd([
                "node",
                "--enable-source-maps",
                "dist/main.js",
            ]),
            // No source maps: what they tell is nobody's business.
            Environment::Production => shipped
                .runtime("production")
                .copy(dist.clone().exclude(["**/*.map"]), "dist/")
                .cmd(["node", "dist/main.js"]),
        };
        let version = p.version.as_deref();
        image
            .copy(src.file(format!("config/{environment}.yaml")), "config.yaml")
            .env("PORT", 8080)
            .user("node")
            .expose(8080)
            .healthcheck(Healthcheck::http(HttpTool::Node, "http://127.0.0.1:8080/health").every(secs(30)))
            .labels(version.map(|version| (oci::VERSION, version)))
            .gated_by(&unit)
    };

    // Every environment is a target by its name, the chosen one the product, too.
    let mut targets = Targets::new().target(&unit);
    let mut chosen = None;
    for environment in [Environment::Development, Environment::Staging, Environment::Production] {
        let image = variant(environment);
        if environment == p.environment {
            chosen = Some(image);
        } else {
            targets = targets.target(image);
        }
    }
    let chosen = chosen.expect("the environment is one of them");
    // On top of the chosen image, so that whoever looks into a container looks into what ships.
    let devtools = chosen.dev("devtools").run(
        sh("apt-get update && apt-get install -y --no-install-recommends procps strace")
            .user("root")
            .cache(Cache::apt()),
    );
    let debug = if p.devtools { devtools.dev("debug") } else { chosen.dev("debug") };
    let debug = debug.copy(dist.include(["**/*.map"]), "dist/").expose(9229).cmd([
        "node",
        "--enable-source-maps",
        "--inspect=0.0.0.0:9229",
        "dist/main.js",
    ]);
    match (p.devtools, p.debug) {
        (_, true) => targets.product(debug).target(devtools).target(chosen),
        (true, false) => targets.product(devtools).target(debug).target(chosen),
        (false, false) => targets.product(chosen).target(devtools).target(debug),
    }
}

/// An npm command whose downloads outlive it.
fn npm(line: &str) -> Run {
    sh(format!("{line} --no-audit --no-fund")).cache(Cache::npm())
}
