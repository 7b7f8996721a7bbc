//! A definition as both sides say it, and how two of them differ.

use std::collections::BTreeMap;
use std::fmt::{Debug, Write as _};

use buildkit_llb::{Definition, Metadata};
use buildkit_proto::pb;
use serde::Deserialize;

use stagewright_tests::{hex, unhex};

/// Every part of a definition.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
pub(crate) struct Answer {
    /// Why there is no definition; else empty.
    #[serde(default)]
    error: String,
    ops: Vec<OpBytes>,
    metadata: BTreeMap<String, OpMetadata>,
    files: Vec<File>,
    locations: BTreeMap<String, Vec<Location>>,
}

#[derive(Clone, Debug, Deserialize, PartialEq)]
struct OpBytes {
    digest: String,
    hex: String,
}

#[derive(Clone, Debug, Deserialize, PartialEq)]
struct OpMetadata {
    caps: Vec<String>,
    description: BTreeMap<String, String>,
    ignore_cache: bool,
    export_cache: Option<bool>,
    progress_group: Option<ProgressGroup>,
    linux_resources: Option<LinuxResources>,
}

#[derive(Clone, Debug, Deserialize, PartialEq)]
struct ProgressGroup {
    id: String,
    name: String,
    weak: bool,
}

#[derive(Clone, Debug, Deserialize, PartialEq)]
struct LinuxResources {
    memory: i64,
    memory_swap: i64,
    cpu_shares: u64,
    cpu_period: u64,
    cpu_quota: i64,
    cpuset_cpus: String,
    cpuset_mems: String,
}

#[derive(Clone, Debug, Deserialize, PartialEq)]
struct File {
    filename: String,
    language: String,
    data: String,
    definition: Option<Box<Answer>>,
}

#[derive(Clone, Debug, Deserialize, PartialEq)]
struct Location {
    file: usize,
    ranges: Vec<Range>,
}

#[derive(Clone, Debug, Deserialize, PartialEq)]
struct Range {
    start: Position,
    end: Position,
}

#[derive(Clone, Debug, Deserialize, PartialEq)]
struct Position {
    line: i32,
    character: i32,
}

impl From<&Definition> for Answer {
    fn from(definition: &Definition) -> Self {
        let ops = definition.ops().iter();
        let files = definition.source().files.iter();
        let locations = definition.source().locations.iter();
        Self {
            error: String::new(),
            ops: ops
                .map(|op| OpBytes { digest: op.digest.to_string(), hex: hex(&op.bytes) })
                .collect(),
            metadata: definition
                .metadata()
                .iter()
                .map(|(op, data)| (op.to_string(), data.as_ref().into()))
                .collect(),
            files: files
                .map(|file| File {
                    filename: file.filename.clone(),
                    language: file.language.clone(),
                    data: String::from_utf8_lossy(&file.data).into_owned(),
                    definition: file.definition.as_ref().map(|definition| Box::new(definition.into())),
                })
                .collect(),
            locations: locations
                .map(|(op, there)| (op.to_string(), there.iter().map(Into::into).collect()))
                .collect(),
        }
    }
}

impl From<&Metadata> for OpMetadata {
    fn from(metadata: &Metadata) -> Self {
        Self {
            caps: metadata.caps.iter().map(str::to_owned).collect(),
            description: metadata.description.clone(),
            ignore_cache: metadata.ignore_cache,
            export_cache: metadata.export_cache,
            progress_group: metadata.progress_group.as_ref().map(|group| ProgressGroup {
                id: group.id.clone(),
                name: group.name.clone(),
                weak: group.weak,
            }),
            linux_resources: metadata.linux_resources.as_ref().map(|limits| LinuxResources {
                memory: limits.memory,
                memory_swap: limits.memory_swap,
                cpu_shares: limits.cpu_shares,
                cpu_period: limits.cpu_period,
                cpu_quota: limits.cpu_quota,
                cpuset_cpus: limits.cpuset_cpus.clone(),
                cpuset_mems: limits.cpuset_mems.clone(),
            }),
        }
    }
}

impl From<&buildkit_llb::Location> for Location {
    fn from(location: &buildkit_llb::Location) -> Self {
        let position = |at: buildkit_llb::Position| Position { line: at.line, character: at.character };
        let ranges = location.ranges.iter();
        Self {
            file: location.file,
            ranges: ranges
                .map(|range| Range { start: position(range.start), end: position(range.end) })
                .collect(),
        }
    }
}

impl Answer {
    /// That there is no definition.
    pub(crate) fn refused(error: impl Into<String>) -> Self {
        Self { error: error.into(), ..Self::default() }
    }

    /// The first difference, and both sides as text; `None` if there is none.
    pub(crate) fn difference(&self, theirs: &Self) -> Option<String> {
        let first = self.first_difference(theirs)?;
        Some(format!("{first}\n--- ours\n{}--- Go's\n{}", self.text(), theirs.text()))
    }

    fn first_difference(&self, theirs: &Self) -> Option<String> {
        None.or_else(|| differ("error", &self.error, &theirs.error))
            .or_else(|| differ_at("op", &self.ops, &theirs.ops))
            .or_else(|| differ("metadata", &self.metadata, &theirs.metadata))
            .or_else(|| differ("locations", &self.resolved(), &theirs.resolved()))
            .or_else(|| differ("files", &self.sorted_files(), &theirs.sorted_files()))
    }

    /// Locations with the files that they name. The Go client numbers files as it comes to an op, also one that it
    /// leaves out because an equal one is there; here the ops of the definition alone decide.
    fn resolved(&self) -> BTreeMap<&String, Vec<(&str, &[Range])>> {
        let file = |location: &Location| self.files.get(location.file).map_or("", |file| &file.filename);
        let locations = self.locations.iter();
        locations
            .map(|(op, there)| (op, there.iter().map(|it| (file(it), it.ranges.as_slice())).collect()))
            .collect()
    }

    fn sorted_files(&self) -> BTreeMap<&str, &File> {
        self.files.iter().map(|file| (file.filename.as_str(), file)).collect()
    }

    fn text(&self) -> String {
        let def = self.ops.iter().map(|op| unhex(&op.hex).into()).collect();
        match Definition::from_pb(pb::Definition { def, ..pb::Definition::default() }) {
            Ok(definition) => definition.to_string(),
            Err(error) => format!("{error}\n"),
        }
    }
}

fn differ<T: Debug + PartialEq>(what: &str, ours: &T, theirs: &T) -> Option<String> {
    (ours != theirs).then(|| {
        let mut text = format!("{what} differ:");
        let (ours, theirs) = (format!("{ours:#?}"), format!("{theirs:#?}"));
        let at = ours
            .lines()
            .zip(theirs.lines())
            .take_while(|(ours, theirs)| ours == theirs)
            .count();
        for (side, lines) in [("ours", ours), ("Go's", theirs)] {
            let lines: Vec<&str> = lines.lines().skip(at.saturating_sub(3)).take(8).collect();
            // Writing to a string does not fail.
            let _ = write!(text, "\n{side} from line {at}:\n{}", lines.join("\n"));
        }
        text
    })
}

fn differ_at<T: Debug + PartialEq>(what: &str, ours: &[T], theirs: &[T]) -> Option<String> {
    if let Some(at) = (0..ours.len().min(theirs.len())).find(|&at| ours[at] != theirs[at]) {
        return differ(&format!("{what}s at {at}"), &ours[at], &theirs[at]);
    }
    differ(&format!("numbers of {what}s"), &ours.len(), &theirs.len())
}
