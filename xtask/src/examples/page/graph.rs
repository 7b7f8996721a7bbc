//! Where the stages of a build stand in its picture: in columns, each to the right of what it is made from.
//!
//! What a stage is made from is one of three things: what it starts from, what it takes files of, and, of a product, the
//! gates that it waits for. Only what the products need is there. A product is a node of its own, behind its image and its
//! gates, since a gate may itself look into the image.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use stagewright::Plan;
use stagewright::stagewright_plan::check::check;
use stagewright::stagewright_plan::plan::{Origin, Role, Stage};

use crate::examples::variants::{origins, products};

/// The widths and heights of all that is drawn, in pixels.
pub(super) const NODE: Size = Size { width: 148.0, height: 44.0 };
const GAP: Size = Size { width: 56.0, height: 16.0 };
/// The height that an edge has where it passes a column.
const PASSAGE: f64 = 10.0;
const MARGIN: f64 = 8.0;
/// How often the columns are put in order; more changes nothing in graphs of this size.
const SWEEPS: usize = 8;

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Size {
    pub(super) width: f64,
    pub(super) height: f64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Point {
    pub(super) x: f64,
    pub(super) y: f64,
}

/// A picture's content, placed.
#[derive(Debug)]
pub(super) struct Graph {
    pub(super) nodes: Vec<Node>,
    pub(super) edges: Vec<Edge>,
    pub(super) size: Size,
}

#[derive(Debug)]
pub(super) struct Node {
    pub(super) name: String,
    pub(super) kind: Kind,
    /// The image that a stage starts from, if it is no stage.
    pub(super) image: Option<String>,
    /// Its upper left corner.
    pub(super) at: Point,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Stage(Role),
    /// What ships.
    Product,
}

#[derive(Debug)]
pub(super) struct Edge {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) means: Means,
    /// The points through which it goes, from the right side of one node to the left side of the other.
    pub(super) points: Vec<Point>,
}

/// What an edge says of the node at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Means {
    StartsFrom,
    TakesFiles,
    WaitsFor,
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Stage(role) => role.name(),
            Self::Product => "product",
        }
    }
}

impl Graph {
    /// The graph of a Plan's products.
    pub(super) fn of(plan: &Plan) -> Result<Self> {
        let mut drawing = Drawing::default();
        let checked = check(plan).context("the Plan is wrong")?;
        for (target, stage) in products(plan) {
            let image = drawing.stage(plan, stage);
            let product = drawing.node(&format!("{} ships", target.name), target.name.clone(), Kind::Product);
            drawing.edge(image, product, Means::StartsFrom);
            for gate in checked.gates(stage).into_iter().filter_map(|gate| plan.stage(gate)) {
                let gate = drawing.stage(plan, gate);
                drawing.edge(gate, product, Means::WaitsFor);
            }
        }
        Ok(drawing.place())
    }
}

/// A graph that is not placed yet.
#[derive(Default)]
struct Drawing {
    nodes: Vec<Node>,
    edges: Vec<(usize, usize, Means)>,
    /// Nodes by what is drawn, which for stages is their name.
    known: BTreeMap<String, usize>,
}

impl Drawing {
    fn node(&mut self, key: &str, name: String, kind: Kind) -> usize {
        let at = Point { x: 0.0, y: 0.0 };
        self.nodes.push(Node { name, kind, image: None, at });
        self.known.insert(key.to_owned(), self.nodes.len() - 1);
        self.nodes.len() - 1
    }

    /// An edge, unless there is one between these two, of which the first counts.
    fn edge(&mut self, from: usize, to: usize, means: Means) {
        if !self.edges.iter().any(|edge| (edge.0, edge.1) == (from, to)) {
            self.edges.push((from, to, means));
        }
    }

    /// A stage with all that it is made from. The depth is that of a build, which people wrote.
    fn stage(&mut self, plan: &Plan, stage: &Stage) -> usize {
        if let Some(known) = self.known.get(&stage.name) {
            return *known;
        }
        let node = self.node(&stage.name, stage.name.clone(), Kind::Stage(stage.role));
        match &stage.from {
            Origin::Image(image) => self.nodes[node].image = Some(image.name.clone()),
            Origin::Scratch => self.nodes[node].image = Some("scratch".to_owned()),
            from => self.input(plan, from, node, Means::StartsFrom),
        }
        for origin in stage.steps.iter().flat_map(origins) {
            self.input(plan, origin, node, Means::TakesFiles);
        }
        // A tester that waits for others to be judged.
        if stage.role == Role::Tester {
            for gate in &stage.gates {
                self.input(plan, &Origin::Stage(gate.stage.clone()), node, Means::WaitsFor);
            }
        }
        node
    }

