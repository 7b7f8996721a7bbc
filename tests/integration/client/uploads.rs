//! What goes into a build: local directories.

use std::fs;

use buildkit_client::session::filesync::{FileSync, LocalDir};
use buildkit_client::{BuildGateway, BuildRequest, SessionOptions};
use buildkit_gateway::{GatewayError, GatewayResult};
use buildkit_llb::{CopyAction, FileInput, FileOp, Graph, LocalIdentity, LocalSource, Metadata};

use super::{Shown, connect, evaluate};

#[tokio::test]
async fn a_local_directory_is_uploaded_once_for_two_builds() {
    let client = connect().await;
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("src")).unwrap();
    fs::write(folder.path().join("src/main.rs"), "fn main() {}").unwrap();
    fs::write(folder.path().join("ignored.log"), "no").unwrap();
    let files = FileSync::new([("context", LocalDir::open(folder.path()).unwrap())]);
    let options = SessionOptions::new().shared_key("integration").file_sync(files);
    let session = client.session(options).await.unwrap();

    let mut graph = Graph::new();
    let mut local = LocalSource::new("context", LocalIdentity::Session(session.id().to_owned()));
    // Patterns travel as headers: far more of them than the 8 KiB that are usual for headers.
    local.exclude = (0..20_000).map(|number| format!("unused/{number}")).collect();
    local.exclude.push("*.log".into());
    let local = graph.add(local, Metadata::named("load the context")).unwrap();
    let mut copy = FileOp::default();
    copy.push(FileInput::Scratch, CopyAction::new(local.root(), "/", "/"));
    let copied = graph.add(copy, Metadata::named("copy")).unwrap();
    let definition = graph.definition(Some(copied.root())).unwrap();

    let drive = async |gateway: BuildGateway| {
        let reference = evaluate(&gateway, &definition).await?;
        assert_eq!(gateway.read_file(&reference, "/src/main.rs", None).await?, "fn main() {}");
        let names = gateway.read_dir(&reference, "/", None).await?;
        assert_eq!(names.iter().map(|stat| &stat.path[..]).collect::<Vec<_>>(), [b"src"]);
        Ok::<_, GatewayError>(GatewayResult::single(reference))
    };
    let shown = Shown::default();
    let one = client.build(BuildRequest::new(&session), shown.sink(), drive);
    let two = client.build(BuildRequest::new(&session), drop, drive);
    let (one, two) = tokio::join!(one, two);
    one.unwrap();
    two.unwrap();
    assert!(shown.started("load the context"));
    session.close().await;
}
