//! One project in three forms: a Dockerfile, a `stages.yaml` and a `stages.rs` that say the same.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::bench::tree;

/// Files of the context, which every side has to announce each time.
const FILES: u32 = 50;

/// How large it is: stages that build, and the commands of each.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub(super) stages: u32,
    pub(super) steps: u32,
}

/// As projects are.
pub(super) const SMALL: Shape = Shape { stages: 1, steps: 10 };

/// 1,000 commands. On top of each other they would be more layers than overlayfs mounts, and could never be run.
pub(super) const LARGE: Shape = Shape { stages: 40, steps: 25 };

/// A directory with all forms, and the context of each.
pub(super) struct Project {
    pub(super) context: PathBuf,
    shape: Shape,
}

impl Project {
    pub(super) fn make(directory: &Path, shape: Shape) -> Result<Self> {
        let context = directory.join(format!("project-{}", shape.stages));
        tree::sources(&context.join("src"), FILES)?;
        Ok(Self { context, shape })
    }

    /// A Dockerfile with this first line, if any.
    pub(super) fn dockerfile(&self, syntax: Option<&str>) -> Result<PathBuf> {
        let (name, first) = match syntax {
            Some(syntax) => ("Dockerfile", format!("# syntax={syntax}\n")),
            None => ("Dockerfile.builtin", String::new()),
        };
        self.write(name, &(first + &dockerfile(self.shape)))
    }

    /// A `stages.yaml` whose last command says a word.
    pub(super) fn yaml(&self, word: &str) -> Result<PathBuf> {
        self.write("stages.yaml", &yaml(self.shape, word))
    }

    /// A `stages.rs` whose last command says a word.
    pub(super) fn rust(&self, word: &str) -> Result<PathBuf> {
        self.write("stages.rs", &rust(self.shape, word))
    }

    fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.context.join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }
}

fn dockerfile(Shape { stages, steps }: Shape) -> String {
    let mut text = String::new();
    let mut copies = String::new();
    for stage in 1..=stages {
        let _ = writeln!(text, "FROM busybox:latest AS build-{stage}\nWORKDIR /app\nCOPY src src/");
        for step in 1..=steps {
            let _ = writeln!(text, "RUN echo {stage} {step} > step-{step}");
        }
        let _ = writeln!(copies, "COPY --from=build-{stage} /app/step-{steps} build-{stage}");
    }
    text + "FROM busybox:latest\nWORKDIR /app\n" + &copies + "CMD [\"cat\", \"build-1\"]\n"
}

fn yaml(Shape { stages, steps }: Shape, word: &str) -> String {
    let mut text = "# syntax=stagewright/stages:1\nstages:\n".to_owned();
    let mut copies = String::new();
    for stage in 1..=stages {
        let _ = writeln!(text, "  build-{stage}:\n    role: builder\n    from: busybox:latest\n    steps:");
        text.push_str("      - workdir: /app\n      - copy: src\n        to: src/\n");
        for step in 1..=steps {
            let word = if step == steps { word } else { "" };
            let _ = writeln!(text, "      - run: echo {stage} {step}{word} > step-{step}");
        }
        let _ = writeln!(
            copies,
            "      - copy: /app/step-{steps}\n        from: build-{stage}\n        to: build-{stage}"
        );
    }
    text + "  app:\n    role: runtime\n    from: busybox:latest\n    steps:\n      - workdir: /app\n"
        + &copies
        + "    cmd: [cat, build-1]\n"
}

fn rust(Shape { stages, steps }: Shape, word: &str) -> String {
    format!(
        r#"// syntax=stagewright/rust:1
use stagewright::prelude::*;

fn main() -> ExitCode {{
    stagewright::main(build)
}}

fn build(b: &Build, _: ()) -> Targets {{
    let mut app = b.runtime("app", "busybox:latest").workdir("/app");
    for stage in 1..={stages} {{
        let name = format!("build-{{stage}}");
        let mut build = b.builder(&name, "busybox:latest").workdir("/app").copy(b.context().dir("src"), "src/");
        for step in 1..={steps} {{
            let word = if step == {steps} {{ "{word}" }} else {{ "" }};
            build = build.run(format!("echo {{stage}} {{step}}{{word}} > step-{{step}}"));
        }}
        app = app.copy(build.artifact("/app/step-{steps}"), name);
    }}
    Targets::new().product(app.cmd(["cat", "build-1"]))
}}
"#
    )
}
