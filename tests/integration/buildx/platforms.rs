//! Several platforms at once, each of which runs here.

use std::process::Command;

use serde_json::{Value, json};
use stagewright_tests::Buildx;
use tempfile::TempDir;

use super::{blob, make, manifest};
use crate::support::{directory, image, stdout};

const PLATFORMS: [&str; 2] = ["amd64", "386"];

/// A program without libraries that writes the name of its architecture to `/ran`. Both kinds of machine code take the
/// system calls of the older one.
const PROGRAM: &str = r#"
.globl _start
_start:
    mov $5, %eax          # open
    mov $path, %ebx
    mov $0101, %ecx       # to write, made if it is not there
    mov $0644, %edx
    int $0x80
    mov %eax, %ebx
    mov $4, %eax          # write
    mov $text, %ecx
    mov $length, %edx
    int $0x80
    mov $1, %eax          # exit
    mov $0, %ebx
    int $0x80
path: .asciz "/ran"
#ifdef __x86_64__
text: .ascii "amd64"
#else
text: .ascii "386"
#endif
.equ length, . - text
"#;

const STAGES: &str = "# syntax=stagewright/stages:1
stages:
  made:
    role: builder
    from: scratch
    steps:
      - copy: ${targetarch}
        to: /program
        mode: 0755
      - run: [/program]
  app:
    role: runtime
    from: scratch
    steps:
      - copy: /program
        from: made
        to: /program
      - copy: /ran
        from: made
        to: /ran-${targetarch}
      - env: { FOR: \"${targetplatform}\" }
";

/// Uses an image of [`STAGES`], which it names.
const LATER: &str = "# syntax=stagewright/stages:1
args:
  base: { }
stages:
  made:
    role: builder
    from: ${base}
    steps:
      - run: [/program]
  app:
    role: runtime
    from: scratch
    steps:
      - copy: /ran
        from: made
        to: /for-${targetarch}
";

/// [`STAGES`] with the program for both.
fn project() -> TempDir {
    let project = directory(&[("stages.yaml", STAGES), ("program.S", PROGRAM)]);
    for (name, width) in [("amd64", "-m64"), ("386", "-m32")] {
        let mut compiler = Command::new("cc");
        let arguments =
            [width, "-static", "-nostdlib", "-no-pie", "-Wl,--build-id=none", "-o", name, "program.S"];
        stdout(compiler.args(arguments).current_dir(project.path()));
    }
    project
}

#[test]
fn each_platform_runs_its_own_program() {
    let made = make(&project(), &["--platform", "linux/amd64,linux/386"]);
    for name in PLATFORMS {
        assert_eq!(made.read(&format!("linux_{name}/ran-{name}")), name);
    }
}

#[test]
fn an_index_has_an_image_for_each_platform_and_others_start_from_it() {
    let name = image("buildx/platforms", "1");
    let both = ["--platform", "linux/amd64,linux/386"];
    let buildx = Buildx::new();
    let project = project();
    let build = buildx.build(project.path()).args(["-f", "stages.yaml", "--push", "-t", &*name]);
    let ended = build.args(both).arg("--provenance=false").run().expect_success();
    let index = manifest("buildx/platforms", "1");
    let images = index["manifests"].as_array().unwrap();
    assert_eq!(images.len(), 2, "{index:#}\n{ended}");
    for (image, architecture) in images.iter().zip(PLATFORMS) {
        let platform = &image["platform"];
        assert_eq!(*platform, json!({ "os": "linux", "architecture": architecture }), "{index:#}");
        let manifest = manifest("buildx/platforms", image["digest"].as_str().unwrap());
        let config: Value = blob("buildx/platforms", &manifest["config"]["digest"]);
        assert_eq!(config["architecture"], architecture, "{config:#}");
        let of = format!("FOR=linux/{architecture}");
        assert!(config["config"]["Env"].as_array().unwrap().contains(&json!(of)), "{config:#}");
    }

    let later = directory(&[("stages.yaml", LATER)]);
    let made = make(&later, &["--platform", both[1], "--build-arg", &format!("base={name}")]);
    for name in PLATFORMS {
        assert_eq!(made.read(&format!("linux_{name}/for-{name}")), name);
    }
}
