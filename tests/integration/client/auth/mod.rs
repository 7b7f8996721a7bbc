//! Credentials for registries: where they come from, and that each registry gets its own.

mod gate;
mod private;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use buildkit_client::docker_config::{Credential, DockerSource};
use buildkit_client::session::auth::Auth;
use buildkit_client::{BuildRequest, Client, Exporter, SessionOptions};
use buildkit_llb::{
    CopyAction, Definition, FileOp, Graph, ImageRef, ImageSource, Metadata, OpId, Platform, ResolveMode,
};
use tempfile::TempDir;

use super::{Shown, build, connect, one_file};
use crate::support::{run, unique};
use gate::Gate;
use private::{ADA, BOB, Private, User};

/// Pushes a file as an image.
async fn push(client: &Client, auth: Auth, image: &str) -> Result<(), String> {
    let session = client.session(SessionOptions::new().auth(auth)).await.unwrap();
    let exporter = Exporter::new("image").attr("name", image).attr("push", "true");
    let definition = one_file("/who", &unique());
    let request = BuildRequest::new(&session).exporter(exporter);
    let ended = build(client, request, &Shown::default(), &definition).await;
    session.close().await;
    ended.map(drop).map_err(|error| error.to_string())
}

/// Pulls images, all in one build.
async fn pull(client: &Client, auth: Auth, images: &[&str]) -> Result<(), String> {
    let session = client.session(SessionOptions::new().auth(auth)).await.unwrap();
    let request = BuildRequest::new(&session);
    let ended = build(client, request, &Shown::default(), &copying(images)).await;
    session.close().await;
    ended.map(drop).map_err(|error| error.to_string())
}

/// Copies from each image, so that all of them are fetched.
fn copying(images: &[&str]) -> Definition {
    let mut graph = Graph::new();
    let sources: Vec<OpId> = images
        .iter()
        .map(|image| {
            let reference: ImageRef = image.parse().unwrap();
            let mut source = ImageSource::new(reference, Platform::new("linux", "amd64"));
            source.resolve_mode = ResolveMode::Pull;
            graph.add(source, Metadata::named(format!("pull {image}"))).unwrap()
        })
        .collect();
    let copies: Vec<CopyAction> = sources
        .iter()
        .enumerate()
        .map(|(index, source)| CopyAction::new(source.root(), "/", format!("/{index}")))
        .collect();
    let copy = graph.add(FileOp::chain(None, copies), Metadata::named("copy")).unwrap();
    graph.definition(Some(copy.root())).unwrap()
}

fn config(json: &serde_json::Value) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("config.json"), json.to_string()).unwrap();
    folder
}

fn encoded(user: User) -> String {
    STANDARD.encode(format!("{}:{}", user.name, user.password))
}

/// Writes a program. Another process does it, since one that is forked here may hold the file open for writing.
fn script(folder: &Path, name: &str, text: &str) {
    let mut sh = Command::new("sh");
    sh.args(["-c", "printf '#!/bin/sh\\n%s\\n' \"$2\" > \"$1\" && chmod 755 \"$1\"", "sh"]);
    assert!(run(sh.arg(folder.join(name)).arg(text)).status.success());
}

#[tokio::test]
async fn credentials_of_the_file_push_and_pull() {
    let client = connect().await;
    let registry = Private::start(ADA);
    // As another tool may have written it: with a scheme and a path.
    let folder = config(&serde_json::json!({
        "auths": {format!("http://{}/v2/", registry.address()): {"auth": encoded(ADA)}},
    }));
    let auth = || Auth::docker(DockerSource::at(folder.path()));
    let image = registry.image("file");
    push(&client, auth(), &image).await.unwrap();
    pull(&client, auth(), &[&image]).await.unwrap();
}

#[tokio::test]
async fn wrong_credentials_and_none_are_refused_with_the_registrys_name() {
    let client = connect().await;
    let registry = Private::start(ADA);
    let image = registry.image("refused");
    let with = |password: &str| Auth::given([(registry.address(), Credential::password("ada", password))]);
    push(&client, with("hunter2"), &image).await.unwrap();
    // Others' credentials are not used: another session has pushed with the right ones.
    for auth in [Auth::anonymous(), with("guessed")] {
        let pushed = push(&client, auth.clone(), &image).await.unwrap_err();
        let pulled = pull(&client, auth, &[&image]).await.unwrap_err();
        for error in [pushed, pulled] {
            println!("{error}");
            assert!(error.contains(registry.address()), "{error}");
            assert!(!error.contains("guessed") && !error.contains("hunter2"), "{error}");
        }
    }
    pull(&client, with("hunter2"), &[&image]).await.unwrap();
}

