//! Services in Node.

use stagewright::prelude::*;

use crate::{Packages as _, Shipped as _};

/// A service in Node: package.json and its lock, `src/server.js`, and tests in `test/`.
#[derive(Clone, Debug)]
pub struct NodeService<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its version.
    pub version: &'a str,
    /// Where it listens; it answers there on `/health`, too.
    pub port: u16,
}

/// The stages of a service.
#[derive(Debug)]
#[must_use]
pub struct Service {
    /// What ships, if the tests pass.
    pub image: Stage<role::Runtime>,
    /// The same with all tools, and node looking out for changes of `src/`.
    pub dev: Stage<role::Runtime>,
    /// The sources with all tools, for what else a project wants to do with them.
    pub sources: Stage<role::Builder>,
    /// The tests.
    pub unit: Stage<role::Tester>,
}

impl NodeService<'_> {
    /// Its stages, named after what they are, of the project that the context is.
    pub fn stages(&self, b: &Build) -> Service {
        let src = b.context();
        let manifests = || src.files(["package.json", "package-lock.json"]);
        let base = b
            .base("base", "node:18-slim")
            .packages(["tini"])
            .workdir("/app")
            .env("PORT", self.port);
        let deps = base
            .deps("deps")
            .copy(manifests(), "./")
            .run(sh("npm ci --omit=dev --no-audit --no-fund").cache(Cache::npm()));
        let sources = base
            .builder("sources")
            .copy(manifests(), "./")
            .run(sh("npm ci --no-audit --no-fund").cache(Cache::npm()))
            .copy(src.dir("src"), "src/");
        let unit = sources.tester("unit").copy(src.dir("test"), "test/").run("npm test");
        let url = format!("http://127.0.0.1:{}/health", self.port);
        let image = base
            .runtime(self.name)
            .copy(deps.artifact("/app/node_modules"), "node_modules/")
            .copy(src.file("package.json"), "./")
            .copy(src.dir("src"), "src/")
            .shipped(self.name, self.version)
            .expose(self.port)
            .healthcheck(Healthcheck::http(HttpTool::Node, &url).every(secs(10)))
            .entrypoint(["tini", "--"])
            .cmd(["node", "src/server.js"])
            .gated_by(&unit);
        let dev = sources.dev("dev").shipped(self.name, self.version).expose(self.port).cmd([
            "node",
            "--watch",
            "src/server.js",
        ]);
        Service { image, dev, sources, unit }
    }
}
