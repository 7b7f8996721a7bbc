//! Definitions as JSON, for other programs.
//!
//! ```json
//! {
//!   "ops": [
//!     {
//!       "id": 0, "digest": "sha256:…", "kind": "exec", "name": "make all",
//!       "inputs": [{"op": 0, "output": 0}], "platform": "linux/amd64", "workers": ["…"],
//!       "title": "exec make all (linux/amd64)", "details": ["mount / #0 -> output 0"],
//!       "ignoreCache": true, "exportCache": false, "description": {"llb.customname": "…"}, "caps": ["…"],
//!       "progressGroup": {"id": "…", "name": "…", "weak": false}, "linuxResources": {"memory": 1},
//!       "locations": [{"file": "stages.rs", "ranges": [{"start": [3, 0], "end": [5, 0]}]}]
//!     }
//!   ],
//!   "result": {"op": 0, "output": 0}
//! }
//! ```
//!
//! Ops are in the order of the definition and numbered by it; `kind` is source, exec, file, merge, diff, build or
//! passthrough. `title` and `details` are the lines of the text. What is not said of an op is left out, but its
//! first five keys are always there; the definition of scratch has no ops and the result `null`. The same
//! definition always gives the same bytes, one op on a line.

use buildkit_proto::{Message as _, pb};

use super::{Positions, Reader, kind, name, titled};
use crate::{Definition, Metadata, Platform, go_json};

impl Definition {
    /// The definition as JSON with one op a line; nothing of an op's bytes is lost but what the text loses too.
    ///
    /// `jq '.ops[] | select(.kind == "exec") | .name'` lists what is run.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut json = String::from("{\"ops\":[");
        let reader = Reader::new(self);
        for position in 0..self.digests().len() {
            json.push_str(if position == 0 { "\n" } else { ",\n" });
            push_op(&mut json, self, &reader, position);
        }
        json.push_str("\n],\"result\":");
        match self
            .head()
            .and_then(|(digest, index)| Some((reader.positions.get(&digest)?, index)))
        {
            None => json.push_str("null"),
            Some((op, output)) => json.push_str(&format!("{{\"op\":{op},\"output\":{output}}}")),
        }
        json.push_str("}\n");
        json
    }
}

fn push_op(json: &mut String, definition: &Definition, reader: &Reader, position: usize) {
    let op = &definition.ops[position];
    // Every op was made here or decoded once before.
    let message = pb::Op::decode(op.bytes.clone()).unwrap_or_default();
    let mut object = Object::new(json);
    object.raw("id", &position.to_string());
    object.text("digest", &op.digest.to_string());
    object.text("kind", kind(&message));
    let metadata = definition.metadata.get(&op.digest);
    let custom = metadata.and_then(|metadata| metadata.custom_name()).map(str::to_owned);
    object.text("name", &custom.unwrap_or_else(|| name(message.op.as_ref())));
    object.raw("inputs", &array(message.inputs.iter().map(|input| input_json(input, &reader.positions))));
    let text = titled(&message, &reader.inputs(&message));
    if let Some(platform) = message.platform {
        object.text("platform", &Platform::from_pb(platform).to_string());
    }
    if let Some(constraints) = message.constraints.filter(|constraints| !constraints.filter.is_empty()) {
        object.raw("workers", &go_json::string_list(&constraints.filter));
    }
    object.text("title", &text.title);
    if !text.details.is_empty() {
        object.raw("details", &go_json::string_list(&text.details));
    }
    if let Some(metadata) = metadata {
        push_metadata(&mut object, metadata);
    }
    let locations = definition
        .source
        .locations
        .get(&op.digest)
        .into_iter()
        .flatten()
        .map(|location| {
            let file = definition
                .source
                .files
                .get(location.file)
                .map_or("", |file| file.filename.as_str());
            let ranges = array(location.ranges.iter().map(|range| {
                let (start, end) = (range.start, range.end);
                let place = |line, character| format!("[{line},{character}]");
                let (start, end) = (place(start.line, start.character), place(end.line, end.character));
                format!("{{\"start\":{start},\"end\":{end}}}")
            }));
            format!("{{\"file\":{},\"ranges\":{ranges}}}", go_json::string(file))
        });
    let locations = array(locations);
    if locations != "[]" {
        object.raw("locations", &locations);
    }
    object.end();
}

