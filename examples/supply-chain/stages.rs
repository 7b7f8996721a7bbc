// syntax=stagewright/rust:1
//! A service that ships as it was scanned, of sources that are pinned, with a list of what is in it.

use stagewright::prelude::*;

#[derive(Deserialize, JsonSchema)]
#[serde(default)]
struct Params {
    /// The version, which must be that of package.json.
    version: String,
    /// The commit that is built, if it is known.
    revision: Option<String>,
    /// The image that lists what is in ours.
    sbom_scanner: String,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            version: "1.4.0".into(),
            revision: None,
            sbom_scanner: "docker/buildkit-syft-scanner:stable-1".into(),
        }
    }
}

fn main() -> ExitCode {
    stagewright::main(build)
}

fn build(b: &Build, p: Params) -> Targets {
    let src = b.context();
    let base = b.base("base", "node:18-slim").workdir("/app");
    let manifests = || src.files(["package.json", "package-lock.json"]);
    let deps = base
        .deps("deps")
        .copy(manifests(), "./")
        .run(sh("npm ci --omit=dev --no-audit --no-fund").cache(Cache::npm()));
    let tools = base
        .deps("tools")
        .copy(manifests(), "./")
        .run(sh("npm ci --no-audit --no-fund").cache(Cache::npm()));

    let image = base
        .runtime("notices")
        .copy(deps.artifact("/app/node_modules"), "node_modules/")
        .copy(src.file("package.json"), "./")
        .copy(src.dir("src"), "src/")
        .user("node")
        .expose(3000)
        .healthcheck(Healthcheck::http(HttpTool::Node, "http://127.0.0.1:3000/health").every(secs(10)))
        .cmd(["node", "src/server.js"])
        .label(oci::TITLE, "notices")
        .label(oci::VERSION, &p.version)
        .label(oci::LICENSES, "MIT")
        .labels(p.revision.map(|revision| (oci::REVISION, revision)))
        .sbom_by(p.sbom_scanner)
        .provenance(Provenance::Max);

    let unit = tools
        .tester("unit")
        .copy(src.dir("src"), "src/")
        .copy(src.dir("test"), "test/")
        .copy(src.dir("scan"), "scan/")
        .run("node --test test/*.test.js scan/*.test.js");
    // What the labels say is so, or there is no image.
    let labels = tools.tester("labels").run(
        sh("node -e 'process.exit(require(\"./package.json\").version === process.env.VERSION ? 0 : 1)'")
            .env("VERSION", &p.version),
    );
    // The image itself, once a week even if nothing has changed: as a scanner needs it that fetches its list of known faults.
    let scan = tools
        .tester("scan")
        .copy(src.dir("scan"), "scan/")
        .run(
            sh("node scan/scan.js /image scan/advisories.json scan.json")
                .bind(image.root(), "/image")
                .no_network()
                .refresh(Every::week()),
        )
        .report("/app/scan.json");

    let image = image.gated_by([&unit, &labels, &scan]);
    Targets::new().product(image).target(unit).target(labels).target(scan)
}