    fn input(&mut self, plan: &Plan, origin: &Origin, node: usize, means: Means) {
        if let Some(stage) = origin.stage().and_then(|name| plan.stage(name)) {
            let from = self.stage(plan, stage);
            self.edge(from, node, means);
        }
    }

    fn place(mut self) -> Graph {
        let columns = self.columns();
        let mut slots = Slots::new(&columns, &self.edges);
        slots.sort();
        let (points, size) = slots.points();
        for (node, point) in self.nodes.iter_mut().zip(&points) {
            node.at = *point;
        }
        let middle = NODE.height / 2.0;
        let edges = self.edges.into_iter().zip(slots.passages).map(|((from, to, means), passages)| {
            let (start, end) = (points[from], points[to]);
            let mut through = vec![Point { x: start.x + NODE.width, y: start.y + middle }];
            for passage in passages {
                let Point { x, y } = points[passage];
                let y = y + PASSAGE / 2.0;
                through.extend([Point { x, y }, Point { x: x + NODE.width, y }]);
            }
            through.push(Point { x: end.x, y: end.y + middle });
            Edge { from, to, means, points: through }
        });
        let mut edges: Vec<Edge> = edges.collect();
        for (node, placed) in self.nodes.iter().enumerate() {
            spread(&mut edges, node, placed.at.y);
        }
        Graph { nodes: self.nodes, edges, size }
    }

    /// The column of each node: behind all that it is made from, and what nothing comes before as far right as it can.
    fn columns(&self) -> Vec<usize> {
        let mut columns = vec![0; self.nodes.len()];
        // As often as there are nodes is enough: a Plan that was checked has no circles.
        for _ in &self.nodes {
            for &(from, to, _) in &self.edges {
                columns[to] = columns[to].max(columns[from] + 1);
            }
        }
        for node in 0..columns.len() {
            let is_first = self.edges.iter().all(|edge| edge.1 != node);
            let next = self
                .edges
                .iter()
                .filter(|edge| edge.0 == node)
                .map(|edge| columns[edge.1])
                .min();
            if let (true, Some(next)) = (is_first, next) {
                columns[node] = next - 1;
            }
        }
        columns
    }
}

/// Lets the edges that end at a node end beside each other, in the order in which they come.
fn spread(edges: &mut [Edge], node: usize, top: f64) {
    let before = |edge: &Edge| edge.points.iter().nth_back(1).map_or(0.0, |point| point.y);
    let mut ending: Vec<&mut Edge> = edges.iter_mut().filter(|edge| edge.to == node).collect();
    ending.sort_by(|a, b| before(a).total_cmp(&before(b)));
    let step = NODE.height / (ending.len() + 1) as f64;
    for (place, edge) in ending.into_iter().enumerate() {
        if let Some(end) = edge.points.last_mut() {
            end.y = top + step * (place + 1) as f64;
        }
    }
}

/// The places of columns: of nodes, which come first, and of edges that pass a column.
struct Slots {
    nodes: usize,
    /// What stands in each column, from above.
    columns: Vec<Vec<usize>>,
    /// The slots beside each slot: before it, and behind it.
    before: Vec<Vec<usize>>,
    behind: Vec<Vec<usize>>,
    /// The slots that each edge passes.
    passages: Vec<Vec<usize>>,
}

impl Slots {
    fn new(node_columns: &[usize], edges: &[(usize, usize, Means)]) -> Self {
        let count = node_columns.iter().max().map_or(0, |last| last + 1);
        let mut slots = Self {
            nodes: node_columns.len(),
            columns: vec![Vec::new(); count],
            before: vec![Vec::new(); node_columns.len()],
            behind: vec![Vec::new(); node_columns.len()],
            passages: Vec::new(),
        };
        for (node, column) in node_columns.iter().enumerate() {
            slots.columns[*column].push(node);
        }
        for &(from, to, _) in edges {
            let mut passages = Vec::new();
            let mut last = from;
            for column in node_columns[from] + 1..node_columns[to] {
                let slot = slots.before.len();
                slots.before.push(Vec::new());
                slots.behind.push(Vec::new());
                slots.columns[column].push(slot);
                slots.join(last, slot);
                passages.push(slot);
                last = slot;
            }
            slots.join(last, to);
            slots.passages.push(passages);
        }
        slots
    }

    fn join(&mut self, left: usize, right: usize) {
        self.behind[left].push(right);
        self.before[right].push(left);
    }

