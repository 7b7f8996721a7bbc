//! Values of options that are more than a text.
//!
//! Each function gives what would be right where the value is not. Source: BuildKit v0.34
//! `frontend/dockerui/attr.go`, `frontend/attestations/parse.go`, `frontend/dockerfile/linter/linter.go`.

use std::collections::BTreeMap;
use std::net::IpAddr;

use buildkit_gateway::{CacheImport, ResolveMode};
use buildkit_llb::{ExtraHost, LinuxResources, Network, Platform, Ulimit};
use serde::Deserialize;

use super::csv;
use super::{CheckOptions, Epoch, NoCache, Provenance};

/// The largest number of a processor or memory node.
const MAX_CPU: u32 = 8192;

/// A value, or what would be right.
pub(super) type Parsed<T> = Result<T, String>;

/// What Go takes for a truth value.
pub(super) fn boolean(text: &str) -> Parsed<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err("use `true` or `false`".to_owned()),
    }
}

pub(super) fn platforms(text: &str) -> Parsed<Vec<Platform>> {
    let mut platforms = Vec::new();
    for one in text.split(',') {
        let platform: Platform = one.parse().map_err(|error| format!("{error}"))?;
        let platform = platform.normalized();
        if !platforms.contains(&platform) {
            platforms.push(platform);
        }
    }
    Ok(platforms)
}

pub(super) fn resolve_mode(text: &str) -> Parsed<ResolveMode> {
    match text {
        "" | "default" => Ok(ResolveMode::Default),
        "pull" => Ok(ResolveMode::Pull),
        "local" => Ok(ResolveMode::Local),
        _ => Err("use `default`, `pull` or `local`".to_owned()),
    }
}

pub(super) fn network(text: &str) -> Parsed<Network> {
    match text {
        "" | "sandbox" => Ok(Network::Sandbox),
        "host" => Ok(Network::Host),
        "none" => Ok(Network::None),
        _ => Err("use `none`, `host` or `sandbox`".to_owned()),
    }
}

pub(super) fn extra_hosts(text: &str) -> Parsed<Vec<ExtraHost>> {
    let host = |field: String| {
        let field = field.to_lowercase();
        let (host, ip) = field
            .split_once('=')
            .ok_or_else(|| format!("`{field}` has no `=`; use name=address"))?;
        let ip: IpAddr = ip.parse().map_err(|_| format!("`{ip}` is no IP address"))?;
        Ok(ExtraHost { host: host.to_owned(), ip })
    };
    list(text)?.into_iter().map(host).collect()
}

pub(super) fn ulimits(text: &str) -> Parsed<Vec<Ulimit>> {
    list(text)?.iter().map(|field| ulimit(field)).collect()
}

/// A number of bytes; 0 stands for none.
pub(super) fn size(text: &str) -> Parsed<Option<u64>> {
    match text.parse::<u64>() {
        Ok(0) => Ok(None),
        Ok(size) if i64::try_from(size).is_ok() => Ok(Some(size)),
        _ => Err("use a number of bytes".to_owned()),
    }
}

pub(super) fn positive<T: std::str::FromStr + Default + PartialOrd>(text: &str) -> Parsed<T> {
    match text.parse() {
        Ok(number) if number > T::default() => Ok(number),
        _ => Err("use a number above 0".to_owned()),
    }
}

pub(super) fn memory_swap(text: &str) -> Parsed<i64> {
    match text.parse() {
        Ok(number) if number == -1 || number > 0 => Ok(number),
        _ => Err("use a number of bytes, or -1 for no limit".to_owned()),
    }
}

/// A list of numbers and ranges: `0-3,7`.
pub(super) fn cpuset(text: &str) -> Parsed<String> {
    let number = |text: &str| text.trim().parse::<u32>().ok().filter(|number| *number <= MAX_CPU);
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let (low, high) = part.split_once('-').unwrap_or((part, part));
        match (number(low), number(high)) {
            (Some(low), Some(high)) if low <= high => {}
            _ => return Err(format!("`{part}` is neither a number up to {MAX_CPU} nor a range such as 0-3")),
        }
    }
    Ok(text.to_owned())
}

