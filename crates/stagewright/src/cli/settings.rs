//! Arguments that say something for every step: hosts, limits, sizes, labels.

use std::collections::BTreeSet;
use std::net::IpAddr;

use buildkit_llb::{ExtraHost, Network, Ulimit};
use stagewright_plan::lower::{NoCache, Settings};

use super::args::{What, WhatNetwork};

/// An argument that does not read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{option} {given}` {why}")]
pub(super) struct SettingError {
    option: &'static str,
    given: String,
    why: &'static str,
}

/// All of them.
pub(super) fn settings(what: &What) -> Result<Settings, SettingError> {
    let each =
        |option, given: &[String]| given.iter().map(move |text| (option, text.clone())).collect::<Vec<_>>();
    let mut settings = Settings {
        no_cache: no_cache(what),
        cgroup_parent: what.cgroup_parent.clone().unwrap_or_default(),
        network: match what.network {
            None | Some(WhatNetwork::Default | WhatNetwork::Sandbox) => Network::Sandbox,
            Some(WhatNetwork::Host) => Network::Host,
            Some(WhatNetwork::None) => Network::None,
        },
        ..Settings::default()
    };
    let wrong =
        |(option, given): &(&'static str, String), why| SettingError { option, given: given.clone(), why };
    for given in each("--add-host", &what.hosts) {
        settings.extra_hosts.push(host(&given.1).map_err(|why| wrong(&given, why))?);
    }
    for given in each("--ulimit", &what.ulimits) {
        settings.ulimits.push(ulimit(&given.1).map_err(|why| wrong(&given, why))?);
    }
    for given in each("--label", &what.labels) {
        let (name, value) = given.1.split_once('=').unwrap_or((&given.1, ""));
        if name.is_empty() {
            return Err(wrong(&given, "has no name: write NAME=VALUE"));
        }
        settings.labels.insert(name.to_owned(), value.to_owned());
    }
    if let Some(given) = what.shm_size.clone().map(|size| ("--shm-size", size)) {
        settings.shm_size = bytes(&given.1).map_err(|why| wrong(&given, why))?;
    }
    Ok(settings)
}

fn no_cache(what: &What) -> NoCache {
    let stages: BTreeSet<String> = what.no_cache_filter.iter().cloned().collect();
    match (what.no_cache, stages.is_empty()) {
        (true, _) => NoCache::All,
        (false, true) => NoCache::None,
        (false, false) => NoCache::Stages(stages),
    }
}

/// `NAME=ADDRESS` or, as long known, `NAME:ADDRESS`.
fn host(text: &str) -> Result<ExtraHost, &'static str> {
    const FORM: &str = "is no host with its address: write NAME=ADDRESS, as in `db=10.0.0.2`";
    let (host, ip) = text.split_once('=').or_else(|| text.split_once(':')).ok_or(FORM)?;
    let ip = ip.trim_start_matches('[').trim_end_matches(']');
    let ip: IpAddr = ip.parse().map_err(|_| FORM)?;
    if host.is_empty() {
        return Err(FORM);
    }
    Ok(ExtraHost { host: host.to_lowercase(), ip })
}

/// `NAME=SOFT[:HARD]`.
fn ulimit(text: &str) -> Result<Ulimit, &'static str> {
    const FORM: &str = "is no limit: write NAME=SOFT:HARD, as in `nofile=1024:4096`";
    let (name, limits) = text.split_once('=').ok_or(FORM)?;
    let (soft, hard) = limits.split_once(':').unwrap_or((limits, limits));
    let number = |text: &str| text.parse::<i64>().map_err(|_| FORM);
    let limit = Ulimit { name: name.to_owned(), soft: number(soft)?, hard: number(hard)? };
    if limit.hard != -1 && (limit.soft == -1 || limit.soft > limit.hard) {
        return Err("has a soft limit above the hard one");
    }
    Ok(limit)
}

/// A number of bytes, with `k`, `m`, `g` or `t` for powers of 1024.
fn bytes(text: &str) -> Result<u64, &'static str> {
    const FORM: &str = "is no size: write a number of bytes, or one with k, m or g, as in `64m`";
    let text = text.to_lowercase();
    let text = text.strip_suffix('b').unwrap_or(&text);
    let text = text.strip_suffix('i').unwrap_or(text);
    let (digits, power) = match text.chars().last() {
        Some('k') => (&text[..text.len() - 1], 1),
        Some('m') => (&text[..text.len() - 1], 2),
        Some('g') => (&text[..text.len() - 1], 3),
        Some('t') => (&text[..text.len() - 1], 4),
        _ => (text, 0),
    };
    let number: u64 = digits.parse().map_err(|_| FORM)?;
    number
        .checked_mul(1024u64.pow(power))
        .filter(|size| i64::try_from(*size).is_ok())
        .ok_or(FORM)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_in_powers_of_1024() {
        for (text, expected) in [("64", 64), ("64b", 64), ("2k", 2048), ("64m", 64 << 20), ("1GiB", 1 << 30)]
        {
            assert_eq!(bytes(text), Ok(expected), "{text}");
        }
        for text in ["", "m", "-1", "1.5g", "99999999999t"] {
            assert!(bytes(text).is_err(), "{text}");
        }
    }

    #[test]
    fn hosts_have_addresses() {
        let check = |text: &str, name: &str, ip: &str| {
            assert_eq!(host(text), Ok(ExtraHost { host: name.to_owned(), ip: ip.parse().unwrap() }));
        };
        check("DB=10.0.0.2", "db", "10.0.0.2");
        check("db:10.0.0.2", "db", "10.0.0.2");
        check("db:::1", "db", "::1");
        check("db=[::1]", "db", "::1");
        for text in ["db", "=1.2.3.4", "db=host-gateway", "db="] {
            assert!(host(text).is_err(), "{text}");
        }
    }

    #[test]
    fn limits_are_soft_and_hard() {
        let check = |text: &str, soft: i64, hard: i64| {
            assert_eq!(ulimit(text), Ok(Ulimit { name: "nofile".to_owned(), soft, hard }));
        };
        check("nofile=10", 10, 10);
        check("nofile=10:20", 10, 20);
        check("nofile=10:-1", 10, -1);
        for text in ["nofile", "nofile=", "nofile=20:10", "nofile=a"] {
            assert!(ulimit(text).is_err(), "{text}");
        }
    }
}
