//! Where stages start, and what files are taken from.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Flag, Path, Text};
use crate::read::At;

/// Where a stage starts.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "$start", rename_all = "kebab-case")]
#[schemars(rename = "Start", untagged)]
pub(crate) enum Start {
    /// A stage by its name, an image by a name with `:`, `/` or `@`, or `scratch`.
    #[serde(rename = "$text")]
    Name(String),
    /// An image, by any name.
    Image(Image),
}

/// What files are taken from.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "$origin", rename_all = "kebab-case")]
#[schemars(rename = "Origin", untagged)]
pub(crate) enum Origin {
    /// A stage by its name, or an image by a name with `:`, `/` or `@`.
    #[serde(rename = "$text")]
    Name(String),
    /// An image, by any name.
    Image(Image),
    /// A named context.
    Context(Context),
    /// A commit of a git repository.
    Git(Git),
    /// The reports of a tester, for testers.
    Reports(Reports),
    /// An image of this file with everything in it, for testers.
    Root(Root),
}

/// An image of a registry.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Image {
    /// Its name: `debian`, `registry.example.com/team/app:1`.
    #[schemars(with = "Text")]
    pub(crate) image: String,
    /// The platform that is taken of it.
    #[serde(default)]
    pub(crate) on: Option<OnPlatform>,
}

/// The platform that an image is taken for.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "$on")]
#[schemars(rename = "OnPlatform", untagged)]
pub(crate) enum OnPlatform {
    /// This one: `linux/arm64`.
    #[serde(rename = "$path")]
    Named(Path),
    /// The one that is built for, or the one that builds.
    #[serde(rename = "$text")]
    Role(PlatformRole),
}

/// What a platform is in a build.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum PlatformRole {
    /// The platform that is built for.
    Target,
    /// The platform that builds: for tools.
    Build,
}

/// Files that the person who builds names, by `--build-context name=…`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Context {
    /// Its name.
    #[schemars(with = "Text")]
    pub(crate) context: String,
}

/// A commit of a git repository.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Git {
    /// Its URL, with `#ref` or `#ref:directory`: `https://example.com/tool.git#v1.2`.
    #[schemars(with = "Text")]
    pub(crate) git: String,
    /// The commit that it must be, in hexadecimal; without it, whatever the ref is when it is built.
    #[serde(default)]
    pub(crate) checksum: Option<Text>,
    /// Whether `.git` is there, too: for what asks git for a version.
    #[serde(default)]
    pub(crate) keep_git_dir: Flag,
}

/// A file of a web server.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Http {
    /// Its URL.
    #[schemars(with = "Text")]
    pub(crate) http: String,
    /// The digest that it must have, `sha256:…`; without it, whatever the server answers.
    #[serde(default)]
    pub(crate) checksum: Option<Text>,
}

/// The reports of a tester, each at its own path: they are there also when it failed.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Reports {
    /// The tester's name.
    #[schemars(with = "Text")]
    pub(crate) reports: At<String>,
}

/// An image of this file with everything in it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Root {
    /// The image's stage.
    #[schemars(with = "Text")]
    pub(crate) root: At<String>,
}