pub(super) fn no_cache(text: &str) -> NoCache {
    if text.is_empty() {
        return NoCache::All;
    }
    NoCache::Stages(text.split(',').map(|name| name.trim().to_owned()).collect())
}

pub(super) fn epoch(text: &str) -> Option<Epoch> {
    match text.parse() {
        Ok(seconds) => Some(Epoch::Seconds(seconds)),
        Err(_) if text.is_empty() => None,
        Err(_) => Some(Epoch::Of(text.to_owned())),
    }
}

pub(super) fn cache_imports(text: &str) -> Parsed<Vec<CacheImport>> {
    #[derive(Deserialize)]
    struct Import {
        #[serde(rename = "Type", alias = "type", default)]
        kind: String,
        #[serde(rename = "Attrs", alias = "attrs", default)]
        attrs: Option<BTreeMap<String, String>>,
    }
    let list: Option<Vec<Import>> = serde_json::from_str(text).map_err(|error| {
        format!("use a JSON list such as [{{\"Type\":\"registry\",\"Attrs\":{{}}}}]: {error}")
    })?;
    let imports = list.unwrap_or_default().into_iter();
    Ok(imports
        .map(|import| CacheImport { kind: import.kind, attrs: import.attrs.unwrap_or_default() })
        .collect())
}

/// Caches in registries, by their names.
pub(super) fn cache_from(text: &str) -> Vec<CacheImport> {
    let registry = |name: &str| CacheImport {
        kind: "registry".to_owned(),
        attrs: [("ref".to_owned(), name.to_owned())].into(),
    };
    text.split(',').filter(|name| !name.is_empty()).map(registry).collect()
}

/// Facts of an image that was given as a definition; bytes in base64.
pub(super) fn input_metadata(text: &str) -> Parsed<BTreeMap<String, Vec<u8>>> {
    use base64::Engine as _;
    let right = |error: &dyn std::fmt::Display| format!("use a JSON object of texts in base64: {error}");
    let map: BTreeMap<String, String> = serde_json::from_str(text).map_err(|error| right(&error))?;
    let decode = |(key, value): (String, String)| {
        let bytes = base64::engine::general_purpose::STANDARD.decode(value);
        bytes.map(|bytes| (key, bytes)).map_err(|error| right(&error))
    };
    map.into_iter().map(decode).collect()
}

/// `skip=a,b;error=true;experimental=all`
pub(super) fn check(text: &str) -> Parsed<CheckOptions> {
    let mut options = CheckOptions::default();
    let names = |value: &str| value.split(',').map(|name| name.trim().to_owned()).collect();
    for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
        match part.split_once('=').map(|(key, value)| (key.trim(), value.trim())) {
            Some(("skip", "all")) => options.skip_all = true,
            Some(("skip", value)) => options.skip = names(value),
            Some(("error", value)) => options.error = boolean(value)?,
            Some(("experimental", _)) => {}
            _ => return Err(format!("`{part}` is unknown; use `skip=…`, `error=…` or `experimental=…`")),
        }
    }
    Ok(options)
}

/// Something that the daemon attaches.
pub(super) enum Attestation {
    Sbom,
    Provenance(Provenance),
}

/// What of an attestation matters to a frontend. The daemon makes it, and judges the rest (BuildKit v0.34
/// `frontend/attestations/parse.go`, `solver/llbsolver/provenance.go`).
pub(super) fn attestation(kind: &str, text: &str) -> Parsed<Attestation> {
    let fields = list(text)?;
    match kind.to_lowercase().as_str() {
        "sbom" => Ok(Attestation::Sbom),
        "provenance" if fields.iter().any(|field| field == "mode=min") => {
            Ok(Attestation::Provenance(Provenance::Min))
        }
        "provenance" => Ok(Attestation::Provenance(Provenance::Max)),
        _ => Err(format!("`{kind}` is no attestation; use `sbom` or `provenance`")),
    }
}