fn push_metadata(object: &mut Object<'_>, metadata: &Metadata) {
    if metadata.ignore_cache {
        object.raw("ignoreCache", "true");
    }
    if let Some(export) = metadata.export_cache {
        object.raw("exportCache", if export { "true" } else { "false" });
    }
    if !metadata.description.is_empty() {
        object.nested("description", |object| {
            for (key, text) in &metadata.description {
                object.text(key, text);
            }
        });
    }
    if !metadata.caps.is_empty() {
        object.raw("caps", &go_json::string_list(&metadata.caps.iter().collect::<Vec<_>>()));
    }
    if let Some(group) = &metadata.progress_group {
        object.nested("progressGroup", |object| {
            object.text("id", &group.id);
            object.text("name", &group.name);
            object.raw("weak", if group.weak { "true" } else { "false" });
        });
    }
    if let Some(limits) = &metadata.linux_resources {
        object.nested("linuxResources", |object| {
            for (name, value) in [
                ("memory", i128::from(limits.memory)),
                ("memorySwap", limits.memory_swap.into()),
                ("cpuShares", limits.cpu_shares.into()),
                ("cpuPeriod", limits.cpu_period.into()),
                ("cpuQuota", limits.cpu_quota.into()),
            ] {
                if value != 0 {
                    object.raw(name, &value.to_string());
                }
            }
            for (name, list) in [("cpusetCpus", &limits.cpuset_cpus), ("cpusetMems", &limits.cpuset_mems)] {
                if !list.is_empty() {
                    object.text(name, list);
                }
            }
        });
    }
}

/// An input that is not in the definition cannot be: it would not have been read.
fn input_json(input: &pb::Input, positions: &Positions) -> String {
    let op = input.digest.parse().ok().and_then(|digest| positions.get(&digest));
    let op = op.map_or_else(|| "null".to_owned(), |op| op.to_string());
    format!("{{\"op\":{op},\"output\":{}}}", input.index)
}

fn array(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(","))
}

/// A JSON object that is being written.
struct Object<'a> {
    json: &'a mut String,
    is_empty: bool,
}

impl<'a> Object<'a> {
    fn new(json: &'a mut String) -> Self {
        json.push('{');
        Self { json, is_empty: true }
    }

    fn key(&mut self, key: &str) {
        if !std::mem::replace(&mut self.is_empty, false) {
            self.json.push(',');
        }
        self.json.push_str(&go_json::string(key));
        self.json.push(':');
    }

    fn raw(&mut self, key: &str, value: &str) {
        self.key(key);
        self.json.push_str(value);
    }

    fn text(&mut self, key: &str, value: &str) {
        self.raw(key, &go_json::string(value));
    }

    fn nested(&mut self, key: &str, fill: impl FnOnce(&mut Object<'_>)) {
        self.key(key);
        let mut object = Object::new(self.json);
        fill(&mut object);
        object.end();
    }

    fn end(self) {
        self.json.push('}');
    }
}

#[cfg(test)]
mod tests {
    use crate::*;

    fn platform() -> Platform {
        Platform::new("linux", "amd64")
    }

    #[test]
    fn scratch_has_no_ops() {
        let json = Definition::default().to_json();
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(value, serde_json::json!({"ops": [], "result": null}));
    }

    #[test]
    fn every_op_is_an_object_on_a_line() {
        let mut graph = Graph::new();
        let image = ImageSource::new("busybox".parse().unwrap(), platform());
        let image = graph.add(image, Metadata::default()).unwrap();
        let metadata = Metadata {
            ignore_cache: true,
            export_cache: Some(false),
            progress_group: Some(ProgressGroup { id: "g".to_owned(), ..ProgressGroup::default() }),
            linux_resources: Some(LinuxResources { memory: 7, ..LinuxResources::default() }),
            ..Metadata::named("a \"name\"\n")
        };
        let exec = ExecOp::new(Some(image.root()), ["echo", "<b>"], platform());
        let exec = graph.add(Op::from(exec).on_workers(["a==b"]), metadata).unwrap();
        let file = graph.add_file(SourceFile { filename: "f.rs".to_owned(), ..SourceFile::default() });
        graph.locate(exec, file, vec![Range::lines(3, 5)]).unwrap();
        let definition = graph.definition(Some(exec.root())).unwrap();
        let json = definition.to_json();
        assert_eq!(json.lines().count(), 4);
        assert_eq!(Definition::decode(&definition.encode()).unwrap().to_json(), json);
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        let digest = |op| graph.digest(op).unwrap().to_string();
        let expected = serde_json::json!({
            "ops": [
                {
                    "id": 0, "digest": digest(image), "kind": "source",
                    "name": "docker-image://docker.io/library/busybox:latest", "inputs": [],
                    "platform": "linux/amd64",
                    "title": "source docker-image://docker.io/library/busybox:latest (linux/amd64)",
                    "caps": ["source.image"],
                },
                {
                    "id": 1, "digest": digest(exec), "kind": "exec", "name": "a \"name\"\n",
                    "inputs": [{"op": 0, "output": 0}], "platform": "linux/amd64", "workers": ["a==b"],
                    "title": "exec echo <b> (linux/amd64)",
                    "details": ["mount / #0 -> output 0", "worker a==b"],
                    "ignoreCache": true, "exportCache": false,
                    "description": {"llb.customname": "a \"name\"\n"},
                    "caps": ["exec.meta.base", "exec.meta.linux.resources", "exec.mount.bind"],
                    "progressGroup": {"id": "g", "name": "", "weak": false},
                    "linuxResources": {"memory": 7},
                    "locations": [{"file": "f.rs", "ranges": [{"start": [3, 0], "end": [5, 0]}]}],
                },
            ],
            "result": {"op": 1, "output": 0},
        });
        assert_eq!(value, expected, "{json}");
    }
}
