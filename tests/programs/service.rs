//! A frontend whose build files are of a type of its own, as somebody would write it who has read the documentation.

use stagewright::prelude::*;

/// What stands in a file.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Service {
    /// What the image says.
    greeting: String,
    /// What makes its files.
    #[serde(default)]
    commands: Vec<String>,
    /// Whether what it says is tested.
    #[serde(default)]
    tested: bool,
}

fn build(b: &Build, service: Service) -> Targets {
    let base = b
        .base("base", "busybox:stable")
        .workdir("/srv")
        .file("greeting", text(service.greeting));
    let app = service
        .commands
        .iter()
        .fold(base.runtime("app"), |app, command| app.run(sh(command)));
    let app = app.env("PLATFORM", b.platform().to_string()).cmd(["cat", "/srv/greeting"]);
    let unit = base
        .tester("unit")
        .run(sh("grep -q hello greeting").secret(&b.secret("token").optional()));
    let app = if service.tested { app.gated_by(&unit) } else { app };
    Targets::new().product(app).target(unit)
}

fn main() -> ExitCode {
    stagewright::frontend(build)
}
