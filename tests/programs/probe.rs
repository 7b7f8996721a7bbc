//! A frontend for tests of what reaches a user: the option `target` says what it does.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::ExitCode;

use buildkit_frontend::{Entry, Frontend, Options, caps, serve};
use buildkit_gateway::{GatewayError, GatewayResult, SolveOptions};
use buildkit_llb::{ExecOp, Graph, ImageSource, Metadata, Platform};
use serde_json::json;

fn main() -> ExitCode {
    serve(&[caps::INPUTS], run)
}

async fn run(frontend: Frontend) -> Result<GatewayResult, GatewayError> {
    let own = |error: &dyn std::fmt::Display| GatewayError::new(error.to_string());
    let Frontend { gateway, environment, .. } = &frontend;
    let options = Options::parse(&environment.options).map_err(|error| own(&error))?;
    let nothing = Graph::new().definition(None).map_err(|error| own(&error))?;
    let scratch = gateway.solve(&nothing, &SolveOptions::default()).await?;
    match options.target.as_deref().unwrap_or_default() {
        "told" => {
            let entry = Entry::read(gateway, &options, &environment.session, None).await;
            let entry = entry.map_err(|error| own(&error))?;
            let told = json!({
                "args": options.build_args,
                "platforms": environment.workers[0].platforms.len(),
                "session": !environment.session.is_empty(),
                "file": entry.filename,
                "size": entry.text.len(),
                "text": entry.text.lines().next().filter(|line| line.len() < 100),
                "ignore": entry.ignore.map(|text| String::from_utf8_lossy(&text).into_owned()),
            });
            Ok(GatewayResult::single(scratch).with_metadata("frontend.told", told.to_string()))
        }
        "panics" => {
            let empty: BTreeMap<&str, &str> = BTreeMap::new();
            panic!("no stage is called {:?}", empty.get("x"));
        }
        "prints" => {
            println!("to be read by nobody");
            std::io::stdout().flush().map_err(|error| own(&error))?;
            Ok(GatewayResult::single(scratch))
        }
        "fails" => {
            let mut graph = Graph::new();
            let platform = Platform::new("linux", std::env::consts::ARCH).normalized();
            let image = "busybox:latest".parse().map_err(|error| own(&error))?;
            let add = |error: buildkit_llb::OpError| own(&error);
            let image = graph
                .add(ImageSource::new(image, platform.clone()), Metadata::default())
                .map_err(add)?;
            let args = ["sh", "-c", "exit 42"].map(str::to_owned);
            let exec = ExecOp::new(Some(image.root()), args, platform);
            let exec = graph.add(exec, Metadata::named("the step that fails")).map_err(add)?;
            let definition = graph.definition(Some(exec.root())).map_err(add)?;
            let options = SolveOptions { evaluate: true, ..SolveOptions::default() };
            gateway.solve(&definition, &options).await.map(GatewayResult::single)
        }
        "map" => Ok(GatewayResult::map([("nowhere".to_owned(), scratch)].into())),
        "exits" => std::process::exit(3),
        other => Err(GatewayError::new(format!("the probe cannot `{other}`"))),
    }
}