    /// Puts the slots of each column in the order of what they are joined with, from both sides in turn.
    fn sort(&mut self) {
        for sweep in 0..SWEEPS {
            let mut rank = vec![0.0; self.before.len()];
            for column in &self.columns {
                for (place, slot) in column.iter().enumerate() {
                    rank[*slot] = (place as f64 + 0.5) / column.len() as f64;
                }
            }
            let forward = sweep % 2 == 0;
            let joined = if forward { &self.before } else { &self.behind };
            let mean = |slot: usize, rank: &[f64]| match joined[slot].as_slice() {
                [] => rank[slot],
                others => others.iter().map(|other| rank[*other]).sum::<f64>() / others.len() as f64,
            };
            let count = self.columns.len();
            for at in 0..count {
                let column = if forward { at } else { count - 1 - at };
                let mut slots = std::mem::take(&mut self.columns[column]);
                slots.sort_by(|a, b| mean(*a, &rank).total_cmp(&mean(*b, &rank)));
                let length = slots.len() as f64;
                for (place, slot) in slots.iter().enumerate() {
                    rank[*slot] = (place as f64 + 0.5) / length;
                }
                self.columns[column] = slots;
            }
        }
    }

    /// The upper left corner of each slot, and the size of it all. Columns are centred.
    fn points(&self) -> (Vec<Point>, Size) {
        let height = |slot: usize| if slot < self.nodes { NODE.height } else { PASSAGE };
        let total = |column: &[usize]| {
            let heights: f64 = column.iter().map(|slot| height(*slot)).sum();
            heights + GAP.height * column.len().saturating_sub(1) as f64
        };
        let tallest = self.columns.iter().map(|column| total(column)).fold(0.0, f64::max);
        let mut points = vec![Point { x: 0.0, y: 0.0 }; self.before.len()];
        for (number, column) in self.columns.iter().enumerate() {
            let x = MARGIN + number as f64 * (NODE.width + GAP.width);
            let mut y = MARGIN + (tallest - total(column)) / 2.0;
            for slot in column {
                points[*slot] = Point { x, y };
                y += height(*slot) + GAP.height;
            }
        }
        let count = self.columns.len() as f64;
        let width = 2.0 * MARGIN + count * NODE.width + (count - 1.0).max(0.0) * GAP.width;
        (points, Size { width, height: 2.0 * MARGIN + tallest })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::examples::variants::tests::service;

    #[test]
    fn everything_stands_behind_what_it_is_made_from() {
        let graph = Graph::of(&service()).unwrap();
        for Edge { from, to, points, .. } in &graph.edges {
            let (from, to) = (&graph.nodes[*from], &graph.nodes[*to]);
            assert!(from.at.x + NODE.width < to.at.x, "{} is not before {}", from.name, to.name);
            assert!(points.windows(2).all(|pair| pair[0].x <= pair[1].x), "{points:?}");
        }
        for node in &graph.nodes {
            assert!(
                node.at.x + NODE.width <= graph.size.width && node.at.y + NODE.height <= graph.size.height
            );
        }
    }

    #[test]
    fn nodes_do_not_cover_each_other() {
        let Graph { nodes, .. } = Graph::of(&service()).unwrap();
        for (at, node) in nodes.iter().enumerate() {
            for other in &nodes[at + 1..] {
                let apart = (node.at.x - other.at.x).abs() >= NODE.width
                    || (node.at.y - other.at.y).abs() >= NODE.height;
                assert!(apart, "{} covers {}", node.name, other.name);
            }
        }
    }

    #[test]
    fn edges_end_beside_each_other() {
        let graph = Graph::of(&service()).unwrap();
        for (at, edge) in graph.edges.iter().enumerate() {
            let others = graph.edges[at + 1..].iter().filter(|other| other.to == edge.to);
            for other in others {
                assert_ne!(edge.points.last(), other.points.last(), "{edge:?} {other:?}");
            }
        }
    }

    #[test]
    fn edges_say_what_they_mean() {
        let graph = Graph::of(&service()).unwrap();
        let edges = |to: &str, kind: Kind| {
            let wanted = graph
                .edges
                .iter()
                .filter(|edge| graph.nodes[edge.to].name == to && graph.nodes[edge.to].kind == kind);
            let mut edges: Vec<_> =
                wanted.map(|edge| (edge.means, graph.nodes[edge.from].name.as_str())).collect();
            edges.sort_unstable();
            edges
        };
        let image = Kind::Stage(Role::Runtime);
        assert_eq!(
            edges("app", image),
            [(Means::StartsFrom, "base"), (Means::TakesFiles, "compile"), (Means::TakesFiles, "deps")]
        );
        let waits = [(Means::StartsFrom, "app"), (Means::WaitsFor, "scan"), (Means::WaitsFor, "unit")];
        assert_eq!(edges("app", Kind::Product), waits);
        // The gate looks into the image, and the product waits for both.
        assert_eq!(
            edges("scan", Kind::Stage(Role::Tester)),
            [(Means::StartsFrom, "deps"), (Means::TakesFiles, "app")]
        );
    }
}
