//! Root filesystems from nothing: Debian by mmdebstrap, as an OCI archive of one layer.
//!
//! Times are those of the month's first second, at most, and nothing of the host is in it but its
//! certificates: the same packages give the same bytes.

use std::env::consts::ARCH;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use stagewright_tests::{Descriptor, digest_of};

use super::month::Month;
use crate::process;
use crate::tools::hex;

/// Authorities that the host's administrator added; Debian's update-ca-certificates reads them, so that
/// an image that installs ca-certificates keeps them.
const LOCAL_AUTHORITIES: &str = "/usr/local/share/ca-certificates";

/// How dpkg works, also later in the image: documentation is left out but for licences, as in every slim
/// image, and files are not synced to the disk one by one, which takes most of the time of an installation.
const DPKG: [&str; 9] = [
    "force-unsafe-io",
    "path-exclude=/usr/share/doc/*",
    "path-include=/usr/share/doc/*/copyright",
    "path-exclude=/usr/share/groff/*",
    "path-exclude=/usr/share/info/*",
    "path-exclude=/usr/share/lintian/*",
    "path-exclude=/usr/share/linda/*",
    "path-exclude=/usr/share/locale/*",
    "path-exclude=/usr/share/man/*",
];

/// Parts of gcc and rustc that nobody needs to build a program: optimizing at link time and sanitizers in C,
/// documentation in Rust.
const TOOLCHAIN_DPKG: [&str; 6] = [
    "path-exclude=/usr/bin/*-lto-dump-*",
    "path-exclude=/usr/bin/rustdoc",
    "path-exclude=/usr/lib/*/lib*san.*",
    "path-exclude=/usr/lib/gcc/*/*/lib*san.a",
    "path-exclude=/usr/libexec/gcc/*/*/lto1",
    "path-exclude=/usr/libexec/rust-analyzer-proc-macro-srv",
];