#[tokio::test]
async fn two_registries_of_one_build_are_never_mixed_up() {
    let client = connect().await;
    let (first, second) = (Private::start(ADA), Private::start(BOB));
    // A helper for each, and a store that must not be asked.
    let helpers = tempfile::tempdir().unwrap();
    for (name, registry, user) in [("first", &first, ADA), ("second", &second, BOB)] {
        let answer = serde_json::json!({"ServerURL": "", "Username": user.name, "Secret": user.password});
        let text = format!(
            "test \"$(cat)\" = {} || {{ echo 'credentials not found in native keychain'; exit 1; }}\necho '{answer}'",
            registry.address()
        );
        script(helpers.path(), &format!("docker-credential-{name}"), &text);
    }
    let folder = config(&serde_json::json!({
        "credHelpers": {first.address(): "first", second.address(): "second"},
        "credsStore": "absent",
    }));
    let path = std::env::join_paths([helpers.path(), Path::new("/usr/bin"), Path::new("/bin")]).unwrap();
    let auth = || Auth::docker(DockerSource::at(folder.path()).search_path(&path));
    let images = [first.image("both"), second.image("both")];
    for image in &images {
        push(&client, auth(), image).await.unwrap();
    }
    pull(&client, auth(), &[&images[0], &images[1]]).await.unwrap();
}

#[tokio::test]
async fn a_helper_that_fails_spoils_its_registry_alone() {
    let client = connect().await;
    let (good, bad) = (Private::start(ADA), Private::start(BOB));
    let helpers = tempfile::tempdir().unwrap();
    script(helpers.path(), "docker-credential-rubbish", "echo hunter2 is no JSON");
    let mut json = serde_json::json!({
        "auths": {good.address(): {"auth": encoded(ADA)}},
        "credHelpers": {bad.address(): "rubbish"},
    });
    let auth = |json: &serde_json::Value| {
        let folder = config(json);
        (Auth::docker(DockerSource::at(folder.path()).search_path(helpers.path())), folder)
    };
    let (own, _folder) = auth(&json);
    push(&client, own.clone(), &good.image("good")).await.unwrap();
    let error = push(&client, own, &bad.image("bad")).await.unwrap_err();
    let expected = format!(
        "credentials for registry {}: the credential helper `docker-credential-rubbish` answered with",
        bad.address()
    );
    assert!(error.contains(&expected) && !error.contains("hunter2"), "{error}");

    json["credHelpers"][bad.address()] = "absent".into();
    let (own, _folder) = auth(&json);
    let error = push(&client, own, &bad.image("bad")).await.unwrap_err();
    assert!(error.contains("`docker-credential-absent` is not on PATH"), "{error}");
}

#[tokio::test]
async fn tokens_are_fetched_with_each_registrys_own_credentials() {
    let client = connect().await;
    let gate = |name: &str| {
        let token = format!("token-{name}-{}", unique());
        (Gate::start(&token, &encoded(ADA), &format!("refresh-{name}")), token)
    };
    let ((password, of_password), (refresh, of_refresh), (ready, of_ready)) =
        (gate("a"), gate("b"), gate("c"));
    let auth = Auth::given([
        (&password.address, Credential::password(ADA.name, ADA.password)),
        (&refresh.address, Credential::identity_token("refresh-b")),
        (&ready.address, Credential::registry_token(&of_ready)),
    ]);
    let images = [password.image(), refresh.image(), ready.image()];
    pull(&client, auth, &[&images[0], &images[1], &images[2]]).await.unwrap();

    let basic = format!("Basic {}", encoded(ADA));
    assert_eq!(password.seen(), [basic, format!("Bearer {of_password}")]);
    // The daemon tries a refresh token as a password first.
    let tried = format!("Basic {}", STANDARD.encode(":refresh-b"));
    assert_eq!(refresh.seen(), [tried, format!("Bearer {of_refresh}"), "refresh-b".to_owned()]);
    assert_eq!(ready.seen(), [format!("Bearer {of_ready}")]);

    // Another session has neither the credentials nor the tokens.
    for image in &images {
        let refused = pull(&client, Auth::anonymous(), &[image]).await.unwrap_err();
        assert!(refused.contains("127.0.0.1:"), "{refused}");
    }
}

#[tokio::test]
async fn a_session_that_ends_ends_its_helper() {
    let client = connect().await;
    let registry = Private::start(ADA);
    let helpers = tempfile::tempdir().unwrap();
    script(helpers.path(), "docker-credential-slow", "echo $$ > \"${0%/*}/pid\"; exec sleep 600");
    let folder = config(&serde_json::json!({"credsStore": "slow"}));
    let path = std::env::join_paths([helpers.path(), Path::new("/usr/bin"), Path::new("/bin")]).unwrap();
    let auth = Auth::docker(DockerSource::at(folder.path()).search_path(path));
    let pid = || {
        fs::read_to_string(helpers.path().join("pid"))
            .ok()
            .filter(|text| text.ends_with('\n'))
    };
    let (start, image) = (Instant::now(), registry.image("slow"));
    tokio::select! {
        ended = push(&client, auth, &image) => panic!("{ended:?}"),
        () = async { while pid().is_none() { tokio::time::sleep(Duration::from_millis(20)).await } } => {}
    }
    let pid = pid().unwrap();
    let process = Path::new("/proc").join(pid.trim());
    let runs = || fs::read_to_string(process.join("stat")).is_ok_and(|stat| !stat.contains(") Z "));
    let ended = Instant::now();
    while runs() {
        assert!(ended.elapsed() < Duration::from_secs(5), "the helper {pid} still runs");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}