/// Limits of which none was said are no limits.
pub(super) fn resources(resources: LinuxResources) -> Option<LinuxResources> {
    (resources != LinuxResources::default()).then_some(resources)
}

fn ulimit(field: &str) -> Parsed<Ulimit> {
    let right = || format!("`{field}` is no limit; use name=soft:hard, such as nofile=1024:2048");
    let (name, limits) = field.split_once('=').ok_or_else(right)?;
    if !Ulimit::NAMES.contains(&name) {
        return Err(format!("`{name}` is no limit; use one of: {}", Ulimit::NAMES.join(", ")));
    }
    let (soft, hard) = limits.split_once(':').unwrap_or((limits, limits));
    let number = |text: &str| text.parse::<i64>().map_err(|_| right());
    let (soft, hard) = (number(soft)?, number(hard)?);
    if hard != -1 && (soft == -1 || soft > hard) {
        return Err(format!("`{field}` has a soft limit above the hard one"));
    }
    Ok(Ulimit { name: name.to_owned(), soft, hard })
}

fn list(text: &str) -> Parsed<Vec<String>> {
    csv::fields(text).map_err(|error| format!("no comma-separated list: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ulimits_are_as_docker_reads_them() {
        let limits = ulimits("nofile=1024:2048,nproc=64,core=-1").unwrap();
        let all: Vec<_> = limits.iter().map(|it| (it.name.as_str(), it.soft, it.hard)).collect();
        assert_eq!(all, [("nofile", 1024, 2048), ("nproc", 64, 64), ("core", -1, -1)]);
        let say = |text| ulimits(text).unwrap_err();
        assert_eq!(say("nofile"), "`nofile` is no limit; use name=soft:hard, such as nofile=1024:2048");
        assert!(say("nofiles=1").starts_with("`nofiles` is no limit; use one of: core, cpu"));
        assert_eq!(say("nofile=3:2"), "`nofile=3:2` has a soft limit above the hard one");
        assert_eq!(say("nofile=-1:2"), "`nofile=-1:2` has a soft limit above the hard one");
        assert!(say("nofile=1:2:3").contains("use name=soft:hard"));
    }

    #[test]
    fn hosts_are_lower_case_and_have_addresses() {
        let hosts = extra_hosts("Db=10.0.0.1,six=::1").unwrap();
        assert_eq!((hosts[0].host.as_str(), hosts[1].ip.is_ipv6()), ("db", true));
        assert_eq!(extra_hosts("db=host-gateway").unwrap_err(), "`host-gateway` is no IP address");
    }

    #[test]
    fn processors_are_numbers_and_ranges() {
        assert_eq!(cpuset("0-3, 7").unwrap(), "0-3, 7");
        for wrong in ["3-1", "a", "0-99999", "-1"] {
            assert!(cpuset(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn numbers_have_bounds() {
        assert_eq!((size("0"), size("64")), (Ok(None), Ok(Some(64))));
        assert!(size("-1").is_err() && size("64m").is_err());
        assert_eq!((positive::<u64>("1"), memory_swap("-1")), (Ok(1), Ok(-1)));
        assert!(positive::<i64>("0").is_err() && positive::<u64>("x").is_err());
        assert!(memory_swap("0").is_err() && memory_swap("-2").is_err());
    }

    #[test]
    fn rules_can_be_left_out() {
        let options = check(" skip=A, b ;error=true").unwrap();
        assert_eq!((options.skip, options.error), (vec!["A".to_owned(), "b".to_owned()], true));
        assert!(check("skip=all").unwrap().skip_all);
        assert!(check("skips=a").is_err() && check("error=maybe").is_err());
    }

    #[test]
    fn facts_of_inputs_are_base64() {
        assert_eq!(input_metadata(r#"{"a":"e30="}"#).unwrap()["a"], b"{}");
        assert!(input_metadata(r#"{"a":"%"}"#).is_err());
    }
}
