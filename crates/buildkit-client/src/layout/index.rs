//! `index.json`: what a layout holds, by name.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::PathBuf;

use buildkit_llb::Digest;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Layout, LayoutError};

const REF_NAME: &str = "org.opencontainers.image.ref.name";
const IMAGE_NAME: &str = "io.containerd.image.name";
const INDEX_TYPE: &str = "application/vnd.oci.image.index.v1+json";

/// What an index says of a manifest. Fields that are not known here are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What it is.
    pub media_type: String,
    /// Which blob.
    #[serde(with = "digest_text")]
    pub digest: Digest,
    /// Its bytes.
    pub size: u64,
    /// What is said about it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

/// What something in a layout is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Name {
    /// A tag alone, such as `latest`.
    Tag(String),
    /// The name of an image, such as `docker.io/library/app:1`.
    Image(String),
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Index {
    #[serde(default = "schema_version")]
    schema_version: u32,
    #[serde(default = "index_type")]
    media_type: String,
    #[serde(default)]
    manifests: Vec<Descriptor>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

impl Descriptor {
    /// A descriptor as JSON, in which form daemons answer.
    ///
    /// # Errors
    /// It is none.
    pub fn from_json(json: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(json)
    }
}

impl Layout {
    /// What is there under this name: the whole name of an image, or a tag.
    ///
    /// # Errors
    /// The index cannot be read. A layout without one holds nothing.
    pub fn find(&self, name: &str) -> Result<Option<Descriptor>, LayoutError> {
        let manifests = self.read_index()?.manifests;
        let named =
            |key: &str| manifests.iter().find(|it| it.annotations.get(key).is_some_and(|is| is == name));
        Ok(named(IMAGE_NAME).or_else(|| named(REF_NAME)).cloned())
    }

    /// All that its index names.
    ///
    /// # Errors
    /// The index cannot be read. A layout without one holds nothing.
    pub fn manifests(&self) -> Result<Vec<Descriptor>, LayoutError> {
        Ok(self.read_index()?.manifests)
    }

    /// Puts a manifest into the index under these names, each in place of what had that name.
    ///
    /// # Errors
    /// The index cannot be read or written, or another build writes it.
    pub fn put(&self, manifest: &Descriptor, names: &[Name]) -> Result<(), LayoutError> {
        let _lock = self.lock_index()?;
        let mut index = self.read_index()?;
        for name in names {
            let mut manifest = manifest.clone();
            let (image, reference) = match name {
                Name::Tag(tag) => (None, tag.clone()),
                Name::Image(image) => (Some(image.clone()), tag_of(image)),
            };
            if let Some(image) = &image {
                manifest.annotations.insert(IMAGE_NAME.to_owned(), image.clone());
            }
            index.manifests.retain(|other| {
                other.annotations.get(REF_NAME) != Some(&reference)
                    || other.annotations.get(IMAGE_NAME) != image.as_ref()
            });
            manifest.annotations.insert(REF_NAME.to_owned(), reference);
            index.manifests.push(manifest);
        }
        self.write_index(&index)
    }

    fn read_index(&self) -> Result<Index, LayoutError> {
        let path = self.index_path();
        match fs::read(&path) {
            Ok(json) => serde_json::from_slice(&json).map_err(|source| LayoutError::Index { path, source }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Index {
                schema_version: schema_version(),
                media_type: index_type(),
                manifests: Vec::new(),
                rest: Map::new(),
            }),
            Err(source) => Err(LayoutError::Io { path, source }),
        }
    }

    /// Readers find the old index or the new one, never a part.
    fn write_index(&self, index: &Index) -> Result<(), LayoutError> {
        let path = self.index_path();
        let write = || {
            let mut file = tempfile::Builder::new().prefix(".index-").tempfile_in(self.path())?;
            serde_json::to_writer(&mut file, index)?;
            super::put_in_place(file, &path)
        };
        write().map_err(|source| LayoutError::Io { path: path.clone(), source })
    }

    /// The lock that other clients take, too. It is given up with the file.
    fn lock_index(&self) -> Result<File, LayoutError> {
        let path = self.path().join("index.json.lock");
        let file = match File::options().write(true).create(true).truncate(false).open(&path) {
            Ok(file) => file,
            Err(source) => return Err(LayoutError::Io { path, source }),
        };
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(file),
            Err(Errno::WOULDBLOCK) => Err(LayoutError::Locked { path }),
            Err(errno) => Err(LayoutError::Io { path, source: errno.into() }),
        }
    }

    fn index_path(&self) -> PathBuf {
        self.path().join("index.json")
    }
}