/// What mmdebstrap is asked for.
#[derive(Serialize)]
pub(super) struct Bootstrap {
    suite: &'static str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    packages: &'static [&'static str],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    apt: &'static [&'static str],
    dpkg: Vec<&'static str>,
    hooks: Vec<String>,
    path: &'static str,
    command: &'static str,
}

impl Bootstrap {
    /// Debian 12 without documentation, with the host's certificates.
    pub(super) fn bookworm(certificates: &Path) -> Result<Self> {
        Self::new("bookworm", certificates)
    }

    /// Debian's next release with what builds Rust programs, and links them statically.
    pub(super) fn rust(certificates: &Path) -> Result<Self> {
        let mut image = Self::new("forky", certificates)?;
        image.packages = &["rustc", "cargo", "gcc", "libc6-dev"];
        // Mirrors that keep a snapshot serve an index that is past its time.
        image.apt = &[r#"Acquire::Check-Valid-Until "false""#];
        image.dpkg.extend(TOOLCHAIN_DPKG);
        Ok(image)
    }

    fn new(suite: &'static str, certificates: &Path) -> Result<Self> {
        let mut hooks = vec![
            // These are the host's; whoever runs a container brings its own.
            r#"rm -f "$1/etc/resolv.conf" "$1/etc/hostname""#.to_owned(),
        ];
        let mut files = vec![certificates.to_path_buf()];
        files.extend(authorities()?);
        for file in files {
            let (file, directory) = (file.display(), file.parent().unwrap_or(Path::new("/")));
            hooks.push(format!(r#"mkdir -p "$1{}""#, directory.display()));
            hooks.push(format!("upload {file} {file}"));
        }
        Ok(Self {
            suite,
            packages: &[],
            apt: &[],
            dpkg: DPKG.to_vec(),
            hooks,
            path: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            command: "bash",
        })
    }

    /// Makes the archive, with a directory for what is needed on the way.
    pub(super) fn make(&self, month: &Month, work: &Path, archive: &Path) -> Result<()> {
        let layer_path = work.join("layer.tar.gz");
        let layer = self.layer(month, &layer_path)?;

        let architecture = architecture()?;
        let created = month.rfc3339();
        let config = serde_json::to_vec(&json!({
            "architecture": architecture,
            "config": {"Cmd": [self.command], "Env": [format!("PATH={}", self.path)]},
            "created": created,
            "history": [{"created": created, "created_by": format!("mmdebstrap {}", self.suite)}],
            "os": "linux",
            "rootfs": {"diff_ids": [layer.diff_id], "type": "layers"},
        }))?;
        let config_blob = descriptor("application/vnd.oci.image.config.v1+json", &config);
        let manifest = serde_json::to_vec(&json!({
            "config": config_blob,
            "layers": [layer.blob],
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "schemaVersion": 2,
        }))?;
        let manifest_blob = descriptor("application/vnd.oci.image.manifest.v1+json", &manifest);
        let index = serde_json::to_vec(&json!({
            "manifests": [manifest_blob],
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "schemaVersion": 2,
        }))?;

        let mut tar = tar::Builder::new(File::create(archive)?);
        let mut add = |name: &str, size: u64, content: &mut dyn Read| -> io::Result<()> {
            let mut header = tar::Header::new_gnu();
            header.set_size(size);
            header.set_mode(0o644);
            tar.append_data(&mut header, name, content)
        };
        let layout = br#"{"imageLayoutVersion":"1.0.0"}"#;
        add("oci-layout", layout.len() as u64, &mut layout.as_slice())?;
        add("index.json", index.len() as u64, &mut index.as_slice())?;
        for (blob, content) in [
            (&manifest_blob, &mut manifest.as_slice() as &mut dyn Read),
            (&config_blob, &mut config.as_slice()),
            (&layer.blob, &mut File::open(&layer_path)?),
        ] {
            let name = format!("blobs/{}", blob.digest.replacen(':', "/", 1));
            add(&name, blob.size, content)?;
        }
        tar.into_inner()?.sync_all()?;
        Ok(())
    }

    /// Runs mmdebstrap into a compressed layer.
    fn layer(&self, month: &Month, path: &Path) -> Result<Layer> {
        let mut command = Command::new("mmdebstrap");
        command
            .args(["--variant=minbase", "--format=tar", "--quiet"])
            // Device nodes are the runtime's to make.
            .arg("--skip=output/dev")
            .arg(r#"--aptopt=Acquire::Languages "none""#);
        for line in self.apt {
            command.arg(format!("--aptopt={line}"));
        }
        for package in self.packages {
            command.arg(format!("--include={package}"));
        }
        for line in &self.dpkg {
            command.arg(format!("--dpkgopt={line}"));
        }
        for hook in &self.hooks {
            command.arg(format!("--customize-hook={hook}"));
        }
        command
            .args([self.suite, "-"])
            .env("SOURCE_DATE_EPOCH", month.epoch().to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let mut child = process::start(&mut command)?;
        let mut tar = child.stdout.take().context("mmdebstrap has no stdout")?;
        let layer = compress(&mut tar, path);
        drop(tar);
        process::finish(&command, &mut child)?;
        layer.with_context(|| format!("cannot write {}", path.display()))
    }
}

/// A layer: the digest of its tar, and the compressed blob.
struct Layer {
    diff_id: String,
    blob: Descriptor,
}

fn compress(tar: &mut impl Read, path: &Path) -> io::Result<Layer> {
    let file = BufWriter::new(File::create(path)?);
    let mut gzip = Hashing::new(GzEncoder::new(Hashing::new(file), Compression::default()));
    io::copy(tar, &mut gzip)?;
    let diff_id = gzip.digest();
    let mut file = gzip.inner.finish()?;
    file.flush()?;
    Ok(Layer {
        diff_id,
        blob: Descriptor {
            media_type: "application/vnd.oci.image.layer.v1.tar+gzip".to_owned(),
            digest: file.digest(),
            size: fs::metadata(path)?.len(),
        },
    })
}

/// A writer that hashes what passes through it.
struct Hashing<W> {
    inner: W,
    hash: Sha256,
}

impl<W> Hashing<W> {
    fn new(inner: W) -> Self {
        Self { inner, hash: Sha256::new() }
    }

    fn digest(&self) -> String {
        format!("sha256:{}", hex(&self.hash.clone().finalize()))
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = self.inner.write(bytes)?;
        self.hash.update(&bytes[..length]);
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

fn descriptor(media_type: &str, bytes: &[u8]) -> Descriptor {
    Descriptor { media_type: media_type.to_owned(), digest: digest_of(bytes), size: bytes.len() as u64 }
}

/// The machine's architecture as images name it.
fn architecture() -> Result<&'static str> {
    match ARCH {
        "x86_64" => Ok("amd64"),
        "aarch64" => Ok("arm64"),
        other => bail!("no base image is made on {other}, only on x86_64 and aarch64"),
    }
}

/// Certificate files of the host's administrator, sorted.
fn authorities() -> Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(LOCAL_AUTHORITIES) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).context(LOCAL_AUTHORITIES),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|it| it == "crt") && path.is_file() {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_has_the_digests_of_both_its_forms() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("layer");
        let layer = compress(&mut b"content".as_slice(), &path).unwrap();
        assert_eq!(layer.diff_id, digest_of(b"content"));
        let compressed = fs::read(&path).unwrap();
        assert_eq!(layer.blob.digest, digest_of(&compressed));
        assert_eq!(layer.blob.size, compressed.len() as u64);
        let mut text = String::new();
        flate2::read::GzDecoder::new(compressed.as_slice())
            .read_to_string(&mut text)
            .unwrap();
        assert_eq!(text, "content");
    }
}
