//! What is said about an op beside the op itself: names, cache behaviour, limits, capabilities.
//!
//! None of it is part of the op's digest. Fields as in BuildKit v0.34 solver/pb/ops.proto `OpMetadata`.

use std::collections::BTreeMap;

use buildkit_proto::pb;

use crate::CapSet;

/// The description under which the daemon looks for a vertex's name.
const CUSTOM_NAME: &str = "llb.customname";

/// Everything that is said about an op.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// Run the op even if its result is cached; the ids of its cache mounts are emptied too.
    pub ignore_cache: bool,
    /// Texts by name.
    pub description: BTreeMap<String, String>,
    /// Whether the op's result is written to exported caches; `None` leaves it to the daemon.
    pub export_cache: Option<bool>,
    /// What the daemon must be able to do. [`Graph::add`](crate::Graph::add) adds what the op itself needs.
    pub caps: CapSet,
    /// The group in which progress displays show the op.
    pub progress_group: Option<ProgressGroup>,
    /// Limits of an exec's control group.
    pub linux_resources: Option<LinuxResources>,
}

/// Several ops that progress displays show as one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProgressGroup {
    /// What its members have in common.
    pub id: String,
    /// What is shown.
    pub name: String,
    /// The op joins only if another one carries the group too.
    pub weak: bool,
}

/// Limits of a control group; zero and empty mean no limit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinuxResources {
    /// Bytes.
    pub memory: i64,
    /// Bytes of memory and swap together.
    pub memory_swap: i64,
    /// Weight relative to other containers.
    pub cpu_shares: u64,
    /// Microseconds.
    pub cpu_period: u64,
    /// Microseconds per period.
    pub cpu_quota: i64,
    /// A list such as `0-3,7`.
    pub cpuset_cpus: String,
    /// A list of memory nodes, such as `0,1`.
    pub cpuset_mems: String,
}

impl Metadata {
    /// Metadata that gives the vertex a name in progress and errors.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self::default().described(CUSTOM_NAME, name)
    }

    /// The same with one more description.
    #[must_use]
    pub fn described(mut self, key: impl Into<String>, text: impl Into<String>) -> Self {
        self.description.insert(key.into(), text.into());
        self
    }

    /// The name given by [`Metadata::named`].
    #[must_use]
    pub fn custom_name(&self) -> Option<&str> {
        self.description.get(CUSTOM_NAME).map(String::as_str)
    }

    /// Adds what is said about an equal op elsewhere.
    ///
    /// Flags and sets are united; of two single values the other's, said later, wins.
    pub fn merge(&mut self, other: Self) {
        self.ignore_cache |= other.ignore_cache;
        self.description.extend(other.description);
        self.export_cache = other.export_cache.or(self.export_cache);
        self.caps.extend(other.caps);
        self.progress_group = other.progress_group.or_else(|| self.progress_group.take());
        self.linux_resources = other.linux_resources.or_else(|| self.linux_resources.take());
    }

    pub(crate) fn to_pb(&self) -> pb::OpMetadata {
        let description = self.description.iter().map(|(key, text)| pb::op_metadata::DescriptionEntry {
            key: Some(key.clone()),
            value: Some(text.clone()),
        });
        let caps = self
            .caps
            .iter()
            .map(|cap| pb::op_metadata::CapsEntry { key: Some(cap.to_owned()), value: Some(true) });
        pb::OpMetadata {
            ignore_cache: self.ignore_cache,
            description: description.collect(),
            export_cache: self.export_cache.map(|value| pb::ExportCache { value }),
            caps: caps.collect(),
            progress_group: self.progress_group.clone().map(ProgressGroup::into_pb),
            linux_resources: self.linux_resources.clone().map(LinuxResources::into_pb),
        }
    }

    /// Entries without key or value stand for empty ones, as in every protobuf map. A cap counts whether it
    /// is mapped to true or to false: the daemon looks at the names alone.
    pub(crate) fn from_pb(metadata: pb::OpMetadata) -> Self {
        let description = metadata.description.into_iter();
        let caps = metadata.caps.into_iter();
        Self {
            ignore_cache: metadata.ignore_cache,
            description: description
                .map(|e| (e.key.unwrap_or_default(), e.value.unwrap_or_default()))
                .collect(),
            export_cache: metadata.export_cache.map(|export| export.value),
            caps: caps.map(|entry| entry.key.unwrap_or_default()).collect(),
            progress_group: metadata.progress_group.map(ProgressGroup::from_pb),
            linux_resources: metadata.linux_resources.map(LinuxResources::from_pb),
        }
    }
}

