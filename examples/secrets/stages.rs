// syntax=stagewright/rust:1
//! A release that is signed with a key which stays out of it; and beside it, how secrets get out.

use stagewright::prelude::*;

fn main() -> ExitCode {
    stagewright::main(build)
}

fn build(b: &Build, (): ()) -> Targets {
    let src = b.context();
    let base = b.base("base", "node:18-slim").workdir("/app");
    let manifests = src.files(["package.json", "package-lock.json"]);
    let packages = base
        .deps("packages")
        .copy(&manifests, "./")
        .run(sh("npm ci --omit=dev --no-audit --no-fund").cache(Cache::npm()));

    // One step sees the key, as a file that is gone after it. What it writes is a signature, which tells nothing of the key.
    // A cache does not regard a secret's value: the public key is there so that another pair signs anew.
    let signed = packages
        .builder("signed")
        .copy(src.dir("keys"), "keys/")
        .copy(src.dir("src"), "src/")
        .run(sh("npm run sign /run/secrets/signing_key src manifest.json").secret(&b.secret("signing_key")));
    let unit = packages
        .tester("unit")
        .copy(src.dir("src"), "src/")
        .copy(src.dir("test"), "test/")
        .run("npm test");
    let verified = signed
        .tester("verified")
        .run("npm run verify keys/release.pub.pem src manifest.json");

    // The password is the container's: nothing here knows it.
    let ledger = base
        .runtime("ledger")
        .copy(packages.artifact("/app/node_modules"), "node_modules/")
        .copy(src.file("package.json"), "./")
        .copy(src.dir("keys"), "keys/")
        .copy(src.dir("src"), "src/")
        .copy(signed.artifact("/app/manifest.json"), "./")
        .env("NODE_ENV", "production")
        .env("PORT", 8080)
        .user("node")
        .expose(8080)
        .healthcheck(Healthcheck::http(HttpTool::Node, "http://127.0.0.1:8080/health").every(secs(30)))
        .cmd(["node", "src/server.js"])
        .gated_by([&unit, &verified]);

    Targets::new().product(ledger).target(unit).target(verified).target(leaky(b))
}

/// How it is often done: the secrets are "encrypted" and "hashed" into a configuration that ships. Base64 is no
/// encryption, and a SHA-256 lets everybody try passwords. `--audit-secrets` refuses this image.
fn leaky(b: &Build) -> Stage<role::Runtime> {
    let (api_key, db_password) = (b.secret("api_key"), b.secret("db_password"));
    let config = b.builder("config", "node:18-slim").workdir("/tmp/config").run(
        sh("echo \"api_key_hash=$(sha256sum < /run/secrets/api_key | cut -d ' ' -f 1)\" > app.env && \
            echo \"db_password=encrypted_$(base64 < /run/secrets/db_password)\" >> app.env")
        .secret(&api_key)
        .secret(&db_password),
    );
    b.runtime("leaky", "node:18-slim")
        .copy(config.artifact("/tmp/config"), "/app/config/")
        .user("node")
        .cmd(["node", "--eval", "setInterval(() => {}, 1000)"])
}
