//! Sources of every kind, such as both sides accept.

use super::Generator;
use crate::llb::description::*;

const IMAGES: [&str; 12] = [
    "busybox",
    "docker.io/library/busybox:latest",
    "library/busybox",
    "index.docker.io/alpine:3.20",
    "docker.io/me/app:v1.2.3-rc.1_x",
    "localhost/a",
    "localhost:5000/a/b/c:tag",
    "LOCALHOST/up",
    "ghcr.io/o/r",
    "Registry.Example.org:443/x__y/z--w",
    "[2001:db8::1]:5000/v6",
    "r.example/a.b/c-d:D_e-f.0",
];

/// How many of the repositories are reached by ssh.
const SSH_REPOSITORIES: usize = 4;

/// Those of ssh come first.
const REPOSITORIES: [&str; 10] = [
    "git@github.com:moby/buildkit.git",
    "ssh://git@host.example:2222/x/y.git",
    "user@host:~/dir/repo",
    "ssh://host/a//b/../c",
    "https://github.com/moby/buildkit.git",
    "http://User:pass%20word@Host.Example:8080/a/b",
    "git://git.example/p",
    "github.com/moby/buildkit",
    "https://github.com/moby/buildkit.git#main:sub",
    "https://h/%C3%BC/a+b",
];

impl Generator {
    pub(crate) fn source(&mut self) -> Op {
        match self.between(0, 9) {
            0..4 => Op::Image(self.image()),
            4 | 5 => Op::Local(self.local()),
            6 => Op::Git(self.git()),
            7 => Op::Http(self.http()),
            8 => Op::OciLayout(self.oci_layout()),
            _ => Op::Blob(self.blob()),
        }
    }

    fn image(&mut self) -> Image {
        let mut reference = (*self.pick(&IMAGES)).to_owned();
        if self.one_in(6) {
            reference = format!("{reference}@{}", self.sha256());
        }
        Image {
            reference,
            resolve_mode: self
                .sometimes(4, |own| if own.one_in(2) { ResolveMode::Pull } else { ResolveMode::PreferLocal }),
            layer_limit: self.sometimes(8, Self::layers),
            checksum: self.sometimes(6, Self::sha256).unwrap_or_default(),
            internal: self.one_in(8),
        }
    }

    fn local(&mut self) -> Local {
        Local {
            name: self.text(),
            session: self.sometimes(3, Self::word).unwrap_or_default(),
            include: self.patterns(3),
            exclude: self.patterns(3),
            follow_paths: self.patterns(3),
            shared_key_hint: self.maybe_text(3),
            differ: self.sometimes(3, |own| Differ {
                kind: if own.one_in(2) { DifferKind::None } else { DifferKind::Metadata },
                required: own.one_in(2),
            }),
            metadata_only: self.sometimes(3, |own| MetadataOnly { except: own.patterns(2) }),
        }
    }

    fn patterns(&mut self, one_in: usize) -> Vec<String> {
        self.sometimes(one_in, Self::texts).unwrap_or_default()
    }

    fn git(&mut self) -> Git {
        let repository = self.between(0, REPOSITORIES.len() - 1);
        let bundle = self.sometimes(2, Self::bundle);
        let fetch_by_commit = self.one_in(3);
        let checkout_bundle = self.one_in(4);
        let subdir = if self.one_in(3) { "a/b-c".to_owned() } else { String::new() };
        let has_checksum = bundle.is_some() || fetch_by_commit || self.one_in(4);
        let references = ["main", "refs/tags/v1.0", "feature/x"];
        let (mut known_hosts, mut ssh_socket) = (Vec::new(), String::new());
        if repository < SSH_REPOSITORIES {
            known_hosts = self.list(1, 3, |own| {
                let end = if own.one_in(2) { "\n" } else { "" };
                format!("host ssh-ed25519 {}{end}", own.word())
            });
            ssh_socket = self.sometimes(2, Self::word).unwrap_or_default();
        }
        Git {
            url: REPOSITORIES[repository].to_owned(),
            reference: self.sometimes(2, |own| own.pick(&references).to_string()).unwrap_or_default(),
            subdir: if checkout_bundle { String::new() } else { subdir },
            keep_git_dir: self.one_in(3) && !checkout_bundle,
            auth_token: self.sometimes(3, Self::secret_name),
            auth_header: self.sometimes(3, Self::secret_name),
            known_hosts,
            ssh_socket,
            checksum: if has_checksum { self.hex(40) } else { String::new() },
            skip_submodules: self.one_in(3),
            mtime: self.sometimes(2, |own| if own.one_in(2) { Mtime::Checkout } else { Mtime::Commit }),
            advice: self.one_in(3),
            fetch_by_commit,
            bundle,
            checkout_bundle,
        }
    }

    fn secret_name(&mut self) -> SecretName {
        SecretName { name: self.sometimes(2, Self::word).unwrap_or_default() }
    }

    fn bundle(&mut self) -> Bundle {
        let digest = self.sha256();
        if self.one_in(3) {
            let locator = format!("docker-image+blob://docker.io/library/bundle@{digest}");
            return Bundle { locator, ..Bundle::default() };
        }
        Bundle {
            locator: format!("oci-layout+blob://h.example/bundle@{digest}"),
            session: self.sometimes(2, Self::word).unwrap_or_default(),
            store: self.sometimes(2, Self::word).unwrap_or_default(),
        }
    }

    fn http(&mut self) -> Http {
        let urls = ["https://example.org/a%20b?x=<y>&z#f", "http://h:8080", "https://[::1]/ü/x.tar.gz"];
        Http {
            url: (*self.pick(&urls)).to_owned(),
            checksum: self.sometimes(3, Self::sha256).unwrap_or_default(),
            auth_header: self.sometimes(3, Self::word).unwrap_or_default(),
            headers: self.sometimes(2, |own| {
                let user_agent = own.sometimes(2, Self::word).unwrap_or_default();
                let accept = own.one_in(2) || user_agent.is_empty();
                Headers { accept: if accept { "text/*, */*;q=0.1" } else { "" }.to_owned(), user_agent }
            }),
            signature: self.sometimes(3, |own| Signature { public_key: own.text(), signature: own.text() }),
            file: self.fetched_file(),
        }
    }

    fn fetched_file(&mut self) -> FetchedFile {
        FetchedFile {
            filename: self.sometimes(2, Self::word).unwrap_or_default(),
            mode: self.sometimes(2, Self::mode).unwrap_or_default() & 0o777,
            uid: self.sometimes(2, Self::id).unwrap_or_default(),
            gid: self.sometimes(2, Self::id).unwrap_or_default(),
        }
    }

    fn oci_layout(&mut self) -> OciLayout {
        let tag = if self.one_in(2) { ":v1" } else { "" };
        OciLayout {
            reference: format!("host.example/name{tag}@{}", self.sha256()),
            session: self.sometimes(2, Self::word).unwrap_or_default(),
            store: self.sometimes(2, Self::word).unwrap_or_default(),
            layer_limit: self.sometimes(2, Self::layers),
        }
    }

    fn blob(&mut self) -> Blob {
        let names = ["busybox", "localhost:5000/a", "ghcr.io/o/r"];
        Blob {
            reference: format!("{}@{}", self.pick(&names), self.sha256()),
            layout: self.sometimes(2, |own| Layout {
                session: own.sometimes(2, Self::word).unwrap_or_default(),
                store: own.word(),
            }),
            file: self.fetched_file(),
        }
    }

    fn layers(&mut self) -> u32 {
        *self.pick(&[1, 3, 127, 0x7fff_ffff])
    }
}