/// What follows the repository in an image's name: its tag, or `@` and its digest; the whole name if nothing does.
fn tag_of(image: &str) -> String {
    let last = image.rfind('/').map_or(0, |slash| slash + 1);
    let separator = image[last..].find(['@', ':']);
    let rest = separator.map_or(image, |at| &image[last + at..]);
    rest.trim_start_matches(':').to_owned()
}

fn schema_version() -> u32 {
    2
}

fn index_type() -> String {
    INDEX_TYPE.to_owned()
}

/// Digests as JSON strings.
mod digest_text {
    use buildkit_llb::Digest;
    use serde::{Deserialize as _, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(digest: &Digest, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(digest)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Digest, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(content: &[u8]) -> Descriptor {
        let json = serde_json::json!({
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": Digest::of(content).to_string(),
            "size": content.len(),
            "platform": {"os": "linux"},
        });
        Descriptor::from_json(json.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn a_name_is_that_of_the_last_one_put() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::create(folder.path()).unwrap();
        assert_eq!(layout.find("latest").unwrap(), None);
        let app = || Name::Image("registry:5000/team/app:1".to_owned());
        layout.put(&manifest(b"a"), &[Name::Tag("latest".to_owned()), app()]).unwrap();
        layout.put(&manifest(b"b"), &[Name::Tag("latest".to_owned())]).unwrap();

        let digest = |name: &str| layout.find(name).unwrap().map(|manifest| manifest.digest);
        assert_eq!(digest("latest"), Some(Digest::of(b"b")));
        assert_eq!(digest("registry:5000/team/app:1"), Some(Digest::of(b"a")));
        assert_eq!(digest("1"), Some(Digest::of(b"a")), "an image is found by its tag, too");
        assert_eq!(digest("2"), None);
        assert_eq!(layout.manifests().unwrap().len(), 2);
    }

    #[test]
    fn what_is_not_known_here_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::create(folder.path()).unwrap();
        let path = layout.index_path();
        fs::write(&path, r#"{"schemaVersion":2,"manifests":[],"annotations":{"a":"b"}}"#).unwrap();
        layout.put(&manifest(b"a"), &[Name::Tag("t".to_owned())]).unwrap();
        let index: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        assert_eq!(index["annotations"]["a"], "b");
        assert_eq!(index["mediaType"], INDEX_TYPE);
        assert_eq!(index["manifests"][0]["platform"]["os"], "linux");
    }

    #[test]
    fn a_broken_or_locked_index_is_an_error_and_stays() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::create(folder.path()).unwrap();
        let lock = layout.lock_index().unwrap();
        let error = layout.put(&manifest(b"a"), &[]).unwrap_err().to_string();
        assert!(error.contains("another build writes to this layout"), "{error}");
        drop(lock);
        fs::write(layout.index_path(), "{\"manifests\": [1]}").unwrap();
        let error = layout.put(&manifest(b"a"), &[]).unwrap_err().to_string();
        assert!(error.contains("index.json is no OCI index: invalid type"), "{error}");
        assert_eq!(fs::read(layout.index_path()).unwrap(), b"{\"manifests\": [1]}");
    }

    #[test]
    fn the_tag_is_what_follows_the_last_name() {
        for (image, tag) in [
            ("docker.io/library/app:1", "1"),
            ("localhost:5000/app:x", "x"),
            ("app", "app"),
            ("localhost:5000/app", "localhost:5000/app"),
            ("app:1@sha256:00", "1@sha256:00"),
            ("app@sha256:00", "@sha256:00"),
        ] {
            assert_eq!(tag_of(image), tag, "{image}");
        }
    }
}
