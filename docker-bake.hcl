# docker buildx bake            builds the images for this machine (SEMIBOT_IMAGES/api:SEMIBOT_VERSION, ...)
# docker buildx bake release    builds them for both architectures, with provenance and a list of contents

variable "SEMIBOT_IMAGES" { default = "semibot" }
variable "SEMIBOT_VERSION" { default = "local" }
# The commit that is built.
variable "REVISION" { default = "" }
# With the digest, such as gcr.io/distroless/cc-debian12@sha256:...
variable "BASE_IMAGE" { default = "gcr.io/distroless/cc-debian12" }
variable "BUILD_IMAGE" { default = "node:24-bookworm-slim" }
# Another tag for the same images, such as latest.
variable "ALSO" { default = "" }

group "default" {
  targets = ["api", "runtime", "simulator", "cli"]
}

group "release" {
  targets = ["release-api", "release-runtime", "release-simulator", "release-cli"]
}

target "_common" {
  context    = "."
  dockerfile = "Dockerfile"
  args = {
    BASE_IMAGE  = BASE_IMAGE
    BUILD_IMAGE = BUILD_IMAGE
  }
  labels = {
    "org.opencontainers.image.version"   = SEMIBOT_VERSION
    "org.opencontainers.image.revision"  = REVISION
    "org.opencontainers.image.licenses"  = "Apache-2.0"
    "org.opencontainers.image.base.name" = BASE_IMAGE
  }
}

target "_release" {
  platforms = ["linux/amd64", "linux/arm64"]
  attest    = ["type=provenance,mode=max", "type=sbom"]
}

target "api" {
  inherits = ["_common"]
  target   = "api"
  tags     = compact(["${SEMIBOT_IMAGES}/api:${SEMIBOT_VERSION}", notequal("", ALSO) ? "${SEMIBOT_IMAGES}/api:${ALSO}" : ""])
}

target "runtime" {
  inherits = ["_common"]
  target   = "runtime"
  tags     = compact(["${SEMIBOT_IMAGES}/runtime:${SEMIBOT_VERSION}", notequal("", ALSO) ? "${SEMIBOT_IMAGES}/runtime:${ALSO}" : ""])
}

target "simulator" {
  inherits = ["_common"]
  target   = "simulator"
  tags     = compact(["${SEMIBOT_IMAGES}/simulator:${SEMIBOT_VERSION}", notequal("", ALSO) ? "${SEMIBOT_IMAGES}/simulator:${ALSO}" : ""])
}

target "cli" {
  inherits = ["_common"]
  target   = "cli"
  tags     = compact(["${SEMIBOT_IMAGES}/cli:${SEMIBOT_VERSION}", notequal("", ALSO) ? "${SEMIBOT_IMAGES}/cli:${ALSO}" : ""])
}

target "release-api" { inherits = ["api", "_release"] }
target "release-runtime" { inherits = ["runtime", "_release"] }
target "release-simulator" { inherits = ["simulator", "_release"] }
target "release-cli" { inherits = ["cli", "_release"] }
