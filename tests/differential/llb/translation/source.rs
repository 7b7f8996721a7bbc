//! Sources.

use buildkit_llb as llb;

use super::Result;
use crate::llb::description::*;

impl Image {
    pub(super) fn to_llb(&self, platform: llb::Platform) -> Result<llb::ImageSource> {
        let mut source = llb::ImageSource::new(self.reference.parse()?, platform);
        source.resolve_mode = match self.resolve_mode {
            None => llb::ResolveMode::Default,
            Some(ResolveMode::Pull) => llb::ResolveMode::Pull,
            Some(ResolveMode::PreferLocal) => llb::ResolveMode::PreferLocal,
        };
        source.layer_limit = self.layer_limit;
        source.checksum = digest(&self.checksum)?;
        source.record_type = self.internal.then_some(llb::RecordType::Internal);
        Ok(source)
    }
}

impl Local {
    pub(super) fn to_llb(&self, unique_id: String) -> llb::LocalSource {
        let identity = if self.session.is_empty() {
            llb::LocalIdentity::Unique(unique_id)
        } else {
            llb::LocalIdentity::Session(self.session.clone())
        };
        let mut source = llb::LocalSource::new(&self.name, identity);
        source.include.clone_from(&self.include);
        source.exclude.clone_from(&self.exclude);
        source.follow_paths.clone_from(&self.follow_paths);
        source.shared_key_hint.clone_from(&self.shared_key_hint);
        if let Some(differ) = &self.differ {
            source.differ = match differ.kind {
                DifferKind::None => llb::LocalDiffer::None,
                DifferKind::Metadata => llb::LocalDiffer::Metadata,
            };
            source.differ_required = differ.required;
        }
        source.metadata_only = self.metadata_only.as_ref().map(|only| only.except.clone());
        source
    }
}

impl Git {
    pub(super) fn to_llb(&self) -> Result<llb::GitSource> {
        let mut source = llb::GitSource::new(self.url.parse()?);
        source.git_ref.clone_from(&self.reference);
        source.subdir.clone_from(&self.subdir);
        source.checksum.clone_from(&self.checksum);
        source.fetch_by_commit = self.fetch_by_commit;
        source.keep_git_dir = self.keep_git_dir;
        source.skip_submodules = self.skip_submodules;
        source.mtime = self.mtime.as_ref().map(|mtime| match mtime {
            Mtime::Checkout => llb::GitMtime::Checkout,
            Mtime::Commit => llb::GitMtime::Commit,
        });
        source.advice = self.advice;
        source.auth_token = secret(&self.auth_token);
        source.auth_header = secret(&self.auth_header);
        source.known_ssh_hosts.clone_from(&self.known_hosts);
        source.ssh_agent.clone_from(&self.ssh_socket);
        source.bundle = self.bundle.as_ref().map(Bundle::to_llb).transpose()?;
        source.checkout_bundle = self.checkout_bundle;
        Ok(source)
    }
}

impl Bundle {
    fn to_llb(&self) -> Result<llb::GitBundle> {
        let (scheme, image) = self.locator.split_once("://").ok_or("a locator without scheme")?;
        let store = match scheme {
            "docker-image+blob" => llb::BlobStore::Registry,
            _ => llb::BlobStore::OciLayout { session: self.session.clone(), store: self.store.clone() },
        };
        Ok(llb::GitBundle { image: image.parse()?, store })
    }
}

impl Http {
    pub(super) fn to_llb(&self) -> Result<llb::HttpSource> {
        let mut source = llb::HttpSource::new(&self.url);
        source.checksum = digest(&self.checksum)?;
        source.file = self.file.to_llb();
        source.auth_header.clone_from(&self.auth_header);
        if let Some(headers) = &self.headers {
            source.accept.clone_from(&headers.accept);
            source.user_agent.clone_from(&headers.user_agent);
        }
        source.signature = self.signature.as_ref().map(|signature| llb::PgpSignature {
            public_key: signature.public_key.clone(),
            signature: signature.signature.clone(),
        });
        Ok(source)
    }
}

impl FetchedFile {
    fn to_llb(&self) -> llb::FetchedFile {
        llb::FetchedFile { name: self.filename.clone(), mode: self.mode, uid: self.uid, gid: self.gid }
    }
}

impl OciLayout {
    pub(super) fn to_llb(&self, platform: llb::Platform) -> llb::OciLayoutSource {
        let mut source = llb::OciLayoutSource::new(&self.reference, platform);
        source.session.clone_from(&self.session);
        source.store.clone_from(&self.store);
        source.layer_limit = self.layer_limit;
        source
    }
}

impl Blob {
    pub(super) fn to_llb(&self) -> Result<llb::BlobSource> {
        let mut source = llb::BlobSource::new(self.reference.parse()?);
        if let Some(layout) = &self.layout {
            let (session, store) = (layout.session.clone(), layout.store.clone());
            source.store = llb::BlobStore::OciLayout { session, store };
        }
        source.file = self.file.to_llb();
        Ok(source)
    }
}

fn digest(text: &str) -> Result<Option<llb::Digest>> {
    Ok(if text.is_empty() { None } else { Some(text.parse()?) })
}

fn secret(name: &Option<SecretName>) -> llb::GitSecret {
    match name {
        None => llb::GitSecret::Default,
        Some(secret) if secret.name.is_empty() => llb::GitSecret::None,
        Some(secret) => llb::GitSecret::Named(secret.name.clone()),
    }
}
