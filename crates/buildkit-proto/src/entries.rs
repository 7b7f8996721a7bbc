//! Maps of the wire: from pairs to entries and back.
//!
//! A map is a list of entries, each a message with an optional key and value. Canonical bytes have the entries
//! sorted by key, each key once, with both fields present even if they are empty or zero; [`entries`] gives
//! exactly that. What comes from others may lack a field, or have a key twice: [`into_map`] and [`get`] read an
//! absent field as its default and let the last entry win, as the encoding of protobuf says.

use std::borrow::Borrow;
use std::collections::BTreeMap;

use bytes::Bytes;

use crate::{content, control, errdefs, exporter, fsutil, gateway, health};
use crate::{pb, policysession, secrets, sourcepolicy, worker};

/// One entry of a map of the wire.
///
/// Each map has an entry type of its own, in the module of its message: `pb::source_op::AttrsEntry` for the
/// attributes of a `pb::SourceOp`. The functions of this module find it by inference.
pub trait MapEntry: Sized {
    /// The type of the map's keys.
    type Key: Ord + Default;
    /// The type of the map's values.
    type Value: Default + Clone;

    /// An entry with both fields present.
    fn new(key: Self::Key, value: Self::Value) -> Self;

    /// Both fields as they are.
    fn as_pair(&self) -> (Option<&Self::Key>, Option<&Self::Value>);

    /// Both fields, an absent one as its default.
    fn into_pair(self) -> (Self::Key, Self::Value);
}

/// The entries of a map: sorted by key, each key once, both fields present.
///
/// Of pairs with the same key, the last one stays.
#[must_use]
pub fn entries<E, K, V>(pairs: impl IntoIterator<Item = (K, V)>) -> Vec<E>
where
    E: MapEntry,
    K: Into<E::Key>,
    V: Into<E::Value>,
{
    let map: BTreeMap<E::Key, E::Value> =
        pairs.into_iter().map(|(key, value)| (key.into(), value.into())).collect();
    map.into_iter().map(|(key, value)| E::new(key, value)).collect()
}

/// The map that a list of entries stands for.
#[must_use]
pub fn into_map<E: MapEntry>(entries: Vec<E>) -> BTreeMap<E::Key, E::Value> {
    entries.into_iter().map(E::into_pair).collect()
}

/// The value under one key of a list of entries.
#[must_use]
pub fn get<E, Q>(entries: &[E], key: &Q) -> Option<E::Value>
where
    E: MapEntry,
    E::Key: Borrow<Q>,
    Q: Ord + ?Sized,
{
    let absent = E::Key::default();
    let mut pairs = entries.iter().map(E::as_pair);
    let (_, value) = pairs.rfind(|(found, _)| found.unwrap_or(&absent).borrow() == key)?;
    Some(value.cloned().unwrap_or_default())
}

macro_rules! map_entries {
    ($($entry:ty: $key:ty => $value:ty,)*) => {$(
        impl MapEntry for $entry {
            type Key = $key;
            type Value = $value;

            fn new(key: $key, value: $value) -> Self {
                Self { key: Some(key), value: Some(value) }
            }

            fn as_pair(&self) -> (Option<&$key>, Option<&$value>) {
                (self.key.as_ref(), self.value.as_ref())
            }

            fn into_pair(self) -> ($key, $value) {
                (self.key.unwrap_or_default(), self.value.unwrap_or_default())
            }
        }
    )*};
}

