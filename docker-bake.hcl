# The images of this house: `docker buildx bake`. Build files are Rust programs, which the daemon compiles.
#
# For a platform that is not the builder's own, TOOLCHAIN names an image with that target and Debian's cross compiler.

variable "REGISTRY" {
  description = "What the names of images begin with, with its slash: registry.example/"
  default     = ""
}

variable "TAG" {
  default = "1"
}

variable "REVISION" {
  description = "The revision that the images say they are made of."
  default     = ""
}

variable "TOOLCHAIN" {
  description = "Image with rustc, cargo and a linker."
  default     = "rust:1-slim"
}

variable "PLATFORMS" {
  description = "What the frontends are built for, with commas."
  default     = "linux/amd64,linux/arm64"
}

group "default" {
  targets = ["frontend"]
}

group "all" {
  targets = ["frontend", "example"]
}

# The stock frontends, which the first lines of build files name.
target "frontend" {
  name = frontend.name
  matrix = {
    frontend = [
      { name = "stages", title = "Stagewright: builds of stages.yaml" },
      { name = "rust", title = "Stagewright: builds of stages.rs" },
    ]
  }
  dockerfile = "frontends/stages.rs"
  target     = frontend.name
  platforms  = split(",", PLATFORMS)
  tags       = ["${REGISTRY}stagewright/${frontend.name}:${TAG}"]
  args = {
    toolchain = TOOLCHAIN
    revision  = REVISION
  }
  annotations = [
    "index,manifest:org.opencontainers.image.title=${frontend.title}",
    "index,manifest:org.opencontainers.image.licenses=Apache-2.0 OR MIT",
  ]
}

# The examples, each built by the program beside it. Of several products, one target is one image.
target "example" {
  name = "${image.example}-${image.target}"
  matrix = {
    image = [
      { example = "microservices", target = "api" },
      { example = "microservices", target = "worker" },
      { example = "microservices", target = "web" },
    ]
  }
  context    = "examples/${image.example}"
  dockerfile = "stages.rs"
  target     = image.target
  tags       = ["${REGISTRY}stagewright-examples/${image.example}-${image.target}:${TAG}"]
}