impl ProgressGroup {
    fn into_pb(self) -> pb::ProgressGroup {
        pb::ProgressGroup { id: self.id, name: self.name, weak: self.weak }
    }

    fn from_pb(group: pb::ProgressGroup) -> Self {
        Self { id: group.id, name: group.name, weak: group.weak }
    }
}

impl LinuxResources {
    fn into_pb(self) -> pb::LinuxResources {
        pb::LinuxResources {
            memory: self.memory,
            memory_swap: self.memory_swap,
            cpu_shares: self.cpu_shares,
            cpu_period: self.cpu_period,
            cpu_quota: self.cpu_quota,
            cpuset_cpus: self.cpuset_cpus,
            cpuset_mems: self.cpuset_mems,
        }
    }

    fn from_pb(resources: pb::LinuxResources) -> Self {
        Self {
            memory: resources.memory,
            memory_swap: resources.memory_swap,
            cpu_shares: resources.cpu_shares,
            cpu_period: resources.cpu_period,
            cpu_quota: resources.cpu_quota,
            cpuset_cpus: resources.cpuset_cpus,
            cpuset_mems: resources.cpuset_mems,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> Metadata {
        Metadata {
            ignore_cache: true,
            description: BTreeMap::from([("b".to_owned(), String::new()), ("a".to_owned(), "x".to_owned())]),
            export_cache: Some(false),
            caps: CapSet::from_iter(["two", "one"]),
            progress_group: Some(ProgressGroup { id: "i".to_owned(), name: "n".to_owned(), weak: true }),
            linux_resources: Some(LinuxResources {
                memory: 1,
                cpuset_cpus: "0-3".to_owned(),
                ..Default::default()
            }),
        }
    }

    #[test]
    fn comes_back_from_the_wire() {
        for metadata in [Metadata::default(), full()] {
            assert_eq!(Metadata::from_pb(metadata.to_pb()), metadata);
        }
        let pb = full().to_pb();
        assert_eq!(pb.description[1].value.as_deref(), Some(""), "an empty value is written");
        assert_eq!(pb.caps[0].key.as_deref(), Some("one"), "entries are sorted");
    }

    #[test]
    fn merging_unites_and_the_later_value_wins() {
        let mut metadata = full();
        metadata.merge(Metadata::default());
        assert_eq!(metadata, full(), "nothing said changes nothing");

        metadata.merge(Metadata {
            ignore_cache: false,
            description: BTreeMap::from([("a".to_owned(), "y".to_owned()), ("c".to_owned(), "z".to_owned())]),
            export_cache: Some(true),
            caps: CapSet::from_iter(["three"]),
            progress_group: Some(ProgressGroup::default()),
            linux_resources: Some(LinuxResources::default()),
        });
        assert!(metadata.ignore_cache);
        assert_eq!(
            metadata.description.into_iter().map(|(k, v)| k + &v).collect::<Vec<_>>(),
            ["ay", "b", "cz"]
        );
        assert_eq!(metadata.export_cache, Some(true));
        assert_eq!(metadata.caps.into_iter().collect::<Vec<_>>(), ["one", "three", "two"]);
        assert_eq!(metadata.progress_group, Some(ProgressGroup::default()));
        assert_eq!(metadata.linux_resources, Some(LinuxResources::default()));
    }

    #[test]
    fn a_name_is_a_description() {
        let metadata = Metadata::named("RUN make").described("k", "v");
        assert_eq!(metadata.custom_name(), Some("RUN make"));
        assert_eq!(metadata.description["llb.customname"], "RUN make");
        assert_eq!(Metadata::default().custom_name(), None);
    }
}
