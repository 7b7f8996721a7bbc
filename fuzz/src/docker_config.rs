//! Docker's `config.json`, and what it knows of registries.

use buildkit_client::docker_config::{DockerConfig, Found};

/// Reads a `config.json` up to the first zero byte, and asks for registries, one in each line behind it.
///
/// Every question has one answer, white space before the text changes none, no credential that is found is empty, and
/// no error has control characters in it.
pub fn docker_config(data: &[u8]) {
    let (text, hosts) = match data.iter().position(|byte| *byte == 0) {
        Some(end) => (&data[..end], &data[end + 1..]),
        None => (data, &b"registry-1.docker.io\nlocalhost:5000"[..]),
    };
    let config = match DockerConfig::parse(text) {
        Ok(config) => config,
        Err(error) => return is_discreet(&error.to_string()),
    };
    let moved = DockerConfig::parse(&[b" \n\t", text].concat()).expect("white space says nothing");
    for host in String::from_utf8_lossy(hosts).lines() {
        let found = config.find(host);
        assert_eq!(moved.find(host), found);
        match found {
            Ok(Found::Credential(credential)) => assert!(!credential.is_empty()),
            Ok(Found::Helper { name, .. }) => assert!(!name.is_empty()),
            Ok(Found::Nothing) => {}
            Err(error) => is_discreet(&error.to_string()),
        }
    }
}

fn is_discreet(message: &str) {
    assert!(!message.chars().any(char::is_control), "{message:?}");
}
