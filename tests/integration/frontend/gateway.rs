//! Calls of the gateway that builds seldom make: sources, policies, inputs.
//!
//! They are the same from outside a daemon and from inside, and are made from outside here.

use buildkit_client::{BuildGateway, BuildRequest, Client, SessionOptions};
use buildkit_gateway::{
    AttestationRequest, ChecksumAlgorithm, FrontendSolve, GatewayError, GatewayResult, Ref, SolveOptions,
    SourceAction, SourceId, SourceMatch, SourcePolicy, SourceRequest, SourceRule, SourceState,
};
use buildkit_llb::{FileOp, Graph, ImageSource, Metadata, MkfileAction, Platform};
use bytes::Bytes;
use serde_json::Value;
use stagewright::{Build, BuildOptions, Scratch, Targets, plan};
use stagewright_tests::Environment;

use super::image::frontend_image;
use crate::support::{build_plan, image as image_name, unique};

const BUSYBOX: &str = "docker-image://docker.io/library/busybox:latest";

/// Runs calls of the gateway in a build of their own.
pub(super) async fn with_gateway<T>(calls: impl AsyncFnOnce(BuildGateway) -> Result<T, GatewayError>) -> T {
    with_session(SessionOptions::new(), calls).await
}

/// The same with what a session has.
pub(super) async fn with_session<T>(
    options: SessionOptions,
    calls: impl AsyncFnOnce(BuildGateway) -> Result<T, GatewayError>,
) -> T {
    let host = Environment::get().buildkit_host;
    let client = Client::connect(&host.parse().unwrap()).await.unwrap();
    let session = client.session(options).await.unwrap();
    let mut answer = None;
    let drive = async |gateway: BuildGateway| {
        answer = Some(calls(gateway).await?);
        Ok::<_, GatewayError>(GatewayResult::single(Ref::scratch()))
    };
    client.build(BuildRequest::new(&session), drop, drive).await.unwrap();
    session.close().await;
    answer.unwrap()
}

pub(super) async fn busybox(
    gateway: &BuildGateway,
    policies: Vec<SourcePolicy>,
) -> Result<Ref, GatewayError> {
    let platform = Platform::new("linux", std::env::consts::ARCH).normalized();
    let mut graph = Graph::new();
    let image = ImageSource::new("busybox:latest".parse().unwrap(), platform);
    let image = graph.add(image, Metadata::default()).unwrap();
    let definition = graph.definition(Some(image.root())).unwrap();
    gateway
        .solve(&definition, &SolveOptions { evaluate: true, policies, ..SolveOptions::default() })
        .await
}

fn image(identifier: &str) -> SourceRequest {
    let source = SourceId { identifier: identifier.to_owned(), ..SourceId::default() };
    SourceRequest { source, ..SourceRequest::default() }
}

fn rule(action: SourceAction) -> Vec<SourcePolicy> {
    let identifier = "docker-image://docker.io/library/busybox:*".to_owned();
    let (matching, constraints) = (SourceMatch::Wildcard, Vec::new());
    vec![SourcePolicy { rules: vec![SourceRule { identifier, matching, constraints, action }] }]
}

#[tokio::test]
async fn what_an_image_is_now() {
    let [meta, bare] = with_gateway(async |gateway| {
        let meta = gateway.resolve_source(&image(BUSYBOX)).await?;
        let bare = SourceRequest { no_config: true, ..image(BUSYBOX) };
        Ok([meta, gateway.resolve_source(&bare).await?])
    })
    .await;
    let SourceState::Image { digest, config, attestations: None } = &meta.state else { panic!("{meta:?}") };
    assert!(digest.starts_with("sha256:") && !config.is_empty());
    assert!(meta.source.identifier.starts_with(BUSYBOX), "{meta:?}");
    assert!(matches!(&bare.state, SourceState::Image { config, .. } if config.is_empty()), "{bare:?}");
}

