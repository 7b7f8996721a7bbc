//! The client against a real daemon, one module per capability.

mod auth;
mod cancel;
mod errors;
mod exports;
mod layouts;
mod roundtrip;
mod secrets;
mod solve;
pub(crate) mod ssh;
mod sync;
mod uploads;

use std::sync::{Arc, Mutex};

use buildkit_client::status::StatusUpdate;
use buildkit_client::{BuildError, BuildGateway, BuildRequest, Client, Session, SessionOptions};
use buildkit_gateway::{Channel, Gateway, GatewayError, GatewayResult, Ref, SolveOptions};
use buildkit_llb::{Definition, FileOp, Graph, Metadata, MkfileAction, OpId};
use stagewright_tests::BUILDKIT_HOST;

async fn connect() -> Client {
    let address = std::env::var(BUILDKIT_HOST)
        .unwrap_or_else(|error| panic!("{BUILDKIT_HOST}: {error}; run `cargo xtask test`"));
    Client::connect(&address.parse().unwrap()).await.unwrap()
}

async fn bare_session(client: &Client) -> Session {
    client.session(SessionOptions::new()).await.unwrap()
}

/// What a build showed, by name of the vertex.
#[derive(Clone, Default)]
struct Shown(Arc<Mutex<Vec<StatusUpdate>>>);

impl Shown {
    fn sink(&self) -> impl FnMut(StatusUpdate) + Send + use<> {
        let all = Arc::clone(&self.0);
        move |update| all.lock().unwrap().push(update)
    }

    fn digests(&self) -> Vec<String> {
        let all = self.0.lock().unwrap();
        all.iter()
            .flat_map(|update| &update.vertexes)
            .map(|vertex| vertex.digest.clone())
            .collect()
    }

    fn started(&self, name: &str) -> bool {
        let all = self.0.lock().unwrap();
        let mut vertexes = all.iter().flat_map(|update| &update.vertexes);
        vertexes.any(|vertex| vertex.name == name && vertex.started.is_some())
    }

    /// Whether a vertex of which this is the beginning has ended without an error.
    fn completed(&self, name: &str) -> bool {
        let all = self.0.lock().unwrap();
        let mut vertexes = all.iter().flat_map(|update| &update.vertexes);
        vertexes.any(|vertex| {
            vertex.name.starts_with(name) && vertex.completed.is_some() && vertex.error.is_empty()
        })
    }

    fn names(&self) -> String {
        let all = self.0.lock().unwrap();
        let vertexes = all.iter().flat_map(|update| &update.vertexes);
        vertexes.map(|vertex| format!("{} {}\n", vertex.name, vertex.error)).collect()
    }

    fn logs(&self) -> String {
        let all = self.0.lock().unwrap();
        let logs = all.iter().flat_map(|update| &update.logs);
        logs.map(|log| String::from_utf8_lossy(&log.data).into_owned()).collect()
    }
}

/// A filesystem with one file.
fn file(graph: &mut Graph, path: &str, data: &str) -> OpId {
    let action = MkfileAction::new(path, 0o644, data.to_owned());
    graph
        .add(FileOp::chain(None, [action]), Metadata::named(format!("write {path}")))
        .unwrap()
}

fn one_file(path: &str, data: &str) -> Definition {
    let mut graph = Graph::new();
    let op = file(&mut graph, path, data);
    graph.definition(Some(op.root())).unwrap()
}

async fn evaluate<C: Channel>(gateway: &Gateway<C>, definition: &Definition) -> Result<Ref, GatewayError> {
    let options = SolveOptions { evaluate: true, ..SolveOptions::default() };
    gateway.solve(definition, &options).await
}

/// Runs a definition, and returns what it gives.
async fn build(
    client: &Client,
    request: BuildRequest,
    shown: &Shown,
    definition: &Definition,
) -> Result<buildkit_client::SolveResponse, BuildError<GatewayError>> {
    let drive =
        async |gateway: BuildGateway| Ok(GatewayResult::single(evaluate(&gateway, definition).await?));
    client.build(request, shown.sink(), drive).await
}