map_entries! {
    content::info::LabelsEntry: String => String,
    content::write_content_request::LabelsEntry: String => String,
    control::build_history_record::ExporterResponseEntry: String => String,
    control::build_history_record::FrontendAttrsEntry: String => String,
    control::build_history_record::ResultsEntry: String => control::BuildResultInfo,
    control::build_result_info::ResultsEntry: i64 => control::Descriptor,
    control::cache_options::ExportAttrsDeprecatedEntry: String => String,
    control::cache_options_entry::AttrsEntry: String => String,
    control::descriptor::AnnotationsEntry: String => String,
    control::exporter::AttrsEntry: String => String,
    control::solve_request::ExporterAttrsDeprecatedEntry: String => String,
    control::solve_request::FrontendAttrsEntry: String => String,
    control::solve_request::FrontendInputsEntry: String => pb::Definition,
    control::solve_response::ExporterResponseEntry: String => String,
    errdefs::solve::DescriptionEntry: String => String,
    exporter::exporter_request::AttrsEntry: String => String,
    exporter::finalize_export_request::ExporterResponseEntry: String => String,
    exporter::find_exporters_request::MetadataEntry: String => Bytes,
    fsutil::stat::XattrsEntry: String => Bytes,
    gateway::attestation::MetadataEntry: String => Bytes,
    gateway::attestation_chain::BlobsEntry: String => gateway::Blob,
    gateway::cache_options_entry::AttrsEntry: String => String,
    gateway::descriptor::AnnotationsEntry: String => String,
    gateway::inputs_response::DefinitionsEntry: String => pb::Definition,
    gateway::ref_map::RefsEntry: String => gateway::Ref,
    gateway::ref_map_deprecated::RefsEntry: String => String,
    gateway::result::AttestationsEntry: String => gateway::Attestations,
    gateway::result::MetadataEntry: String => Bytes,
    gateway::solve_request::FrontendInputsEntry: String => pb::Definition,
    gateway::solve_request::FrontendOptEntry: String => String,
    health::health_list_response::StatusesEntry: String => health::HealthCheckResponse,
    pb::build_op::AttrsEntry: String => String,
    pb::build_op::InputsEntry: String => pb::BuildInput,
    pb::definition::MetadataEntry: String => pb::OpMetadata,
    pb::op_metadata::CapsEntry: String => bool,
    pb::op_metadata::DescriptionEntry: String => String,
    pb::source::LocationsEntry: String => pb::Locations,
    pb::source_op::AttrsEntry: String => String,
    policysession::check_policy_request::CapsEntry: String => bool,
    secrets::get_secret_request::AnnotationsEntry: String => String,
    sourcepolicy::update::AttrsEntry: String => String,
    worker::cdi_device::AnnotationsEntry: String => String,
    worker::worker_record::LabelsEntry: String => String,
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;
    use crate::control::build_result_info::ResultsEntry;

    #[test]
    fn entries_are_sorted_and_each_key_stands_once() {
        let attrs: Vec<pb::source_op::AttrsEntry> = entries([("b", "1"), ("a", "2"), ("b", "3")]);
        let pairs: Vec<(&str, &str)> = attrs.iter().map(|entry| (entry.key(), entry.value())).collect();
        assert_eq!(pairs, [("a", "2"), ("b", "3")]);
    }

    #[test]
    fn defaults_of_scalars_are_on_the_wire() {
        let source = pb::SourceOp { identifier: String::new(), attrs: entries([("k", "")]) };
        assert_eq!(source.encode_to_vec(), [0x12, 5, 0x0a, 1, b'k', 0x12, 0]);

        let metadata = pb::OpMetadata { caps: entries([("", false)]), ..Default::default() };
        assert_eq!(metadata.encode_to_vec(), [0x2a, 4, 0x0a, 0, 0x10, 0]);
    }

    #[test]
    fn empty_messages_are_on_the_wire() {
        let build =
            pb::BuildOp { inputs: entries([("k", pb::BuildInput { input: 0 })]), ..Default::default() };
        assert_eq!(build.encode_to_vec(), [0x12, 5, 0x0a, 1, b'k', 0x12, 0]);

        let refs = gateway::RefMap { refs: entries([("", gateway::Ref::default())]) };
        assert_eq!(refs.encode_to_vec(), [0x0a, 4, 0x0a, 0, 0x12, 0]);
    }

    #[test]
    fn absent_fields_read_as_defaults_and_the_last_entry_wins() {
        // {} {key "k", value "1"} {key "k"}, as a lenient writer may put them.
        let bytes = [0x12, 0, 0x12, 6, 0x0a, 1, b'k', 0x12, 1, b'1', 0x12, 3, 0x0a, 1, b'k'];
        let source = pb::SourceOp::decode(bytes.as_slice()).unwrap();
        assert_eq!(get(&source.attrs, ""), Some(String::new()));
        assert_eq!(get(&source.attrs, "k"), Some(String::new()));
        assert_eq!(get(&source.attrs, "other"), None);
        let map: BTreeMap<String, String> = into_map(source.attrs);
        assert_eq!(map.into_iter().collect::<Vec<_>>(), [("".into(), "".into()), ("k".into(), "".into())]);
    }

    #[test]
    fn integer_keys_sort_as_numbers() {
        let results: Vec<ResultsEntry> =
            entries([10, 2, -1].map(|index: i64| (index, control::Descriptor::default())));
        assert_eq!(results.iter().map(ResultsEntry::key).collect::<Vec<_>>(), [-1, 2, 10]);
    }

    #[test]
    fn names_of_files_need_not_be_utf_8() {
        let stat = fsutil::Stat { path: Bytes::from_static(b"caf\xe9"), ..Default::default() };
        let bytes = stat.encode_to_vec();
        assert_eq!(bytes, [0x0a, 4, b'c', b'a', b'f', 0xe9]);
        assert_eq!(fsutil::Stat::decode(bytes.as_slice()).unwrap(), stat);
    }
}
