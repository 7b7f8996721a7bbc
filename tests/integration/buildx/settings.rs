//! What is said on the command line for all steps, as the steps see it.

use std::fs;

use stagewright_tests::Buildx;

use super::{config, make, project};
use crate::client::ssh::Agent;
use crate::support::{directory, image, unique};

#[test]
fn a_secret_is_a_file_for_the_step() {
    let project = project("cat /run/secrets/token > /out", "secrets: token");
    let word = unique();
    fs::write(project.path().join("secret"), &word).unwrap();
    let source = format!("id=token,src={}", project.path().join("secret").display());
    assert_eq!(make(&project, &["--no-cache", "--secret", &source]).out(), word);
}

#[test]
fn a_step_asks_the_ssh_agent() {
    // Lists the keys (draft-miller-ssh-agent, SSH_AGENTC_REQUEST_IDENTITIES).
    const ASK: &str = r#"perl -MIO::Socket::UNIX -e '
        $agent = IO::Socket::UNIX->new($ENV{SSH_AUTH_SOCK}) or die $!;
        syswrite $agent, "\0\0\0\1\x0b" or die $!;
        read $agent, $length, 4 or die $!;
        read $agent, $answer, unpack("N", $length) or die $!;
        print unpack("H*", $answer)' > /out"#;
    let text = super::step(ASK, "ssh: default").replace("busybox:latest", "debian:bookworm-slim");
    let project = directory(&[("stages.yaml", &text)]);
    let agent = Agent::start();
    let given = format!("default={}", agent.socket().display());
    let made = make(&project, &["--no-cache", "--ssh", &given]);
    assert!(made.out().contains(&agent.key()), "{}", made.out());
}

#[test]
fn an_added_host_is_known_to_the_step() {
    let project = project("grep store /etc/hosts > /out", "");
    let made = make(&project, &["--add-host", "store:10.1.2.3"]);
    assert_eq!(made.out().split_whitespace().collect::<Vec<_>>(), ["10.1.2.3", "store"]);
}

#[test]
fn a_limit_is_set_for_the_step() {
    let project = project("{ ulimit -Sn; ulimit -Hn; } > /out", "");
    assert_eq!(make(&project, &["--ulimit", "nofile=321:654"]).out(), "321\n654");
}

#[test]
fn shared_memory_has_the_size_that_is_asked_for() {
    let project = project("df -k /dev/shm | awk 'END { print $2 }' > /out", "");
    assert_eq!(make(&project, &["--shm-size", "3m"]).out(), "3072");
}

#[test]
fn the_network_is_the_one_that_is_asked_for() {
    let project = project("ls /sys/class/net > /out", "");
    assert_eq!(make(&project, &["--network", "none"]).out(), "lo");
    // And else there is one.
    assert_ne!(make(&project, &[]).out(), "lo");
}

#[test]
fn a_label_is_in_the_image() {
    let project = project("echo > /out", "");
    let repository = "buildx/label";
    let name = image(repository, "1");
    let ended = Buildx::new()
        .build(project.path())
        .args([
            "-f",
            "stages.yaml",
            "--label",
            "org.example.team=blue",
            "--provenance=false",
            "--push",
            "-t",
            &*name,
        ])
        .run()
        .expect_success();
    let config = config(repository, "1");
    assert_eq!(config["config"]["Labels"]["org.example.team"], "blue", "{config:#}\n{ended}");
}
