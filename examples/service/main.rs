//! Node services as this team runs them: what differs stands in a file, all else is the same for each.

use stagewright::prelude::*;

/// What stands in a file.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Service {
    /// Major version of Node.
    node: u8,
    /// What a container runs.
    start: String,
    /// Port that it serves.
    port: Option<u16>,
}

fn build(b: &Build, service: Service) -> Stage<role::Runtime> {
    if service.port.is_some_and(|port| port < 1024) {
        b.problem_in("port", "ports below 1024 are root's: take a higher one");
    }
    let base = b.base("base", format!("node:{}-slim", service.node)).workdir("/app");
    let checked = base.builder("checked").copy(b.context().all(), "./").run("npm test");
    let app = base.runtime("app").copy(checked.artifact("/app"), "./").user("node");
    app.expose(service.port).cmd(["node".to_owned(), service.start])
}

fn main() -> ExitCode {
    stagewright::frontend(build)
}
