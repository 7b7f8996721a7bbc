//! What a session is asked that it does not serve, and asked at the limits.

use buildkit_client::SessionOptions;
use buildkit_client::session::filesync::{FileSync, LocalDir};
use buildkit_client::session::secrets::{Secret, Secrets};
use buildkit_proto::auth::auth_client::AuthClient;
use buildkit_proto::auth::{CredentialsRequest, FetchTokenRequest};
use buildkit_proto::health::HealthCheckRequest;
use buildkit_proto::health::health_client::HealthClient;
use buildkit_proto::secrets::GetSecretRequest;
use buildkit_proto::secrets::secrets_client::SecretsClient;
use buildkit_proto::ssh::CheckAgentRequest;
use buildkit_proto::ssh::ssh_client::SshClient;
use tonic::Code;
use tonic::transport::Channel;

use super::daemon::{Liar, Lies, MAX_MESSAGE};
use super::packets::{Transfer, finish};
use super::within;

fn secrets() -> SessionOptions {
    let value = Secret::value(*b"hunter2").unwrap();
    SessionOptions::new().secrets(Secrets::new().with("token", value))
}

async fn secret(channel: &Channel, id: String) -> Result<Vec<u8>, tonic::Status> {
    let request = GetSecretRequest { id, ..Default::default() };
    let mut client = SecretsClient::new(channel.clone()).max_encoding_message_size(2 * MAX_MESSAGE);
    let answer = within("a secret is answered", client.get_secret(request)).await?;
    Ok(answer.into_inner().data.to_vec())
}

#[tokio::test]
async fn only_secrets_of_the_build_are_told() {
    let liar = Liar::start(Lies::default());
    let (_client, _session, caller) = liar.session(secrets()).await;
    for id in ["", "Token", "token ", "../token", "/etc/shadow", "PATH", "token\0", "*"] {
        let status = secret(&caller.channel, id.to_owned()).await.unwrap_err();
        assert_eq!(status.code(), Code::NotFound, "{id:?}: {status}");
        assert!(status.message().contains(&format!("{id:?}")), "{status}");
        assert!(!status.message().contains("hunter2"));
    }
    // Every service takes messages up to the daemon's own limit.
    let status = secret(&caller.channel, "x".repeat(15 << 20)).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound, "{status}");
    assert!(status.message().len() < 64 << 10, "an id of megabytes is not repeated");
    let status = secret(&caller.channel, "x".repeat(17 << 20)).await.unwrap_err();
    assert_eq!(status.code(), Code::OutOfRange, "{status}");
    assert_eq!(secret(&caller.channel, "token".to_owned()).await.unwrap(), b"hunter2");
}

#[tokio::test]
async fn what_is_not_served_is_not_implemented_and_harms_nothing() {
    let liar = Liar::start(Lies::default());
    let (_client, session, caller) = liar.session(secrets()).await;
    let channel = || caller.channel.clone();
    let agent = SshClient::new(channel()).check_agent(CheckAgentRequest::default()).await;
    assert_eq!(agent.unwrap_err().code(), Code::Unimplemented);
    for method in [
        "/moby.filesync.v1.FileSync/DiffCopy",
        "/moby.filesync.v1.FileSend/DiffCopy",
        "/moby.buildkit.secrets.v1.Secrets/SetSecret",
        "/moby.buildkit.v1.Control/Prune",
        "/no.such.Service/Method",
        "/",
        "/..",
    ] {
        let Err(status) = Transfer::start(&caller.channel, method, &[]).await else { panic!("{method}") };
        assert_eq!(status.code(), Code::Unimplemented, "{method}: {status}");
    }
    let token = AuthClient::new(channel()).fetch_token(FetchTokenRequest::default()).await;
    assert!(token.is_err());
    assert!(!session.has_ended());
    let announced = caller.headers.get_all("x-docker-expose-session-grpc-method").iter();
    let announced: Vec<_> = announced.map(|method| method.to_str().unwrap()).collect();
    assert!(announced.contains(&"/grpc.health.v1.Health/Check"), "{announced:?}");
    assert!(!announced.iter().any(|method| method.contains("FileS")), "{announced:?}");
}

#[tokio::test]
async fn large_messages_reach_every_service() {
    let liar = Liar::start(Lies::default());
    let (_client, _session, caller) = liar.session(SessionOptions::new()).await;
    let large = || "x".repeat(15 << 20);
    let request = HealthCheckRequest { service: large() };
    let mut health = HealthClient::new(caller.channel.clone());
    within("health", health.check(request)).await.unwrap();
    let request = CredentialsRequest { host: large() };
    let mut auth = AuthClient::new(caller.channel.clone());
    let status = within("credentials", auth.credentials(request)).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument, "it is read, and is no host: {status}");
}

#[tokio::test]
async fn headers_of_sixteen_megabytes_are_taken() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("kept"), "").unwrap();
    let liar = Liar::start(Lies::default());
    let files = FileSync::new([("context", LocalDir::open(folder.path()).unwrap())]);
    let (_client, session, caller) = liar.session(SessionOptions::new().file_sync(files)).await;
    let sync = "/moby.filesync.v1.FileSync/DiffCopy";
    let patterns = |count: usize| -> Vec<(&'static str, String)> {
        let patterns =
            (0..count).map(|number| ("exclude-patterns", format!("{number:06}{}", "n".repeat(994))));
        [("dir-name", "context".to_owned())].into_iter().chain(patterns).collect()
    };
    // Nearly 16 MiB, with the 48 bytes each that HTTP/2 counts for name and overhead.
    let many = patterns(15_500);
    let headers: Vec<_> = many.iter().map(|(key, value)| (*key, value.as_str())).collect();
    let transfer = Transfer::start(&caller.channel, sync, &headers).await.unwrap();
    let (heard, status) = transfer.run([finish()]).await;
    assert!(status.is_none(), "{status:?}");
    assert!(!heard.is_empty());

    let mut health = HealthClient::new(caller.channel.clone());
    within("health", health.check(HealthCheckRequest::default())).await.unwrap();
    assert!(!session.has_ended());
}
