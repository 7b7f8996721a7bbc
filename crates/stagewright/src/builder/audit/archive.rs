//! All that an image is, as an archive in the OCI layout: every blob is searched, layers file by file.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read, Seek as _, SeekFrom, Take};
use std::path::Path;

use buildkit_client::layout::Descriptor;
use buildkit_llb::Digest;
use flate2::bufread::MultiGzDecoder;
use serde::Deserialize;
use serde_json::Value;
use tar::{Archive, Entry};

use super::search::{Hit, Wanted};
use super::zstd::{self, Zstd};
use super::{AuditError, Leak, Place};

/// Largest document of an image that is read whole. Attestations are the largest, some megabytes.
const MAX_DOCUMENT: u64 = 256 << 20;

/// What an image consists of, and what was found in it.
#[derive(Debug, Default)]
pub(super) struct Searched {
    pub(super) layers: usize,
    /// Configs, manifests, indexes and attestations.
    pub(super) documents: usize,
    /// Bytes of files in layers, uncompressed, and of documents.
    pub(super) bytes: u64,
    pub(super) leaks: Vec<Leak>,
}

/// An archive that is being searched.
struct Image<'a> {
    wanted: &'a Wanted,
    file: File,
    /// Where files of the archive are: offset and length.
    entries: BTreeMap<String, (u64, u64)>,
    /// Files that were searched.
    seen: BTreeSet<String>,
    searched: Searched,
}

/// An index or a manifest; one of them has no `config` and no layers, the other no manifests.
#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    manifests: Vec<Descriptor>,
    config: Option<Descriptor>,
    #[serde(default)]
    layers: Vec<Descriptor>,
}

/// Searches an archive.
pub(super) fn search(path: &Path, wanted: &Wanted) -> Result<Searched, AuditError> {
    let read = |source| AuditError::Read { what: "what was built".to_owned(), source };
    let file = File::open(path).map_err(read)?;
    let entries = entries(&file).map_err(read)?;
    let mut image = Image { wanted, file, entries, seen: BTreeSet::new(), searched: Searched::default() };
    image.document("index.json")?;
    // What nothing points to is exported all the same.
    let others: Vec<String> = image
        .entries
        .keys()
        .filter(|name| !image.seen.contains(*name))
        .cloned()
        .collect();
    for name in others {
        image.document_alone(&name, |digest| Place::Document { digest })?;
    }
    Ok(image.searched)
}

