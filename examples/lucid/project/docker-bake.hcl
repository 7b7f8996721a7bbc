# `docker buildx bake`: all five profiles; `docker buildx bake testing`: the results alone.
variable "VERSION" { default = "v1.4.0" }
variable "COVERAGE_MINIMUM" { default = 80 }

group "default" { targets = ["profile", "testing"] }

target "lucid" {
  dockerfile = "lucid.yml"
  args = { VERSION = VERSION }
}

target "profile" {
  inherits = ["lucid"]
  name = profile
  matrix = { profile = ["base", "build", "runtime", "development"] }
  target = profile
}

target "testing" {
  inherits = ["lucid"]
  target = "testing"
  args = { COVERAGE_MINIMUM = COVERAGE_MINIMUM }
  output = ["type=local,dest=out"]
}
