//! Definitions as Mermaid flowcharts, which many viewers of Markdown draw.

use buildkit_proto::{Message as _, pb};

use super::{Reader, kind, name};
use crate::Definition;

/// Longer labels make a drawing that nobody can look at.
const LABEL_MAX: usize = 80;

impl Definition {
    /// The definition as a Mermaid flowchart: a node per op, an arrow from each input to its user, the result apart.
    ///
    /// Names are cut to 80 characters, and written so that nothing in them is syntax or markup. An arrow from an
    /// output other than the first has its number.
    #[must_use]
    pub fn to_mermaid(&self) -> String {
        let mut chart = String::from("flowchart TD\n");
        let reader = Reader::new(self);
        for (position, op) in self.ops.iter().enumerate() {
            // Every op was made here or decoded once before.
            let message = pb::Op::decode(op.bytes.clone()).unwrap_or_default();
            let is_terminal = position + 1 == self.ops.len();
            if is_terminal {
                chart.push_str("  result([\"result\"])\n");
            } else {
                let custom = self.metadata.get(&op.digest).and_then(|metadata| metadata.custom_name());
                let title = custom.map_or_else(|| name(message.op.as_ref()), str::to_owned);
                let (open, close) = match kind(&message) {
                    "source" => ("[(", ")]"),
                    "merge" | "diff" | "passthrough" => ("{{", "}}"),
                    _ => ("[", "]"),
                };
                chart.push_str(&format!("  n{position}{open}\"{}\"{close}\n", label(&title)));
            }
            for (at, input) in message.inputs.iter().enumerate() {
                // An input that is used twice is one arrow.
                if message.inputs[..at].contains(input) {
                    continue;
                }
                let from = input.digest.parse().ok().and_then(|digest| reader.positions.get(&digest));
                let Some(from) = from else { continue };
                let arrow = if input.index == 0 { "-->".to_owned() } else { format!("-->|{}|", input.index) };
                let to = if is_terminal { "result".to_owned() } else { format!("n{position}") };
                chart.push_str(&format!("  n{from} {arrow} {to}\n"));
            }
        }
        if self.is_scratch() {
            chart.push_str("  result([\"scratch\"])\n");
        }
        chart
    }
}

/// Text that is neither syntax nor markup: all but plain characters become numeric entities, as Mermaid writes them.
fn label(text: &str) -> String {
    let mut label = String::new();
    let shown = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    for (count, character) in shown.enumerate() {
        if count == LABEL_MAX {
            label.push('…');
            break;
        }
        let is_plain =
            character.is_alphanumeric() || matches!(character, ' ' | '.' | '/' | '-' | ':' | '=' | ',');
        if is_plain {
            label.push(character);
        } else {
            label.push_str(&format!("#{};", u32::from(character)));
        }
    }
    if label.trim().is_empty() { "#160;".to_owned() } else { label }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::label;
    use crate::*;

    #[test]
    fn ops_are_nodes_and_inputs_arrows() {
        let platform = Platform::new("linux", "amd64");
        let mut graph = Graph::new();
        let image = ImageSource::new("busybox".parse().unwrap(), platform.clone());
        let image = graph.add(image, Metadata::default()).unwrap().root();
        let exec = ExecOp::new(Some(image), ["sh", "-c", "echo \"hi\" <b>"], platform.clone())
            .with_mount(Mount::bind("/out", None))
            .with_mount(Mount::bind("/same", Some(image)).readonly());
        let exec = graph.add(exec, Metadata::default()).unwrap();
        let named = ExecOp::new(Some(exec.output(1)), ["x"], platform);
        let named = graph.add(named, Metadata::named("[app] RUN x; end")).unwrap();
        let merge = graph.add(MergeOp::new([image, named.root()]), Metadata::default()).unwrap();
        let chart = graph.definition(Some(merge.root())).unwrap().to_mermaid();
        expect![[r##"
            flowchart TD
              n0[("docker-image://docker.io/library/busybox:latest")]
              n1["exec sh -c #34;echo #92;#34;hi#92;#34; #60;b#62;#34;"]
              n0 --> n1
              n2["#91;app#93; RUN x#59; end"]
              n1 -->|1| n2
              n3{{"merge"}}
              n0 --> n3
              n2 --> n3
              result(["result"])
              n3 --> result
        "##]]
        .assert_eq(&chart);
        assert_eq!(Definition::default().to_mermaid(), "flowchart TD\n  result([\"scratch\"])\n");
    }

    #[test]
    fn weird_names_are_safe() {
        assert_eq!(label("end"), "end");
        assert_eq!(label("a\n\"b`#"), "a #34;b#96;#35;");
        assert_eq!(label(""), "#160;");
        assert_eq!(label("\u{1b}[0m"), " #91;0m");
        assert_eq!(label(&"x".repeat(81)), "x".repeat(80) + "…");
    }
}
