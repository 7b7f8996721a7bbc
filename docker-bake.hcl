# The images of this house: `docker buildx bake`, or with `--push` to a registry, `REGISTRY=registry.example/`.
#
#   bake              the stock frontends, and the command line
#   bake programs     these, and the examples' frontends
#   bake examples     what the examples build by those frontends, which must have been pushed
#   bake all          everything
#
# With REGISTRY the examples are built by the frontends there. The programs are described by `frontends/stages.rs`, whose
# frontend is one of them: the first time `cargo xtask frontend-image` makes it, and RUST_FRONTEND names it.
#
# Programs are compiled on the platform that builds. For another one CROSS_TOOLCHAIN names an image with that target and
# Debian's cross compiler, as `cargo xtask images --cross` makes one. `cargo xtask bake` runs all of this and looks at what
# was made.

variable "REGISTRY" {
  description = "What the names of images begin with, with its slash: registry.example/"
  default     = ""
}

variable "TAG" {
  description = "The tag of the images: for frontends the version of what a first line asks for."
  default     = "1"
}

variable "VERSION" {
  description = "The version that the images say they have."
  default     = "0.1.0"
}

variable "REVISION" {
  description = "The commit that the images say they are made of."
  default     = ""
}

variable "SOURCE" {
  description = "The address where the images say that their sources are."
  default     = ""
}

variable "CREATED" {
  description = "When the images say they were made: 2026-11-21T12:00:00Z"
  default     = ""
}

variable "PLATFORMS" {
  description = "What the programs are built for, with commas."
  default     = "linux/amd64,linux/arm64"
}

variable "TOOLCHAIN" {
  description = "Image with rustc, cargo and a linker."
  default     = "rust:1-slim"
}

variable "CROSS_TOOLCHAIN" {
  description = "The same for platforms that are not the one that builds; without it, TOOLCHAIN has to do for all."
  default     = ""
}

variable "RUST_FRONTEND" {
  description = "The frontend of stages.rs, in place of the one that first lines name."
  default     = ""
}

group "default" {
  targets = ["frontend", "cli"]
}

group "all" {
  targets = ["programs", "examples"]
}

group "programs" {
  targets = ["frontend", "cli", "example-frontend"]
}

group "examples" {
  targets = ["microservices", "lucid"]
}

# Annotations of an image for some platforms, on its index where it has one: that for one platform has none.
function "said" {
  params = [platforms, title, description]
  result = [
    for key, text in {
      title       = title
      description = description
      licenses    = "Apache-2.0 OR MIT"
      version     = VERSION
      revision    = REVISION
      source      = SOURCE
      created     = CREATED
    } : "${length(platforms) > 1 ? "index,manifest" : "manifest"}:org.opencontainers.image.${key}=${text}"
    if text != ""
  ]
}

# A program of this repository: `frontends/stages.rs` says how it becomes an image, and labels it.
target "_program" {
  dockerfile = "frontends/stages.rs"
  platforms  = split(",", PLATFORMS)
  args = {
    BUILDKIT_SYNTAX = RUST_FRONTEND != "" ? RUST_FRONTEND : null
    toolchain       = TOOLCHAIN
    cross_toolchain = CROSS_TOOLCHAIN
    version         = VERSION
    revision        = REVISION
    source          = SOURCE
    created         = CREATED
  }
}

# The stock frontends, which the first lines of build files name.
target "frontend" {
  inherits    = ["_program"]
  description = "A stock frontend."
  name        = frontend
  matrix = {
    frontend = ["stages", "rust"]
  }
  target = frontend
  tags   = ["${REGISTRY}stagewright/${frontend}:${TAG}"]
  # A tenth less to pull before the first build. BuildKit reads it since v0.9.
  output = ["type=image,compression=zstd,compression-level=22,force-compression=true"]
  annotations = {
    stages = said(split(",", PLATFORMS), "Stagewright: stages.yaml", "Builds files whose first line is `# syntax=stagewright/stages:1`")
    rust   = said(split(",", PLATFORMS), "Stagewright: stages.rs", "Builds files whose first line is `// syntax=stagewright/rust:1`")
  }[frontend]
}

# The command line: `docker run … stagewright/cli:1 build`.
target "cli" {
  inherits    = ["_program"]
  description = "The command line."
  target      = "cli"
  tags        = ["${REGISTRY}stagewright/cli:${TAG}"]
  annotations = said(split(",", PLATFORMS), "Stagewright", "Builds stages.yaml and stages.rs on a BuildKit daemon")
}

# Frontends of a team's own: examples/lucid, and the one that docs/your-own-frontend.md makes.
target "example-frontend" {
  inherits    = ["_program"]
  description = "An example of a frontend."
  name        = "${frontend.target}-frontend"
  matrix = {
    frontend = [
      { target = "lucid", image = "lucid/frontend", title = "Lucid" },
      { target = "service", image = "team/service", title = "Service" },
    ]
  }
  target      = frontend.target
  # Only the one that builds.
  platforms   = []
  tags        = ["${REGISTRY}${frontend.image}:${TAG}"]
  annotations = said([], frontend.title, "Builds files whose first line is `# syntax=${frontend.image}:1`")
}

# The services of one monorepo, by the program beside them and by the same build in YAML.
target "microservices" {
  description = "A service of examples/microservices."
  name        = file == "stages.rs" ? "microservices-${service}" : "microservices-${service}-yaml"
  matrix = {
    service = ["api", "worker", "web"]
    file    = ["stages.rs", "stages.yaml"]
  }
  context    = "examples/microservices"
  dockerfile = file
  target     = service
  tags       = ["${REGISTRY}stagewright-examples/microservices-${service}:${file == "stages.rs" ? TAG : "${TAG}-yaml"}"]
  args = {
    BUILDKIT_SYNTAX = (
      file == "stages.rs" && RUST_FRONTEND != "" ? RUST_FRONTEND :
      REGISTRY != "" ? "${REGISTRY}stagewright/${file == "stages.rs" ? "rust" : "stages"}:${TAG}" : null
    )
  }
}

# The profiles of a service that are images; its own bake file also leaves the reports of its tests.
target "lucid" {
  description = "A profile of examples/lucid."
  name        = "lucid-${profile}"
  matrix = {
    profile = ["base", "build", "runtime", "development"]
  }
  context    = "examples/lucid/project"
  dockerfile = profile == "development" ? "development.yml" : "lucid.yml"
  target     = profile
  tags       = ["${REGISTRY}stagewright-examples/lucid-${profile}:${TAG}"]
  args = {
    BUILDKIT_SYNTAX = REGISTRY != "" ? "${REGISTRY}lucid/frontend:${TAG}" : null
  }
}
