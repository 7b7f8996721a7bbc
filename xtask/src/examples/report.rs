//! The figures of examples: as JSON, and as a table.

use serde::{Deserialize, Serialize};
use stagewright::Plan;

use super::sizes::Size;
use crate::demo::bytes;

/// All that was measured at a time, and on what.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Measured {
    /// The time at its end: `2026-01-31T12:00:00Z`.
    pub(super) at: String,
    pub(super) processors: usize,
    /// Whether the program that asked for the builds was compiled with optimization.
    pub(super) optimized: bool,
    pub(super) examples: Vec<Figures>,
}

/// What one example took: seconds, and what its images are.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Figures {
    pub(super) name: String,
    pub(super) cold: f64,
    /// The median of some.
    pub(super) no_op: f64,
    /// The median of some.
    pub(super) edit: f64,
    /// The file in which a line was changed.
    pub(super) edited: String,
    /// How many commands the cold build ran.
    pub(super) commands: usize,
    pub(super) commands_after_edit: usize,
    /// The testers that ran before the images were there.
    pub(super) gates: Vec<String>,
    pub(super) images: Vec<ImageFigures>,
    pub(super) plan: Plan,
}

/// A product's image.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct ImageFigures {
    pub(super) target: String,
    pub(super) size: Size,
    pub(super) layers: usize,
    /// Layers that it has with its gates, and does not have without.
    pub(super) gate_layers: usize,
    /// The bytes of those, compressed.
    pub(super) gate_bytes: u64,
    /// The largest of the builders that it takes files of, if there is one.
    pub(super) builder: Option<BuilderSize>,
}

/// A builder as an image.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct BuilderSize {
    pub(super) stage: String,
    pub(super) size: Size,
}

impl Measured {
    /// What has been measured by now.
    pub(super) fn now(examples: Vec<Figures>) -> Self {
        Self {
            at: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            processors: std::thread::available_parallelism().map_or(1, Into::into),
            optimized: !cfg!(debug_assertions),
            examples,
        }
    }

    /// What the figures are of, in sentences.
    pub(super) fn method(&self) -> [&'static str; 4] {
        let client = match self.optimized {
            true => "The client was compiled with optimization.",
            false => {
                "The client was compiled without optimization, which costs tenths of a second in each build."
            }
        };
        [
            "Each example had a new buildkitd; its base images were pulled before, which is not counted. Every build \
             pushes all products, which is.",
            "No-op and edit are medians. Sizes are those of all layers, the base's too: as they are pushed, and \
             unpacked as archives.",
            "Of several builders the largest is named. What gates add is what an image's layers have beyond those of \
             the same Plan built without its gates.",
            client,
        ]
    }
}

/// The figures for people: a line for each example, and one for each of its images.
pub(super) fn table(measured: &Measured) -> String {
    let mut text = format!(
        "{:16} {:>8} {:>8} {:>8} {:>6} {:>22} {:>22}  {}\n",
        "", "cold", "no-op", "edit", "gates", "image (unpacked)", "builder (unpacked)", "gates add"
    );
    let pair = |size: Size| format!("{} ({})", bytes(size.compressed), bytes(size.unpacked));
    for figures in &measured.examples {
        let Figures { name, cold, no_op, edit, gates, images, .. } = figures;
        text.push_str(&format!("{name:16} {cold:6.1} s {no_op:6.2} s {edit:6.1} s {:>6}\n", gates.len()));
        for image in images {
            let builder = image.builder.as_ref();
            let named = builder.map(|builder| format!(", beside {}", builder.stage)).unwrap_or_default();
            text.push_str(&format!(
                "  {:48} {:>22} {:>22}  {} in {}{named}\n",
                image.target,
                pair(image.size),
                builder.map_or_else(|| "-".to_owned(), |builder| pair(builder.size)),
                bytes(image.gate_bytes),
                layers(image.gate_layers),
            ));
        }
    }
    text.push('\n');
    text + &measured.method().join("\n") + "\n"
}

/// A count of layers, with its noun.
pub(super) fn layers(count: usize) -> String {
    crate::demo::count(count, "layer")
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::variants::tests::service;
    use super::*;

    /// Figures of a service with two images.
    pub(in crate::examples) fn figures() -> Measured {
        let size = |compressed, unpacked| Size { compressed, unpacked };
        let image = |target: &str, builder: Option<BuilderSize>| ImageFigures {
            target: target.to_owned(),
            size: size(50_000_000, 150_000_000),
            layers: 4,
            gate_layers: 0,
            gate_bytes: 0,
            builder,
        };
        let builder = BuilderSize { stage: "compile".to_owned(), size: size(80_000_000, 250_000_000) };
        let service = Figures {
            name: "service".to_owned(),
            cold: 61.25,
            no_op: 0.51,
            edit: 4.0,
            edited: "src/main.ts".to_owned(),
            commands: 5,
            commands_after_edit: 2,
            gates: vec!["unit".to_owned(), "scan".to_owned()],
            images: vec![image("app", Some(builder)), image("trial", None)],
            plan: service(),
        };
        Measured {
            at: "2026-01-31T12:00:00Z".to_owned(),
            processors: 2,
            optimized: true,
            examples: vec![service],
        }
    }

    #[test]
    fn there_is_a_line_for_each_example_and_each_image() {
        let text = table(&figures());
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[1], "service            61.2 s   0.51 s    4.0 s      2");
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(
            words(lines[2]),
            "app 50.0 MB (150.0 MB) 80.0 MB (250.0 MB) 0 B in 0 layers, beside compile"
        );
        assert_eq!(words(lines[3]), "trial 50.0 MB (150.0 MB) - 0 B in 0 layers");
    }

    #[test]
    fn json_has_all_of_it() {
        let measured = figures();
        let json = serde_json::to_string(&measured).unwrap();
        assert_eq!(serde_json::from_str::<Measured>(&json).unwrap(), measured);
    }
}
