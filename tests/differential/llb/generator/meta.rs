//! What is said about an op beside the op itself.

use super::Generator;
use crate::llb::description::*;

const PLATFORMS: [(&str, &str, &str); 18] = [
    ("linux", "amd64", ""),
    ("linux", "amd64", "v1"),
    ("linux", "amd64", "v3"),
    ("Linux", "x86_64", ""),
    ("linux", "x86-64", "v2"),
    ("linux", "arm64", ""),
    ("linux", "arm64", "v8"),
    ("linux", "aarch64", "8"),
    ("linux", "arm64", "v9"),
    ("linux", "arm", ""),
    ("linux", "arm", "7"),
    ("linux", "arm", "v6"),
    ("linux", "armhf", ""),
    ("linux", "armel", "v5"),
    ("linux", "i386", "x"),
    ("linux", "riscv64", ""),
    ("macOS", "aarch64", "v8.0"),
    ("freebsd", "PPC64LE", "Power9"),
];

impl Generator {
    pub(crate) fn platform(&mut self) -> Platform {
        if self.one_in(5) {
            let features = ["win32k", "b", "a", "win32k"];
            let features = features[..self.between(0, 4)].iter().map(|&feature| feature.to_owned());
            return Platform {
                os: "windows".to_owned(),
                architecture: "amd64".to_owned(),
                os_version: "10.0.17763.1".to_owned(),
                os_features: features.collect(),
                ..Platform::default()
            };
        }
        let (os, architecture, variant) = *self.pick(&PLATFORMS);
        Platform {
            os: os.to_owned(),
            architecture: architecture.to_owned(),
            variant: variant.to_owned(),
            ..Platform::default()
        }
    }

    pub(crate) fn worker(&mut self) -> String {
        let filters = ["label==1", "id~=w.*", "labels.\"a b\"==c", "foo!=bar"];
        (*self.pick(&filters)).to_owned()
    }

    /// Files with different names: the Go client takes those with equal ones for one, whatever they come from.
    pub(crate) fn files(&mut self) -> Vec<SourceFile> {
        let count = self.between(0, 3);
        let file = |own: &mut Self, index| SourceFile {
            filename: format!("{index}{}", own.text()),
            language: own.maybe_text(2),
            data: own.maybe_text(2),
            origin: own.list(3, 2, |own| Node { meta: own.meta(0), op: own.source() }),
        };
        (0..count).map(|index| file(self, index)).collect()
    }

    pub(crate) fn meta(&mut self, files: usize) -> Meta {
        Meta {
            platform: self.sometimes(4, Self::platform),
            workers: self.list(8, 2, Self::worker),
            unique_id: self.maybe_text(8),
            description: self.list(4, 3, |own| (own.description_key(), own.maybe_text(2))),
            custom_name: self.maybe_text(4),
            ignore_cache: self.one_in(10),
            export_cache: self
                .sometimes(8, |own| if own.one_in(2) { ExportCache::With } else { ExportCache::Without }),
            progress_group: self.sometimes(10, |own| ProgressGroup {
                id: own.word(),
                name: own.maybe_text(2),
                weak: own.one_in(2),
            }),
            linux_resources: self.sometimes(8, Self::linux_resources),
            locations: if files > 0 { self.list(3, 2, |own| own.location(files)) } else { Vec::new() },
        }
    }

    fn description_key(&mut self) -> String {
        if self.one_in(2) {
            return (*self.pick(&["", "llb.customname", "com.docker.dockerfile.v1.command"])).to_owned();
        }
        self.text()
    }

    fn linux_resources(&mut self) -> LinuxResources {
        LinuxResources {
            memory: self.sometimes(2, Self::number).unwrap_or_default(),
            memory_swap: self.sometimes(2, Self::number).unwrap_or_default(),
            cpu_shares: self.sometimes(2, Self::next).unwrap_or_default(),
            cpu_period: self.sometimes(2, Self::next).unwrap_or_default(),
            cpu_quota: self.sometimes(2, Self::number).unwrap_or_default(),
            cpuset_cpus: if self.one_in(2) { "0-3,7".to_owned() } else { String::new() },
            cpuset_mems: if self.one_in(2) { "0".to_owned() } else { String::new() },
        }
    }

    /// In lines of its own, since this house writes equal locations of an op once, and the Go client repeats them.
    fn location(&mut self, files: usize) -> Location {
        let file = self.between(0, files - 1);
        let ranges = (0..self.between(1, 3)).map(|_| {
            self.line += 1;
            let start = Position { line: self.line, character: self.mode().into() };
            let end = Position { line: self.line + 2, character: self.mode().into() };
            Range { start, end }
        });
        Location { file, ranges: ranges.collect() }
    }
}
