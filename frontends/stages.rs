// syntax=stagewright/rust:1
//! The images of the stock frontends: one static program each, on an empty filesystem.
//!
//! The programs are compiled on the platform that builds, whatever the platform that is built for. For another one the
//! toolchain must have its target and the linker of Debian's cross compiler.

use stagewright::prelude::*;

/// What `--build-arg` may set.
#[derive(Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct Params {
    /// Image with rustc, cargo and a linker.
    toolchain: String,
    /// The revision that the images say they are made of.
    revision: String,
}

impl Default for Params {
    fn default() -> Self {
        Self { toolchain: "rust:1-slim".to_owned(), revision: String::new() }
    }
}

/// The crates that the frontends are made of.
const CRATES: [&str; 8] = [
    "buildkit-frontend",
    "buildkit-gateway",
    "buildkit-llb",
    "buildkit-patterns",
    "buildkit-proto",
    "stagewright",
    "stagewright-plan",
    "stagewright-yaml",
];

/// What a build program of one file is compiled against, below `crates`. Of stagewright only what there is without
/// features: all else may change without any of it being compiled again.
pub(crate) const BUNDLED: [&str; 9] = [
    "buildkit-llb",
    "buildkit-proto",
    "stagewright-plan",
    "stagewright/Cargo.toml",
    "stagewright/src/bin/stagewright.rs",
    "stagewright/src/description.rs",
    "stagewright/src/lib.rs",
    "stagewright/src/plain.rs",
    "stagewright/src/prelude.rs",
];

/// Crates that Cargo wants to know of, and that are not compiled.
const NAMED: &str = "buildkit-client";

/// Capabilities that BuildKit may count on (BuildKit v0.33 `frontend/gateway/gateway.go`).
const CAPS: &str = "moby.buildkit.frontend.inputs,moby.buildkit.frontend.subrequests,\
    moby.buildkit.frontend.contexts,moby.buildkit.frontend.gitquerystring,moby.buildkit.frontend.contexts.zstd";

/// A stock frontend.
pub(crate) struct Frontend {
    /// The target that makes its image.
    pub(crate) target: &'static str,
    /// The program in it.
    pub(crate) program: &'static str,
    title: &'static str,
}

/// The frontend of `stages.yaml`.
pub(crate) const YAML: Frontend =
    Frontend { target: "stages", program: "stages-yaml", title: "Stagewright: builds of stages.yaml" };

/// The frontend of `stages.rs`.
pub(crate) const RUST: Frontend =
    Frontend { target: "rust", program: "stages-rs", title: "Stagewright: builds of stages.rs" };

impl Frontend {
    /// Says what BuildKit must know of an image that has the program at its root.
    pub(crate) fn describe(&self, image: Stage<role::Runtime>) -> Stage<role::Runtime> {
        image
            .label("moby.buildkit.frontend.network.none", "true")
            .label("moby.buildkit.frontend.caps", CAPS)
            .label("org.opencontainers.image.title", self.title)
            .label("org.opencontainers.image.licenses", "Apache-2.0 OR MIT")
            .entrypoint([format!("/{}", self.program)])
    }
}

fn main() -> ExitCode {
    stagewright::main(build)
}

pub(crate) fn build(b: &Build, p: Params) -> Targets {
    let src = b.context();
    let target = Target::of(b);

    // Tests, tools and other crates are no part of it, so that an edit of them compiles nothing here.
    let crates = src
        .dir("crates")
        .include(CRATES)
        .include([format!("{NAMED}/Cargo.toml")])
        .exclude(["*/tests"]);
    let sources = b
        .deps("sources", b.image(&p.toolchain).on_build_platform())
        .workdir("/stagewright")
        .copy(src.files(["Cargo.toml", "Cargo.lock"]), "./")
        .run("sed -i 's|^members = .*|members = [\"crates/*\", \"frontends\"]|; /^exclude = /d' Cargo.toml")
        .copy(crates, "crates/")
        .run(format!("mkdir crates/{NAMED}/src && touch crates/{NAMED}/src/lib.rs"))
        .copy(src.dir("frontends").include(["Cargo.toml", "src"]), "frontends/");

    let programs = sources.builder("programs").run(cargo(&target));

    // What the Rust frontend compiles build programs against, without a network. It is the same for every platform.
    // `cargo vendor --quiet` would be quiet about the configuration, too.
    let bundle = b
        .builder("bundle", b.image(&p.toolchain).on_build_platform())
        .workdir("/stagewright")
        .copy(src.file("Cargo.toml"), "./")
        .copy(src.dir("crates").include(BUNDLED).exclude(["*/tests"]), "crates/")
        .copy(src.dir("frontends/bundle").include(["Cargo.toml", "src"]), "frontends/bundle/")
        .workdir("/stagewright/frontends/bundle")
        .copy(src.file("Cargo.lock"), "./")
        .run(
            sh("mkdir .cargo && cargo vendor vendor > .cargo/config.toml")
                .env("CARGO_HOME", "/cargo")
                .cache(Cache::at("/cargo/registry")),
        );

    let image = |frontend: &Frontend| {
        let program = frontend.program;
        let image = b
            .runtime(frontend.target, Scratch)
            .copy(programs.artifact(format!("/out/{program}")), format!("/{program}"))
            .when(!p.revision.is_empty(), |image| {
                image.label("org.opencontainers.image.revision", &p.revision)
            });
        frontend.describe(image)
    };
    let yaml = image(&YAML);
    let rust = image(&RUST).copy(bundle.artifact("/stagewright"), "/stagewright");
    Targets::new().product(yaml).product(rust)
}

/// What is compiled for, in rustc's words.
struct Target {
    triple: String,
    /// The linker for a platform that is not this one.
    linker: Option<String>,
}

impl Target {
    fn of(b: &Build) -> Self {
        let platform = b.platform();
        let machine = match &*platform.architecture {
            "amd64" => "x86_64",
            "arm64" => "aarch64",
            other => {
                b.problem(format!("there is no frontend for {other}, only for amd64 and arm64"));
                other
            }
        };
        let crosses = platform.architecture != b.build_platform().architecture;
        Self {
            triple: format!("{machine}-unknown-linux-gnu"),
            linker: crosses.then(|| format!("{machine}-linux-gnu-gcc")),
        }
    }
}

/// Compiles the programs to `/out`. What cargo downloads and compiles of others is kept for the next time. The times of
/// our own files are new each time: cargo, which goes by them, would else take an older file for one that it knows.
fn cargo(target: &Target) -> Run {
    let Target { triple, linker } = target;
    let linker = linker.iter().map(|linker| format!(" -C linker={linker}")).collect::<String>();
    sh(format!(
        "find crates frontends -type f -exec touch {{}} + \
         && cargo build --package stagewright-frontends --profile frontend --target {triple} \
         && mkdir /out && cp target/{triple}/frontend/stages-yaml target/{triple}/frontend/stages-rs /out/"
    ))
    .env("CARGO_HOME", "/cargo")
    .env("RUSTFLAGS", format!("-C target-feature=+crt-static{linker}"))
    .cache(Cache::at("/cargo/registry"))
    .cache(Cache::at("/stagewright/target").id("stagewright/frontends"))
}
