//! The graph of a build as SVG. Roles are told by words and shapes, and by colours only beside them.

use std::fmt::Write as _;

use super::graph::{Edge, Graph, Kind, Means, NODE, Node, Point};
use super::text;

/// Letters of a node's two lines; what is longer is cut.
const NAME: usize = 19;
const BELOW: usize = 22;
/// How far an arrow's head, and a gate's diamond, stand before a node.
const HEAD: f64 = 7.0;
const DIAMOND: f64 = 6.0;

/// The picture, with `id` at the beginning of its ids. Its description says the same in words.
pub(super) fn draw(graph: &Graph, id: &str, title: &str) -> String {
    let mut svg = format!(
        "<svg class=\"graph\" role=\"img\" aria-labelledby=\"{id}-title {id}-words\" width=\"{w:.0}\" height=\"{h:.0}\" \
         viewBox=\"0 0 {w:.0} {h:.0}\">\n<title id=\"{id}-title\">{}</title>\n<desc id=\"{id}-words\">{}</desc>\n",
        text(title),
        text(&words(graph)),
        w = graph.size.width,
        h = graph.size.height,
    );
    for edge in &graph.edges {
        svg.push_str(&line(edge));
    }
    for node in &graph.nodes {
        svg.push_str(&shape(node));
    }
    svg + "</svg>\n"
}

/// The graph in words, a sentence for each node that is made from others.
fn words(graph: &Graph) -> String {
    let mut sentences = String::new();
    for (at, node) in graph.nodes.iter().enumerate() {
        let names = |means: Means| {
            let edges = graph.edges.iter().filter(|edge| edge.to == at && edge.means == means);
            edges
                .map(|edge| graph.nodes[edge.from].name.as_str())
                .collect::<Vec<_>>()
                .join(", ")
        };
        let starts = node.image.clone().unwrap_or_else(|| names(Means::StartsFrom));
        let begins = match node.kind {
            Kind::Stage(role) => format!("{} {} starts from {starts}", role.name(), node.name),
            Kind::Product => format!("product {} is the image {starts}", node.name),
        };
        let (files, gates) = (names(Means::TakesFiles), names(Means::WaitsFor));
        let files = if files.is_empty() { String::new() } else { format!(", takes files of {files}") };
        let gates = if gates.is_empty() { String::new() } else { format!(", waits for {gates}") };
        let _ = write!(sentences, "{begins}{files}{gates}. ");
    }
    sentences.trim_end().to_owned()
}

fn line(edge: &Edge) -> String {
    let (Some(first), Some(last)) = (edge.points.first(), edge.points.last()) else { return String::new() };
    let mut path = format!("M{:.1} {:.1}", first.x, first.y);
    let space = if edge.means == Means::WaitsFor { 2.0 * DIAMOND } else { HEAD };
    for (number, pair) in edge.points.windows(2).enumerate() {
        let is_last = number + 2 == edge.points.len();
        let end = Point { x: pair[1].x - if is_last { space } else { 0.0 }, y: pair[1].y };
        // Through a column it goes straight, between columns it bends.
        let bend = (end.x - pair[0].x) / 2.0;
        if pair[0].y == end.y {
            let _ = write!(path, " L{:.1} {:.1}", end.x, end.y);
        } else {
            let (left, right) = (pair[0].x + bend, end.x - bend);
            let _ = write!(
                path,
                " C{left:.1} {:.1} {right:.1} {:.1} {:.1} {:.1}",
                pair[0].y, end.y, end.x, end.y
            );
        }
    }
    let Point { x, y } = *last;
    let (class, head) = match edge.means {
        Means::StartsFrom => ("starts", arrow(x, y)),
        Means::TakesFiles => ("takes", arrow(x, y)),
        Means::WaitsFor => {
            let (left, middle) = (x - 2.0 * DIAMOND, x - DIAMOND);
            let (above, below) = (y - DIAMOND, y + DIAMOND);
            let head =
                format!("M{left:.1} {y:.1} L{middle:.1} {above:.1} L{x:.1} {y:.1} L{middle:.1} {below:.1} Z");
            ("waits", head)
        }
    };
    format!("<path class=\"edge {class}\" d=\"{path}\"/><path class=\"head {class}\" d=\"{head}\"/>\n")
}

fn arrow(x: f64, y: f64) -> String {
    let (left, above, below) = (x - HEAD, y - HEAD / 2.0, y + HEAD / 2.0);
    format!("M{x:.1} {y:.1} L{left:.1} {above:.1} L{left:.1} {below:.1} Z")
}

fn shape(node: &Node) -> String {
    let Point { x, y } = node.at;
    let kind = node.kind.name();
    let below = match &node.image {
        Some(image) => format!("{kind} · {image}"),
        None => kind.to_owned(),
    };
    // A tester's corners are round, and a product has a second frame.
    let radius = if kind == "tester" { 14.0 } else { 4.0 };
    let (w, h) = (NODE.width, NODE.height);
    let mut shape = format!(
        "<g class=\"node {kind}\"><title>{}: {}</title><rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{w}\" height=\"{h}\" rx=\"{radius}\"/>",
        text(&node.name),
        text(&below),
    );
    if node.kind == Kind::Product {
        let _ = write!(
            shape,
            "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{}\" height=\"{}\" rx=\"2\"/>",
            x + 3.0,
            y + 3.0,
            w - 6.0,
            h - 6.0
        );
    }
    let middle = x + w / 2.0;
    let _ = writeln!(
        shape,
        "<text class=\"name\" x=\"{middle:.1}\" y=\"{:.1}\">{}</text><text class=\"kind\" x=\"{middle:.1}\" y=\"{:.1}\">{}</text></g>",
        y + 19.0,
        text(&cut(&node.name, NAME)),
        y + 34.0,
        text(&cut(&below, BELOW)),
    );
    shape
}

/// A text of at most so many letters.
fn cut(whole: &str, most: usize) -> String {
    match whole.chars().count() > most {
        true => whole.chars().take(most - 1).chain(['…']).collect(),
        false => whole.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::examples::variants::tests::service;

    #[test]
    fn the_description_says_what_the_picture_shows() {
        let words = words(&Graph::of(&service()).unwrap());
        for sentence in [
            "base base starts from node:18-slim.",
            "builder compile starts from deps.",
            "runtime app starts from base, takes files of deps, compile.",
            "tester scan starts from deps, takes files of app.",
            "product app is the image app, waits for unit, scan.",
        ] {
            assert!(words.contains(sentence), "{sentence:?} is not said: {words}");
        }
    }

    #[test]
    fn every_node_and_edge_is_drawn() {
        let graph = Graph::of(&service()).unwrap();
        let svg = draw(&graph, "g1", "The <graph>");
        assert_eq!(svg.matches("<g class=\"node ").count(), graph.nodes.len());
        assert_eq!(svg.matches("<path class=\"edge ").count(), graph.edges.len());
        assert!(svg.contains("<title id=\"g1-title\">The &lt;graph&gt;</title>"), "{svg}");
    }

    #[test]
    fn long_names_are_cut() {
        assert_eq!([cut("short", 5), cut("longer", 5)], ["short", "long…"]);
    }
}
