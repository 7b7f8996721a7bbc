// syntax=stagewright/rust:1
//! The images of this house: the stock frontends, the command line, and the examples' frontends. Each is one static
//! program on an empty filesystem.
//!
//! The programs are compiled on the platform that builds, whatever the platform that is built for. For another one the
//! toolchain must have its target and the linker of Debian's cross compiler.

use stagewright::prelude::*;

/// What `--build-arg` may set.
#[derive(Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct Params {
    /// Image with rustc, cargo and a linker.
    pub(crate) toolchain: String,
    /// The same for platforms that are not the one that builds; if empty, that one has to do for all.
    pub(crate) cross_toolchain: String,
    /// The version that the images say they have.
    pub(crate) version: String,
    /// The revision that the images say they are made of.
    pub(crate) revision: String,
    /// Where the images say that their sources are.
    pub(crate) source: String,
    /// When the images say they were made, as RFC 3339 writes it.
    pub(crate) created: String,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            toolchain: "rust:1-slim".to_owned(),
            cross_toolchain: String::new(),
            version: String::new(),
            revision: String::new(),
            source: String::new(),
            created: String::new(),
        }
    }
}

impl Params {
    /// The image that compiles for a target.
    fn toolchain(&self, machine: &Machine) -> &str {
        match &machine.linker {
            Some(_) if !self.cross_toolchain.is_empty() => &self.cross_toolchain,
            _ => &self.toolchain,
        }
    }

