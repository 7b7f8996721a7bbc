//! What comes out of a build: tar archives, directories, images.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use buildkit_client::session::filesend::{ExportTarget, Exports};
use buildkit_client::{BuildGateway, BuildRequest, Exporter, SessionOptions};
use buildkit_gateway::{GatewayError, GatewayResult, SolveOptions};

use super::{Shown, connect, evaluate, one_file};

#[tokio::test]
async fn a_result_is_read_and_exported_as_tar_and_as_directory() {
    let client = connect().await;
    let folder = tempfile::tempdir().unwrap();
    let (tar, tree) = (folder.path().join("out.tar"), folder.path().join("tree"));
    let exports = Exports::prepare([
        (0, ExportTarget::File(tar.clone())),
        (1, ExportTarget::Directory(tree.clone(), Default::default())),
    ])
    .unwrap();
    let session = client
        .session(SessionOptions::new().file_send(exports.service()))
        .await
        .unwrap();
    let definition = one_file("/hello.txt", "hello");
    let request = BuildRequest::new(&session)
        .exporter(Exporter::new("tar"))
        .exporter(Exporter::new("local"));

    let shown = Shown::default();
    let drive = async |gateway: BuildGateway| {
        let reference = gateway.solve(&definition, &SolveOptions::default()).await?;
        assert_eq!(gateway.read_file(&reference, "/hello.txt", None).await?, "hello");
        let stat = gateway.stat_file(&reference, "/hello.txt").await?;
        assert_eq!((stat.size, stat.mode), (5, 0o644));
        assert_eq!(gateway.read_dir(&reference, "/", None).await?.len(), 1);
        let absent = gateway.read_file(&reference, "/absent", None).await.unwrap_err();
        assert!(absent.message().contains("absent"), "{absent}");
        Ok::<_, GatewayError>(GatewayResult::single(reference))
    };
    let answer = client.build(request, shown.sink(), drive).await.unwrap();
    assert!(answer.status_error.is_none(), "{answer:?}");
    exports.commit().await.unwrap();
    session.close().await;

    assert_eq!(unpack(&tar)[Path::new("hello.txt")], b"hello");
    assert_eq!(fs::read(tree.join("hello.txt")).unwrap(), b"hello");
    let ours = definition.digests().next().unwrap().to_string();
    assert!(shown.digests().contains(&ours), "{ours} in {:?}", shown.digests());
}

#[tokio::test]
async fn an_image_is_exported_with_the_config_that_was_returned() {
    let client = connect().await;
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("image.tar");
    let exports = Exports::prepare([(0, ExportTarget::File(archive.clone()))]).unwrap();
    let session = client
        .session(SessionOptions::new().file_send(exports.service()))
        .await
        .unwrap();
    let config = r#"{"architecture":"amd64","os":"linux","config":{"Cmd":["/hello"]},"rootfs":{}}"#;
    let exporter = Exporter::new("oci").attr("name", "docker.io/library/hello:1");
    let definition = one_file("/hello", "hello");
    let drive = async |gateway: BuildGateway| {
        let reference = evaluate(&gateway, &definition).await?;
        Ok::<_, GatewayError>(
            GatewayResult::single(reference).with_metadata(buildkit_gateway::metadata::IMAGE_CONFIG, config),
        )
    };
    let request = BuildRequest::new(&session).exporter(exporter);
    let answer = client.build(request, drop, drive).await.unwrap();
    exports.commit().await.unwrap();

    let files = unpack(&archive);
    assert!(answer.image_digest().unwrap().starts_with("sha256:"));
    let config = answer.image_config_digest().unwrap().replace("sha256:", "blobs/sha256/");
    let config: serde_json::Value = serde_json::from_slice(&files[Path::new(&config)]).unwrap();
    assert_eq!(config["config"]["Cmd"], serde_json::json!(["/hello"]));
    session.close().await;
}

#[tokio::test]
async fn a_definition_is_solved_as_it_is() {
    let client = connect().await;
    let folder = tempfile::tempdir().unwrap();
    let tar = folder.path().join("out.tar");
    let exports = Exports::prepare([(0, ExportTarget::File(tar.clone()))]).unwrap();
    let session = client
        .session(SessionOptions::new().file_send(exports.service()))
        .await
        .unwrap();
    let request = BuildRequest::new(&session).exporter(Exporter::new("tar"));
    client.solve(&one_file("/solved", "yes"), request, drop).await.unwrap();
    exports.commit().await.unwrap();
    assert_eq!(unpack(&tar)[Path::new("solved")], b"yes");
    session.close().await;
}

fn unpack(tar: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut archive = tar::Archive::new(fs::File::open(tar).unwrap());
    let read = |entry: std::io::Result<tar::Entry<'_, fs::File>>| {
        let mut entry = entry.unwrap();
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut entry, &mut bytes).unwrap();
        (entry.path().unwrap().into_owned(), bytes)
    };
    archive.entries().unwrap().map(read).collect()
}
