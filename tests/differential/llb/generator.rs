//! Builds from seeds: the same build for the same seed, on every machine.

mod exec;
mod file;
mod meta;
mod source;
mod text;

use super::description::*;
use super::order;

/// The build of a seed, of 5 to 40 nodes.
///
/// Its nodes are in the order in which the Go client comes to them, so that what is said about equal ops is merged
/// in the same order on both sides; nodes that the target does not depend on are left out.
pub(crate) fn build(seed: u64) -> Build {
    let mut generator = Generator::new(seed);
    let files = generator.files();
    let mut graph = Nodes { files: files.len(), ..Nodes::default() };
    let size = generator.between(5, 40);
    graph.push(generator.node(&graph, Kind::Source));
    while graph.nodes.len() < size {
        let kind = generator.kind();
        let node = generator.node(&graph, kind);
        graph.push(node);
        if generator.one_in(12) {
            generator.twin(&mut graph);
        }
    }
    let mut target = generator.output(&graph);
    if generator.one_in(2) {
        let inputs = graph.unused().into_iter().map(Some).collect();
        graph.push(Op::Merge(Merge { inputs }));
        target = Ref { node: graph.nodes.len() - 1, output: 0 };
    }
    let target = (!generator.one_in(50)).then_some(target);
    let mut build = Build {
        name: format!("seed {seed}"),
        platform: generator.sometimes(4, Generator::platform),
        workers: generator.list(4, 2, Generator::worker),
        unique_id: generator.text(),
        caps: generator.one_in(4),
        files,
        nodes: graph.nodes,
        target,
    };
    order::sort(&mut build);
    build
}

#[derive(Clone, Copy)]
enum Kind {
    Source,
    Exec,
    File,
    Merge,
    Diff,
    Passthrough,
    Requires,
    Build,
}

/// What there is so far.
#[derive(Default)]
pub(crate) struct Nodes {
    pub(crate) nodes: Vec<Node>,
    /// Outputs that are files, and those that are scratch.
    outputs: Vec<Ref>,
    scratches: Vec<Ref>,
    files: usize,
}

impl Nodes {
    fn push(&mut self, node: impl Into<Node>) {
        let node = node.into();
        let index = self.nodes.len();
        for output in self.outputs_of(&node.op) {
            let outputs = if self.is_scratch(&node.op) { &mut self.scratches } else { &mut self.outputs };
            outputs.push(Ref { node: index, output });
        }
        self.nodes.push(node);
    }

    /// The outputs that others can use.
    fn outputs_of(&self, op: &Op) -> Vec<usize> {
        match op {
            Op::Exec(exec) => {
                let mounts = (1..).zip(&exec.mounts).filter(|(_, mount)| mount.is_output());
                let root = (!exec.readonly_root).then_some(0);
                root.into_iter().chain(mounts.map(|(index, _)| index)).collect()
            }
            Op::Passthrough(op) => {
                let is_output = |input: &&PassthroughInput| input.output && self.has_files(&input.input);
                (0..op.inputs.iter().filter(is_output).count()).collect()
            }
            _ => vec![0],
        }
    }

    /// Merges and differences of nothing are nothing, and no op.
    fn is_scratch(&self, op: &Op) -> bool {
        match op {
            Op::Merge(op) => !op.inputs.iter().any(|input| self.has_files(input)),
            Op::Diff(op) => !self.has_files(&op.lower) && !self.has_files(&op.upper),
            _ => false,
        }
    }

    fn has_files(&self, input: &Option<Ref>) -> bool {
        input.as_ref().is_some_and(|input| !self.is_scratch(&self.nodes[input.node].op))
    }

    /// An output of each node that no other node uses.
    fn unused(&self) -> Vec<Ref> {
        let mut unused = vec![true; self.nodes.len()];
        for node in &self.nodes {
            for input in order::inputs(&node.op) {
                unused[input] = false;
            }
        }
        let mut outputs = Vec::new();
        for output in &self.outputs {
            if std::mem::take(&mut unused[output.node]) {
                outputs.push(output.clone());
            }
        }
        outputs
    }
}

