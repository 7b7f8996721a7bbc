//! OCI layouts on this machine: caches and images, which the daemon writes to and reads from.

use std::fs;

use buildkit_client::layout::{Layout, Name};
use buildkit_client::session::content::ContentStores;
use buildkit_client::{BuildGateway, BuildRequest, CacheExport, Exporter, SessionOptions};
use buildkit_gateway::{CacheImport, GatewayError, GatewayResult, SolveOptions};
use buildkit_llb::{Definition, ExecOp, Graph, ImageSource, Metadata, OciLayoutSource, Platform};

use super::{Shown, connect, evaluate, one_file};

#[tokio::test]
async fn an_image_is_exported_into_a_layout_and_built_upon() {
    let client = connect().await;
    let folder = tempfile::tempdir().unwrap();
    let layout = Layout::create(folder.path().join("layout")).unwrap();
    let stores = ContentStores::new().export(layout.clone());
    let session = client.session(SessionOptions::new().content(stores)).await.unwrap();
    let exporter = Exporter::new("oci")
        .attr("tar", "false")
        .attr("name", "docker.io/library/hello:1");
    let request = BuildRequest::new(&session).exporter(exporter);
    let definition = one_file("/hello", "hello from a layout");
    let answer = client.solve(&definition, request, drop).await.unwrap();

    let image = answer.image_descriptor().unwrap();
    let names = answer.image_names().map(|name| Name::Image(name.to_owned()));
    layout.put(&image, &names.collect::<Vec<_>>()).unwrap();
    assert_eq!(answer.image_digest().unwrap(), image.digest.to_string());
    assert_eq!(layout.find("docker.io/library/hello:1").unwrap().unwrap().digest, image.digest);

    // The manifest, its config and its layer: all there, and each what its name says.
    let manifest: serde_json::Value =
        serde_json::from_slice(&fs::read(layout.blob_path(&image.digest)).unwrap()).unwrap();
    let blobs = layout.digests().unwrap();
    for blob in [&manifest["config"], &manifest["layers"][0]] {
        let digest = blob["digest"].as_str().unwrap().parse().unwrap();
        assert!(blobs.contains(&digest), "{digest} in {blobs:?}");
        let content = fs::read(layout.blob_path(&digest)).unwrap();
        assert_eq!(buildkit_llb::Digest::of(&content), digest);
        assert_eq!(blob["size"], content.len());
    }

    // A second export of the same image finds everything there.
    let request = BuildRequest::new(&session).exporter(
        Exporter::new("oci")
            .attr("tar", "false")
            .attr("name", "docker.io/library/hello:1"),
    );
    let again = client.solve(&definition, request, drop).await.unwrap();
    assert_eq!(again.image_digest(), answer.image_digest());
    assert_eq!(layout.digests().unwrap(), blobs);
    session.close().await;

    // A build starts from it: the daemon reads the layout through another session, which calls it by another name.
    let stores = ContentStores::new().images("shelf", layout);
    let session = client.session(SessionOptions::new().content(stores)).await.unwrap();
    let name = format!("local/hello@{}", image.digest);
    let mut source = OciLayoutSource::new(name, Platform::new("linux", "amd64"));
    session.id().clone_into(&mut source.session);
    "shelf".clone_into(&mut source.store);
    let mut graph = Graph::new();
    let source = graph.add(source, Metadata::default()).unwrap();
    let definition = graph.definition(Some(source.root())).unwrap();
    let drive = async |gateway: BuildGateway| {
        let reference = evaluate(&gateway, &definition).await?;
        assert_eq!(gateway.read_file(&reference, "/hello", None).await?, "hello from a layout");
        Ok::<_, GatewayError>(GatewayResult::single(reference))
    };
    client.build(BuildRequest::new(&session), drop, drive).await.unwrap();
    session.close().await;
}

#[tokio::test]
async fn a_cache_is_written_to_a_directory_and_read_from_it() {
    let client = connect().await;
    let folder = tempfile::tempdir().unwrap();
    let dest = folder.path().join("cache");
    let dest = dest.to_str().unwrap();
    let layout = Layout::create(dest).unwrap();
    // Nobody has built this before, so the first build runs it.
    let definition = step(&format!("echo {} > /made", folder.path().display()));

    let stores = ContentStores::new().cache_to(dest, layout.clone());
    let session = client.session(SessionOptions::new().content(stores)).await.unwrap();
    let attrs = [("dest", dest), ("mode", "max")].map(|(key, value)| (key.to_owned(), value.to_owned()));
    let export = CacheExport { kind: "local".to_owned(), attrs: attrs.into() };
    let request = BuildRequest { cache_exports: vec![export], ..BuildRequest::new(&session) };
    let answer = client.solve(&definition, request, drop).await.unwrap();
    let manifest = answer.cache_manifest().expect("the daemon tells the cache's manifest");
    layout.put(&manifest, &[Name::Tag("latest".to_owned())]).unwrap();
    session.close().await;
    assert!(layout.digests().unwrap().contains(&manifest.digest));

    // Another session reads it, from a layout that it may not write to.
    let layout = Layout::open(dest).unwrap();
    let manifest = layout.find("latest").unwrap().unwrap();
    let stores = ContentStores::new().cache_from(dest, layout);
    let session = client.session(SessionOptions::new().content(stores)).await.unwrap();
    let digest = manifest.digest.to_string();
    let attrs = [("src", dest), ("digest", &digest)].map(|(key, value)| (key.to_owned(), value.to_owned()));
    let import = CacheImport { kind: "local".to_owned(), attrs: attrs.into() };
    let shown = Shown::default();
    let drive = async |gateway: BuildGateway| {
        let options =
            SolveOptions { evaluate: true, cache_imports: vec![import.clone()], ..SolveOptions::default() };
        let reference = gateway.solve(&definition, &options).await?;
        Ok::<_, GatewayError>(GatewayResult::single(reference))
    };
    client.build(BuildRequest::new(&session), shown.sink(), drive).await.unwrap();
    session.close().await;
    assert!(shown.completed("importing cache manifest from local:"), "{}", shown.names());
}

#[tokio::test]
async fn a_store_that_is_not_offered_is_named() {
    let client = connect().await;
    let folder = tempfile::tempdir().unwrap();
    let stores = ContentStores::new().cache_to("/elsewhere", Layout::create(folder.path()).unwrap());
    let session = client.session(SessionOptions::new().content(stores)).await.unwrap();
    let attrs = [("dest".to_owned(), "/here".to_owned())];
    let export = CacheExport { kind: "local".to_owned(), attrs: attrs.into() };
    let request = BuildRequest { cache_exports: vec![export], ..BuildRequest::new(&session) };
    let error = client.solve(&step("true"), request, drop).await.unwrap_err().to_string();
    session.close().await;
    assert!(error.contains(r#"no store "local:/here" is offered; there are: "local:/elsewhere""#), "{error}");
}

/// A step on a base image.
fn step(script: &str) -> Definition {
    let platform = Platform::new("linux", "amd64");
    let mut graph = Graph::new();
    let base = ImageSource::new("busybox".parse().unwrap(), platform.clone());
    let base = graph.add(base, Metadata::default()).unwrap();
    let step = ExecOp::new(Some(base.root()), ["/bin/sh", "-c", script], platform);
    let step = graph.add(step, Metadata::named("a step")).unwrap();
    graph.definition(Some(step.root())).unwrap()
}
