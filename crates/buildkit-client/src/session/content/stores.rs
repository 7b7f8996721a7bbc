//! The layouts that are offered, and what may be done with each.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::sync::{Arc, Mutex, PoisonError};

use buildkit_llb::Digest;
use buildkit_proto::content::Info;
use tonic::Status;
use tonic::metadata::MetadataMap;

use super::failed;
use crate::layout::Layout;

/// The header that names the store.
pub(super) const STORE_ID: &str = "buildkit-attachable-store-id";

/// Layouts that a daemon may use, by the names that it knows them by.
///
/// A name stands for one layout: given again, it stands for the last one, which is written to if that one was offered
/// for writing. A cache that is read from and written to under one name is one layout.
#[derive(Clone, Debug, Default)]
pub struct ContentStores {
    by_id: BTreeMap<String, Arc<Store>>,
}

/// One of them.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) id: String,
    pub(super) layout: Layout,
    writable: bool,
    /// The names of the writes that are under way.
    writing: Mutex<BTreeSet<String>>,
}

impl ContentStores {
    /// No layouts.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A layout that sources of the kind `oci-layout` read, by the name that they call their store.
    #[must_use]
    pub fn images(self, store: &str, layout: Layout) -> Self {
        self.with(format!("oci:{store}"), layout, false)
    }

    /// A layout that caches of the kind `local` are read from, by their attribute `src`.
    #[must_use]
    pub fn cache_from(self, src: &str, layout: Layout) -> Self {
        self.with(format!("local:{src}"), layout, false)
    }

    /// A layout that a cache of the kind `local` is written to, by its attribute `dest`.
    #[must_use]
    pub fn cache_to(self, dest: &str, layout: Layout) -> Self {
        self.with(format!("local:{dest}"), layout, true)
    }

    /// The layout that the exporters `oci` and `docker` write with `tar=false`. A build can have one only.
    #[must_use]
    pub fn export(self, layout: Layout) -> Self {
        self.with("export".to_owned(), layout, true)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// The last layout of a name counts, with its own rights. The same one, read and written, is both.
    fn with(mut self, id: String, layout: Layout, writable: bool) -> Self {
        let earlier = self.by_id.get(&id).filter(|store| store.layout.path() == layout.path());
        let writable = writable || earlier.is_some_and(|store| store.writable);
        let store = Store { id: id.clone(), layout, writable, writing: Mutex::default() };
        self.by_id.insert(id, Arc::new(store));
        self
    }

    pub(super) fn store(&self, headers: &MetadataMap) -> Result<Arc<Store>, Status> {
        let id = headers
            .get(STORE_ID)
            .map(|id| String::from_utf8_lossy(id.as_bytes()).into_owned());
        let id = id.ok_or_else(|| Status::invalid_argument(format!("the header {STORE_ID} is missing")))?;
        self.by_id.get(&id).cloned().ok_or_else(|| {
            let known: Vec<_> = self.by_id.keys().map(|id| format!("{id:?}")).collect();
            Status::not_found(format!("no store {id:?} is offered; there are: {}", known.join(", ")))
        })
    }

    pub(super) fn writable(&self, headers: &MetadataMap) -> Result<Arc<Store>, Status> {
        let store = self.store(headers)?;
        if store.writable { Ok(store) } else { Err(read_only(&store.id)) }
    }
}

impl Store {
    pub(super) fn info(&self, digest: &Digest) -> Result<Info, Status> {
        let (_, size) = self.open(digest)?;
        let size = i64::try_from(size).unwrap_or(i64::MAX);
        Ok(Info { digest: digest.to_string(), size, ..Info::default() })
    }

    pub(super) fn open(&self, digest: &Digest) -> Result<(File, u64), Status> {
        let blob = self.layout.blob(digest).map_err(|error| failed(&error))?;
        blob.ok_or_else(|| {
            Status::not_found(format!("blob {digest} is not in {}", self.layout.path().display()))
        })
    }

    /// Takes the name of a write for as long as the guard lives: two would write the same blob.
    pub(super) fn lock(self: &Arc<Self>, name: &str) -> Result<Writing, Status> {
        let mut writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        if writing.insert(name.to_owned()) {
            Ok(Writing { store: Arc::clone(self), name: name.to_owned() })
        } else {
            Err(Status::unavailable(format!("write {name:?} is under way: it is locked")))
        }
    }
}

/// A write that is under way.
pub(super) struct Writing {
    store: Arc<Store>,
    name: String,
}

impl Drop for Writing {
    fn drop(&mut self) {
        self.store
            .writing
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.name);
    }
}

fn read_only(id: &str) -> Status {
    Status::permission_denied(format!("the store {id:?} is offered for reading only"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_known_by_its_header_and_written_only_when_it_may_be() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::create(folder.path()).unwrap();
        let stores = ContentStores::new()
            .images("base", layout.clone())
            .cache_to("/c", layout.clone());
        let headers = |id: &str| {
            let mut headers = MetadataMap::new();
            headers.insert(STORE_ID, id.parse().unwrap());
            headers
        };
        assert!(stores.store(&headers("oci:base")).is_ok());
        let error = stores.store(&headers("oci:other")).unwrap_err();
        let known = r#"no store "oci:other" is offered; there are: "local:/c", "oci:base""#;
        assert_eq!((error.code(), error.message()), (tonic::Code::NotFound, known));
        assert_eq!(stores.store(&MetadataMap::new()).unwrap_err().code(), tonic::Code::InvalidArgument);
        assert_eq!(stores.writable(&headers("oci:base")).unwrap_err().code(), tonic::Code::PermissionDenied);
        let both = stores.cache_from("/c", layout);
        assert!(both.writable(&headers("local:/c")).is_ok());

        let other = Layout::create(folder.path().join("other")).unwrap();
        let replaced = both.cache_from("/c", other.clone());
        assert_eq!(replaced.store(&headers("local:/c")).unwrap().layout.path(), other.path());
        let error = replaced.writable(&headers("local:/c")).unwrap_err();
        assert_eq!(
            error.code(),
            tonic::Code::PermissionDenied,
            "what was offered for reading is not written to"
        );
    }

    #[test]
    fn a_name_is_written_once_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::create(folder.path()).unwrap();
        let stores = ContentStores::new().export(layout);
        let store = &stores.by_id["export"];
        let first = store.lock("layer").unwrap();
        assert_eq!(store.lock("layer").err().unwrap().code(), tonic::Code::Unavailable);
        drop(first);
        assert!(store.lock("layer").is_ok());
    }
}
