// syntax=stagewright/rust:1
//! A turbo monorepo: a Next.js site and a Bun api on one library, behind nginx.
//!
//! Each app is installed and built in the part of the workspace that it needs, which `turbo prune` finds out.

use stagewright::prelude::*;

fn main() -> ExitCode {
    stagewright::main(build)
}

fn build(b: &Build, (): ()) -> Targets {
    let src = b.context();
    let tools = b
        .deps("tools", "node:18-slim")
        .workdir("/opt/tools")
        .copy(src.files(["tools/package.json", "tools/package-lock.json"]), "./")
        // What is linked is bun's one file, so that an image can take it from here.
        .run(npm(
            "npm ci --no-audit --no-fund \
             && ln node_modules/@oven/bun-*/bin/bun /usr/local/bin/ \
             && ln -sf $PWD/node_modules/.bin/npm $PWD/node_modules/.bin/turbo /usr/local/bin/",
        ))
        .env("TURBO_TELEMETRY_DISABLED", 1)
        .env("NEXT_TELEMETRY_DISABLED", 1)
        .workdir("/app");
    let workspace = tools.builder("workspace").copy(src.all(), "./");
    let shared_test = tools
        .tester("shared-test")
        .copy(src.dir("packages/shared"), "packages/shared/")
        .run("bun test");

    // An app's packages, and the sources that it needs.
    let prepare = |app: &str| {
        let pruned = workspace
            .builder(format!("{app}-prune"))
            .run(format!("turbo prune @demo/{app} --docker"));
        // Only manifests and their part of the lock file: what else changes does not install again.
        let deps = tools
            .deps(format!("{app}-deps"))
            .copy(pruned.artifact("/app/out/json"), "./")
            .run(npm("npm ci --no-audit --no-fund"));
        // Nor do tests build again.
        (deps, pruned.artifact("/app/out/full").exclude(["**/test"]))
    };

    let (deps, sources) = prepare("web");
    let site = deps.builder("web-build").copy(&sources, "./").run(
        sh("turbo run build --filter=@demo/web...")
            // It would ask the registry for packages of other platforms.
            .env("NEXT_IGNORE_INCORRECT_LOCKFILE", 1)
            .cache(Cache::at("/app/apps/web/.next/cache").locked()),
    );
    let standalone = |path: &str| site.artifact(format!("/app/apps/web/.next/standalone/{path}"));
    let web = b
        .runtime("web", "node:18-slim")
        .workdir("/app")
        .copy(standalone("node_modules"), "node_modules/")
        .copy(standalone("apps"), "apps/")
        .copy(site.artifact("/app/apps/web/.next/static"), "apps/web/.next/static/")
        .copy(src.dir("apps/web/public"), "apps/web/public/")
        .env("NODE_ENV", "production")
        .env("NEXT_TELEMETRY_DISABLED", 1)
        .env("PORT", 3000)
        // Docker sets it to the container's name, by which nobody would reach the server at 127.0.0.1.
        .env("HOSTNAME", "0.0.0.0")
        .user("node")
        .expose(3000)
        .healthcheck(Healthcheck::http(HttpTool::Node, "http://127.0.0.1:3000/health").every(secs(10)))
        .cmd(["node", "apps/web/server.js"]);
    // Asks the server of the very image, on ports of its own.
    let web_test = web
        .tester("web-test")
        .copy(src.dir("apps/web/test"), "apps/web/test/")
        .run(sh("node --test apps/web/test/").no_network());
    let web_dev = deps
        .dev("web-dev")
        .copy(&sources, "./")
        .run("install -d -m 1777 apps/web/.next")
        .user("node")
        .expose(3000)
        .healthcheck(Healthcheck::http(HttpTool::Node, "http://127.0.0.1:3000/health").every(secs(10)))
        .cmd(["node_modules/.bin/next", "dev", "--hostname", "0.0.0.0", "apps/web"]);

    let (deps, sources) = prepare("api");
    let program = deps
        .builder("api-build")
        .copy(&sources, "./")
        .run("turbo run build --filter=@demo/api...");
    let api_test = program
        .tester("api-test")
        .copy(src.dir("apps/api/test"), "apps/api/test/")
        .run("bun test");
    let api = b
        .runtime("api", "debian:bookworm-slim")
        .workdir("/app")
        .copy(tools.artifact("/usr/local/bin/bun"), "/usr/local/bin/")
        .copy(program.artifact("/app/apps/api/dist"), "dist/")
        .env("NODE_ENV", "production")
        .env("PORT", 3001)
        .nonroot()
        .expose(3001)
        .healthcheck(Healthcheck::cmd(["bun", "dist/health.js"]).every(secs(10)))
        .cmd(["bun", "dist/main.js"])
        .gated_by([&shared_test, &api_test]);
    let api_dev = deps
        .dev("api-dev")
        .copy(&sources, "./")
        .user("node")
        .expose(3001)
        .healthcheck(Healthcheck::cmd(["bun", "apps/api/src/health.ts"]).every(secs(10)))
        .cmd(["bun", "--watch", "apps/api/src/main.ts"]);

    let proxy = b
        .runtime("proxy", "nginx:1.22")
        .copy(src.file("proxy/nginx.conf"), "/etc/nginx/nginx.conf")
        .user("nginx")
        .expose(8080)
        .healthcheck(Healthcheck::http(HttpTool::Bash, "http://127.0.0.1:8080/health").every(secs(10)))
        .cmd(["nginx", "-g", "daemon off;"]);
    let proxy_test = proxy.tester("proxy-test").run("nginx -t");

    let web = web.gated_by([&shared_test, &web_test]);
    Targets::new()
        .products([web, api, proxy.gated_by(&proxy_test)])
        .target(web_dev)
        .target(api_dev)
        .checks("test", [&shared_test, &web_test, &api_test, &proxy_test])
}

/// A command of npm, whose downloads outlive it. `npm ci` installs exactly what the lock file says: a manifest that does not
/// agree with it is an error.
fn npm(line: &str) -> Run {
    sh(line).cache(Cache::npm())
}