    /// What every image says of itself, as keys of OCI's image spec (v1.1 `annotations.md`); without what is not known.
    pub(crate) fn annotations(&self, title: &str, description: &str) -> Vec<(String, String)> {
        let said = [
            ("title", title),
            ("description", description),
            ("licenses", "Apache-2.0 OR MIT"),
            ("version", &self.version),
            ("revision", &self.revision),
            ("source", &self.source),
            ("created", &self.created),
        ];
        let known = said.into_iter().filter(|(_, text)| !text.is_empty());
        known
            .map(|(key, text)| (format!("org.opencontainers.image.{key}"), text.to_owned()))
            .collect()
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

/// A crate that Cargo wants to know of: of the command line, and not compiled for a frontend.
const NAMED: &str = "buildkit-client";

/// An image with one program.
pub(crate) struct Image {
    /// The target that makes it.
    pub(crate) target: &'static str,
    /// The program in it.
    pub(crate) program: &'static str,
    pub(crate) title: &'static str,
    pub(crate) description: &'static str,
}

/// The frontend of `stages.yaml`.
pub(crate) const YAML: Image = Image {
    target: "stages",
    program: "stages-yaml",
    title: "Stagewright: stages.yaml",
    description: "Builds files whose first line is `# syntax=stagewright/stages:1`",
};

/// The frontend of `stages.rs`.
pub(crate) const RUST: Image = Image {
    target: "rust",
    program: "stages-rs",
    title: "Stagewright: stages.rs",
    description: "Builds files whose first line is `// syntax=stagewright/rust:1`",
};

/// The command line.
const CLI: Image = Image {
    target: "cli",
    program: "stagewright",
    title: "Stagewright",
    description: "Builds stages.yaml and stages.rs on a BuildKit daemon",
};

/// The example of a team's own frontend.
const LUCID: Image = Image {
    target: "lucid",
    program: "lucid",
    title: "Lucid",
    description: "Builds files whose first line is `# syntax=lucid/frontend:1`",
};

/// The frontend that the guide makes.
const SERVICE: Image = Image {
    target: "service",
    program: "service-frontend",
    title: "Service",
    description: "Builds files whose first line is `# syntax=team/service:1`",
};

impl Image {
    /// Says what it is, of an image that has the program at its root.
    pub(crate) fn describe(&self, image: Stage<role::Runtime>, p: &Params) -> Stage<role::Runtime> {
        image
            .each(p.annotations(self.title, self.description), |image, (key, text)| image.label(key, text))
            .entrypoint([format!("/{}", self.program)])
    }

    /// Says, beyond that, what BuildKit must know of a frontend.
    pub(crate) fn describe_frontend(&self, image: Stage<role::Runtime>, p: &Params) -> Stage<role::Runtime> {
        self.describe(image, p)
            .label("moby.buildkit.frontend.network.none", "true")
            .label("moby.buildkit.frontend.caps", stagewright::FRONTEND_CAPS)
    }
}

fn main() -> ExitCode {
    stagewright::main(build)
}

pub(crate) fn build(b: &Build, p: Params) -> Targets {
    let src = b.context();
    let machine = Machine::of(b);

    // Tests, tools and other crates are no part of it, so that an edit of them compiles nothing here.
    let crates = |names: &[&str]| src.dir("crates").include(names.iter().copied()).exclude(["*/tests"]);
    let sources = |name: &str, members: &str| {
        b.builder(name, b.image(p.toolchain(&machine)).on_build_platform())
            .workdir("/stagewright")
            .copy(src.files(["Cargo.toml", "Cargo.lock"]), "./")
            .run(format!("sed -i 's|^members = .*|members = [{members}]|; /^exclude = /d' Cargo.toml"))
    };
    let programs = sources("programs", r#""crates/*", "frontends""#)
        .copy(crates(&CRATES).include([format!("{NAMED}/Cargo.toml")]), "crates/")
        .run(format!("mkdir crates/{NAMED}/src && touch crates/{NAMED}/src/lib.rs"))
        .copy(src.dir("frontends").include(["Cargo.toml", "src"]), "frontends/")
        .run(cargo(&machine, "stagewright-frontends", &[YAML.program, RUST.program]));

    // These have all features, and so that crate, too.
    let tool = sources("tool", r#""crates/*""#)
        .copy(crates(&CRATES).include([NAMED]), "crates/")
        .run(cargo(&machine, "stagewright --features yaml,rust", &[CLI.program]));
    let examples = sources("examples", r#""crates/*", "examples""#)
        .copy(crates(&CRATES).include([NAMED]), "crates/")
        .copy(
            src.dir("examples")
                .include(["Cargo.toml", "*/*.rs", "presets/*/*.rs", "presets/acme"]),
            "examples/",
        )
        .run(cargo(&machine, "stagewright-examples", &[LUCID.program, SERVICE.program]));

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
                .cache(Cache::at("/cargo")),
        );

    let image = |image: &Image, programs: &Stage<role::Builder>| {
        let program = image.program;
        b.runtime(image.target, Scratch)
            .copy(programs.artifact(format!("/out/{program}")), format!("/{program}"))
    };
    let frontend = |it: &Image, programs| it.describe_frontend(image(it, programs), &p);
    let rust = frontend(&RUST, &programs).copy(bundle.artifact("/stagewright"), "/stagewright");
    Targets::new()
        .product(frontend(&YAML, &programs))
        .described(YAML.description)
        .product(rust)
        .described(RUST.description)
        .target(CLI.describe(image(&CLI, &tool).workdir("/work"), &p))
        .described(CLI.description)
        .target(frontend(&LUCID, &examples))
        .described(LUCID.description)
        .target(frontend(&SERVICE, &examples))
        .described(SERVICE.description)
}

/// What is compiled for, in rustc's words.
struct Machine {
    triple: String,
    /// The linker for a platform that is not this one.
    linker: Option<String>,
}

impl Machine {
    fn of(b: &Build) -> Self {
        let platform = b.platform();
        let name = match &*platform.architecture {
            "amd64" => "x86_64",
            "arm64" => "aarch64",
            other => {
                b.problem(format!("there is no program for {other}, only for amd64 and arm64"));
                other
            }
        };
        let crosses = platform.architecture != b.build_platform().architecture;
        Self {
            triple: format!("{name}-unknown-linux-gnu"),
            linker: crosses.then(|| format!("{name}-linux-gnu-gcc")),
        }
    }
}

/// Compiles programs of a package to `/out`. What cargo downloads and compiles of others is kept for the next time. The
/// times of our own files are new each time: cargo, which goes by them, would else take an older file for one that it
/// knows. Cargo's whole home is kept, since the lock lies there that several of it share.
fn cargo(machine: &Machine, package: &str, programs: &[&str]) -> Run {
    let Machine { triple, linker } = machine;
    // Of their own for another platform: what uses one directory waits for each other.
    let kept = linker
        .iter()
        .fold("stagewright/frontends".to_owned(), |kept, _| format!("{kept}/{triple}"));
    let linker = linker.iter().map(|linker| format!(" -C linker={linker}")).collect::<String>();
    let bins: String = programs.iter().map(|program| format!(" --bin {program}")).collect();
    let made: String = programs.iter().map(|it| format!(" target/{triple}/frontend/{it}")).collect();
    sh(format!(
        "find . -path ./target -prune -o -type f -exec touch {{}} + \
         && cargo build --package {package}{bins} --profile frontend --target {triple} \
         && mkdir /out && cp{made} /out/"
    ))
    .env("CARGO_HOME", "/cargo")
    .env("RUSTFLAGS", format!("-C target-feature=+crt-static{linker}"))
    .cache(Cache::at("/cargo"))
    .cache(Cache::at("/stagewright/target").id(kept))
}