impl Image<'_> {
    /// Searches an index or a manifest, and all that it points to.
    fn document(&mut self, name: &str) -> Result<(), AuditError> {
        let Some(text) = self.document_alone(name, |digest| Place::Document { digest })? else {
            return Ok(());
        };
        let failed =
            |source: serde_json::Error| AuditError::Read { what: name.to_owned(), source: source.into() };
        let document: Document = serde_json::from_slice(&text).map_err(failed)?;
        for manifest in &document.manifests {
            self.document(&blob(&manifest.digest))?;
        }
        if let Some(config) = document.config {
            self.config(&blob(&config.digest))?;
        }
        let layers = document.layers.len();
        for (number, layer) in (1..).zip(document.layers) {
            let name = blob(&layer.digest);
            // Compressed or not, a layer is a tar file; all else is a document.
            if layer.media_type.contains(".tar") {
                self.layer(&name, number, layers)?;
            } else {
                let predicate = layer.annotations.get("in-toto.io/predicate-type").cloned();
                let predicate = predicate.unwrap_or(layer.media_type);
                self.document_alone(&name, |_| Place::Attestation { predicate })?;
            }
        }
        Ok(())
    }

    /// Searches one file as it is; `None` if that has been done, or if it is not in the archive.
    fn document_alone(
        &mut self,
        name: &str,
        place: impl FnOnce(String) -> Place,
    ) -> Result<Option<Vec<u8>>, AuditError> {
        let Some(text) = self.read(name)? else { return Ok(None) };
        let place = place(short(name));
        self.found(self.wanted.in_bytes(&text), &place);
        Ok(Some(text))
    }

    /// Searches a config: its history apart from the rest.
    fn config(&mut self, name: &str) -> Result<(), AuditError> {
        let Some(text) = self.read(name)? else { return Ok(()) };
        // What is no JSON is searched as it is.
        let mut config: Value = serde_json::from_slice(&text).unwrap_or_default();
        let history = config.get_mut("history").map(Value::take);
        for (number, entry) in (1..).zip(history.as_ref().and_then(Value::as_array).into_iter().flatten()) {
            self.found(self.wanted.in_bytes(entry.to_string().as_bytes()), &Place::History { number });
        }
        let rest = if history.is_some() { config.to_string().into_bytes() } else { text };
        self.found(self.wanted.in_bytes(&rest), &Place::Config);
        Ok(())
    }

    fn layer(&mut self, name: &str, number: usize, layers: usize) -> Result<(), AuditError> {
        if !self.seen.insert(name.to_owned()) {
            return Ok(());
        }
        // A layer that a registry may not hand on is not in the archive: it is of the base image.
        let Some(stream) = self.open(name)? else { return Ok(()) };
        self.searched.layers += 1;
        let failed = |source| AuditError::Read { what: format!("layer {}", short(name)), source };
        let mut leaks = Vec::new();
        let mut bytes = 0;
        let mut archive = Archive::new(decompressed(stream).map_err(failed)?);
        for entry in archive.entries().map_err(failed)? {
            let mut entry = entry.map_err(failed)?;
            let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            bytes += entry.size();
            let mut hits = in_header(self.wanted, &mut entry).map_err(failed)?;
            hits.extend(self.wanted.in_stream(&mut entry).map_err(failed)?);
            leaks.extend(hits.into_iter().map(|hit| (hit, path.clone())));
        }
        self.searched.bytes += bytes;
        for (hit, path) in leaks {
            let path = self.wanted.shown(&path);
            self.found(BTreeSet::from([hit]), &Place::Layer { digest: short(name), number, layers, path });
        }
        Ok(())
    }

    fn found(&mut self, hits: BTreeSet<Hit>, place: &Place) {
        let leak = |(secret, form)| Leak { secret, form, place: place.clone() };
        self.searched.leaks.extend(hits.into_iter().map(leak));
    }

    /// A file of the archive that was not read before, whole.
    fn read(&mut self, name: &str) -> Result<Option<Vec<u8>>, AuditError> {
        if !self.seen.insert(name.to_owned()) {
            return Ok(None);
        }
        let Some(stream) = self.open(name)? else { return Ok(None) };
        let failed = |source| AuditError::Read { what: name.to_owned(), source };
        if stream.get_ref().limit() > MAX_DOCUMENT {
            return Err(failed(io::Error::other(format!("it has more than {MAX_DOCUMENT} bytes"))));
        }
        let mut text = Vec::new();
        { stream }.read_to_end(&mut text).map_err(failed)?;
        self.searched.documents += 1;
        self.searched.bytes += text.len() as u64;
        Ok(Some(text))
    }

    fn open(&self, name: &str) -> Result<Option<BufReader<Take<File>>>, AuditError> {
        let Some(&(offset, length)) = self.entries.get(name) else { return Ok(None) };
        let open = || {
            let mut file = self.file.try_clone()?;
            file.seek(SeekFrom::Start(offset))?;
            Ok(BufReader::new(file.take(length)))
        };
        open()
            .map(Some)
            .map_err(|source| AuditError::Read { what: name.to_owned(), source })
    }
}

/// Where the archive's files are.
fn entries(file: &File) -> io::Result<BTreeMap<String, (u64, u64)>> {
    let mut archive = Archive::new(file);
    let entries = archive.entries_with_seek()?.map(|entry| {
        let entry = entry?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        Ok((name, (entry.raw_file_position(), entry.size())))
    });
    let entries: io::Result<Vec<_>> = entries.collect();
    Ok(entries?.into_iter().filter(|(name, _)| !name.ends_with('/')).collect())
}

/// What stands in names, links and attributes of a file.
fn in_header<R: Read>(wanted: &Wanted, entry: &mut Entry<'_, R>) -> io::Result<BTreeSet<Hit>> {
    let mut hits = wanted.in_bytes(&entry.path_bytes());
    if let Some(link) = entry.link_name_bytes() {
        hits.extend(wanted.in_bytes(&link));
    }
    if let Some(extensions) = entry.pax_extensions()? {
        for extension in extensions {
            let extension = extension?;
            hits.extend(wanted.in_bytes(extension.key_bytes()));
            hits.extend(wanted.in_bytes(extension.value_bytes()));
        }
    }
    Ok(hits)
}

/// The tar file of a layer, by its first bytes: gzip (RFC 1952), zstd (RFC 8878), or as it is.
fn decompressed(mut stream: BufReader<Take<File>>) -> io::Result<Box<dyn Read>> {
    let begin = stream.fill_buf()?;
    if begin.starts_with(&[0x1f, 0x8b]) {
        return Ok(Box::new(MultiGzDecoder::new(stream)));
    }
    if begin.starts_with(&zstd::MAGIC) {
        return Ok(Box::new(Zstd::new(stream)));
    }
    Ok(Box::new(stream))
}

/// The file of a blob in the layout.
fn blob(digest: &Digest) -> String {
    format!("blobs/{}", digest.to_string().replace(':', "/"))
}

/// A blob's file as people write digests.
fn short(name: &str) -> String {
    name.strip_prefix("blobs/").map_or_else(
        || name.to_owned(),
        |digest| digest.replace('/', ":").chars().take("sha256:".len() + 12).collect(),
    )
}
