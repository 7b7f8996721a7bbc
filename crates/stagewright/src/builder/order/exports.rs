//! Exports: what the daemon does with the result of a target.

use buildkit_client::Exporter;
use buildkit_client::fsutil::receive::ReceiveOptions;

use super::tags::repositories;
use super::{OptionsError, Order, Sent};
use crate::builder::options::BuildOptions;
use crate::builder::output::{Dest, LOCAL_ATTRS, Output, OutputKind};

/// One exporter, with the place of what it sends here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::builder) struct Export {
    pub(in crate::builder) exporter: Exporter,
    pub(in crate::builder) sent: Option<Sent>,
}

/// What is done with every result.
pub(super) fn outputs(options: &BuildOptions) -> Vec<Output> {
    let mut outputs = options.outputs.clone();
    if options.push && !outputs.iter().any(Output::pushes) {
        // An image that is named already is pushed as it is, not exported a second time.
        match outputs.iter_mut().find(|output| output.kind == OutputKind::Image) {
            Some(image) => *image = image.clone().attr("push", "true"),
            None => outputs.push(Output::push()),
        }
    }
    outputs
}

/// What is done with an image by one output, under these full names.
pub(super) fn export(output: &Output, target: &str, tags: &[String]) -> Result<Export, OptionsError> {
    let mut exporter = Exporter { kind: output.kind.name().to_owned(), attrs: output.attrs.clone() };
    if output.takes_tags() && !tags.is_empty() {
        let names = if output.pushes_by_digest() { repositories(tags)? } else { tags.to_vec() };
        exporter = exporter.attr("name", names.join(","));
    }
    if output.pushes() && !exporter.attrs.contains_key("name") {
        return Err(OptionsError::PushWithoutTag { target: target.to_owned() });
    }
    let mirror = output.mirrors()?;
    let options = ReceiveOptions {
        setuid: output.wants("setuid")?,
        devices: output.wants("devices")?,
        xattrs: output.wants("xattrs")?,
    };
    if output.kind == OutputKind::Local {
        exporter.attrs.retain(|key, _| !LOCAL_ATTRS.contains(&key.as_str()));
    }
    let sent = output.dest_of(target).map(|dest| match dest {
        Dest::Path(path) if output.kind == OutputKind::Local => Sent::Directory { path, mirror, options },
        Dest::Path(path) => Sent::File(path),
        Dest::Stdout => Sent::Stdout,
    });
    Ok(Export { exporter, sent })
}

impl Order {
    /// What makes an archive of the result, to be looked into: with the attributes of the image that goes out, so that it
    /// has the same layers and annotations.
    pub(in crate::builder) fn audited(&self) -> Exporter {
        let image = self
            .exports
            .iter()
            .find(|export| ["image", "oci", "docker"].contains(&export.exporter.kind.as_str()));
        let attrs = image.map(|export| export.exporter.attrs.clone()).unwrap_or_default();
        let attrs = attrs.into_iter().filter(|(key, _)| key != "name" && OutputKind::Oci.takes(key));
        Exporter { kind: OutputKind::Oci.name().to_owned(), attrs: attrs.collect() }
    }
}
