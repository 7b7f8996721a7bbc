//! Names of registries: one registry goes by several in docker's files.

/// Docker Hub in docker's files, whatever it is called elsewhere.
pub(super) const HUB: &str = "https://index.docker.io/v1/";

/// What Docker Hub is called: in names of images, in docker's files, and by daemons.
const HUB_HOSTS: &[&str] = &["docker.io", "index.docker.io", "registry-1.docker.io"];

/// The key under which docker keeps a registry, and by which it asks credential helpers.
pub(crate) fn key(host: &str) -> &str {
    if is_hub(host) { HUB } else { host }
}

/// Whether a key of docker's files stands for the registry that a daemon calls `host`.
///
/// A key may have a scheme and a path (docker/cli `cli/config/credentials/file_store.go`). For Docker Hub all its
/// names are taken, where docker takes the one key alone; a path other than that of the API names something else
/// there, such as `https://index.docker.io/v1/access-token`.
pub(super) fn matches(key: &str, host: &str) -> bool {
    let rest = key.split_once("://").map_or(key, |(_, rest)| rest);
    let (name, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    if is_hub(host) {
        return is_hub(name) && matches!(path, "" | "/" | "/v1" | "/v1/" | "/v2" | "/v2/");
    }
    name.eq_ignore_ascii_case(host)
}

fn is_hub(host: &str) -> bool {
    HUB_HOSTS.iter().any(|name| name.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docker_hub_has_one_key() {
        for host in ["docker.io", "index.docker.io", "registry-1.docker.io"] {
            assert_eq!(key(host), HUB);
        }
        for host in ["localhost:5000", "registry.example", "hub.docker.io"] {
            assert_eq!(key(host), host);
        }
    }

    #[test]
    fn keys_may_have_a_scheme_and_a_path() {
        let check = |host: &str, yes: &[&str], no: &[&str]| {
            for key in yes {
                assert!(matches(key, host), "{key} is {host}");
            }
            for key in no {
                assert!(!matches(key, host), "{key} is not {host}");
            }
        };
        check(
            "registry.example",
            &[
                "registry.example",
                "https://registry.example",
                "http://registry.example/v2/",
                "Registry.Example/x",
            ],
            &["registry.example:443", "registry.example.org", "https://other/registry.example", "", "://"],
        );
        check(
            "r.example:5000",
            &["r.example:5000", "http://r.example:5000/v1/"],
            &["r.example", "r.example:50"],
        );
        check("[::1]:5000", &["[::1]:5000", "http://[::1]:5000/"], &["[::1]"]);
        check(
            "registry-1.docker.io",
            &[HUB, "docker.io", "index.docker.io/v1/", "https://registry-1.docker.io/v2/"],
            &["https://index.docker.io/v1/access-token", "hub.docker.com", "https://docker.io/v1/x"],
        );
    }
}