/// Vigna's splitmix64, and what is made of its numbers.
pub(crate) struct Generator {
    state: u64,
    /// Of the last location, so that no two are equal.
    line: i32,
}

impl Generator {
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed, line: 0 }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// Both ends included.
    fn between(&mut self, least: usize, most: usize) -> usize {
        let count = (most - least + 1) as u64;
        least + usize::try_from(self.next() % count).expect("a small number")
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.between(1, count) == 1
    }

    fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.between(0, items.len() - 1)]
    }

    /// Once in so many times.
    fn sometimes<T>(&mut self, one_in: usize, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.one_in(one_in).then(|| make(self))
    }

    /// Once in so many times a list of one and up to as many items.
    fn list<T>(&mut self, one_in: usize, most: usize, mut make: impl FnMut(&mut Self) -> T) -> Vec<T> {
        let count = if self.one_in(one_in) { self.between(1, most) } else { 0 };
        (0..count).map(|_| make(self)).collect()
    }

    fn kind(&mut self) -> Kind {
        match self.between(0, 99) {
            0..20 => Kind::Source,
            20..46 => Kind::Exec,
            46..72 => Kind::File,
            72..80 => Kind::Merge,
            80..88 => Kind::Diff,
            88..93 => Kind::Passthrough,
            93..96 => Kind::Requires,
            _ => Kind::Build,
        }
    }

    fn node(&mut self, graph: &Nodes, kind: Kind) -> Node {
        let op = match kind {
            Kind::Source => self.source(),
            Kind::Exec => Op::Exec(Box::new(self.exec(graph))),
            Kind::File => Op::File(self.file(graph)),
            Kind::Merge => {
                let inputs = (0..self.between(1, 5)).map(|_| self.input(graph)).collect();
                Op::Merge(Merge { inputs })
            }
            Kind::Diff => Op::Diff(Diff { lower: self.input(graph), upper: self.input(graph) }),
            Kind::Passthrough => {
                let others = self
                    .list(1, 3, |own| PassthroughInput { input: own.input(graph), output: own.one_in(2) });
                let first = PassthroughInput { input: Some(self.output(graph)), output: true };
                let inputs = [first].into_iter().chain(others).collect();
                Op::Passthrough(Passthrough { id: self.word(), inputs })
            }
            // Nothing can be said about the op that this makes.
            Kind::Requires => {
                let deps = self.list(1, 3, |own| own.input(graph));
                return Op::Requires(Requires { id: self.word(), input: Some(self.output(graph)), deps })
                    .into();
            }
            Kind::Build => {
                Op::Build(NestedBuild { input: Some(self.output(graph)), filename: self.maybe_text(2) })
            }
        };
        Node { meta: self.meta(graph.files), op }
    }

    /// An op that is there already, about which other things are said.
    fn twin(&mut self, graph: &mut Nodes) {
        let output = self.output(graph);
        let op = graph.nodes[output.node].op.clone();
        let twin = Ref { node: graph.nodes.len(), output: output.output };
        let says_nothing = matches!(op, Op::Requires(_));
        let meta = if says_nothing { Meta::default() } else { self.meta(graph.files) };
        graph.push(Node { meta, op });
        graph.push(Op::Merge(Merge { inputs: vec![Some(output), Some(twin)] }));
    }

    /// Files that are there, recent ones more often.
    fn output(&mut self, graph: &Nodes) -> Ref {
        let count = graph.outputs.len();
        let first = if self.one_in(2) { count.saturating_sub(4) } else { 0 };
        graph.outputs[self.between(first, count - 1)].clone()
    }

    /// Files or scratch, which can be a node too.
    fn input(&mut self, graph: &Nodes) -> Option<Ref> {
        match self.between(0, 9) {
            0 => None,
            1 if !graph.scratches.is_empty() => Some(self.pick(&graph.scratches).clone()),
            _ => Some(self.output(graph)),
        }
    }
}