#[tokio::test]
async fn what_a_file_behind_a_url_is_now() {
    let url = format!("http://{}/v2/", Environment::get().registry.address());
    let meta = with_gateway(async |gateway| {
        let checksum = Some((ChecksumAlgorithm::Sha256, Bytes::from_static(b"x")));
        gateway.resolve_source(&SourceRequest { checksum, ..image(&url) }).await
    })
    .await;
    let SourceState::Http { checksum, asked: Some((digest, suffix)), .. } = &meta.state else {
        panic!("{meta:?}")
    };
    assert!(checksum.starts_with("sha256:") && digest.starts_with("sha256:") && checksum != digest);
    assert_eq!(&suffix[..], b"x");
}

#[tokio::test]
async fn policies_decide_about_sources() {
    let (denied, converted) = with_gateway(async |gateway| {
        let denied = busybox(&gateway, rule(SourceAction::Deny)).await.unwrap_err();
        let convert = SourceAction::Convert {
            identifier: "docker-image://docker.io/library/debian:bookworm-slim".to_owned(),
            attrs: Default::default(),
        };
        let request = SourceRequest { policies: rule(convert), ..image(BUSYBOX) };
        Ok((denied, gateway.resolve_source(&request).await?))
    })
    .await;
    assert!(denied.message().contains("denied by policy"), "{denied}");
    assert!(converted.source.identifier.contains("library/debian:bookworm-slim"), "{converted:?}");
}

#[tokio::test]
async fn a_build_without_inputs_has_none() {
    assert!(with_gateway(async |gateway| gateway.inputs().await).await.is_empty());
}

#[tokio::test]
async fn definitions_are_given_to_a_frontend() {
    let source = frontend_image("probe").await;
    let told = with_gateway(async |gateway| {
        let mut graph = Graph::new();
        let file = MkfileAction::new("/stages.yaml", 0o644, "given: by a definition\n");
        let file = graph.add(FileOp::chain(None, [file]), Metadata::default()).unwrap();
        let input = graph.definition(Some(file.root())).unwrap();
        let options = [("source", &*source), ("target", "told"), ("filename", "stages.yaml")];
        let solve = FrontendSolve {
            frontend: "gateway.v0".to_owned(),
            options: options.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
            inputs: [("dockerfile".to_owned(), input)].into(),
            ..FrontendSolve::default()
        };
        gateway.solve_frontend(&solve).await
    })
    .await;
    let told: Value = serde_json::from_slice(&told.metadata["frontend.told"]).unwrap();
    assert_eq!(told["text"], "given: by a definition");
}

#[tokio::test]
async fn attestations_hang_on_an_index() {
    let build = |b: &Build, (): ()| Targets::new().product(b.runtime("app", Scratch).file("/id", unique()));
    let (repository, directory) = ("tests/attested-index", tempfile::tempdir().unwrap());
    let options = BuildOptions::new(directory.path())
        .push()
        .tag(image_name(repository, "1"))
        .attest("provenance", "mode=max");
    build_plan(&plan(build, &[]).unwrap(), &options).await.expect_success();
    let registry = &Environment::get().registry;
    let index = registry.manifest(repository, "1").unwrap().unwrap();
    let (name, digest) = (format!("docker-image://{}", image_name(repository, "1")), index.digest.clone());
    let asked = |name: &str| SourceRequest {
        attestations: Some(AttestationRequest {
            index: index.bytes.clone().into(),
            content: vec!["https://slsa.dev/provenance/v1".to_owned()],
        }),
        ..image(name)
    };
    let pinned = asked(&format!("{name}@{digest}"));
    let (refused, meta) = with_gateway(async |gateway| {
        let refused = gateway.resolve_source(&asked(&name)).await.unwrap_err();
        Ok((refused, gateway.resolve_source(&pinned).await?))
    })
    .await;
    assert!(refused.message().contains("name the image by its index"), "{refused}");
    let SourceState::Image { attestations: Some(chain), .. } = &meta.state else { panic!("{meta:?}") };
    assert_eq!(chain.root, digest);
    assert!(chain.blobs.contains_key(&chain.attestation), "{chain:?}");
}
