//! The order in which the Go client comes to the nodes of a build.

use super::description::*;

/// Leaves out the nodes that the target does not depend on, and puts the others behind their inputs, depth first.
pub(crate) fn sort(build: &mut Build) {
    let mut order = Vec::new();
    if let Some(target) = &build.target {
        // Each node with those of its inputs that are still to be visited, the next one last.
        let mut seen = vec![false; build.nodes.len()];
        let mut path = vec![(target.node, pending(build, target.node))];
        seen[target.node] = true;
        while let Some((node, inputs)) = path.last_mut() {
            match inputs.pop() {
                Some(input) if seen[input] => {}
                Some(input) => {
                    seen[input] = true;
                    path.push((input, pending(build, input)));
                }
                None => {
                    order.push(*node);
                    path.pop();
                }
            }
        }
    }
    let mut positions = vec![0; build.nodes.len()];
    for (position, &node) in order.iter().enumerate() {
        positions[node] = position;
    }
    build.nodes = order.iter().map(|&node| build.nodes[node].clone()).collect();
    for node in &mut build.nodes {
        refs_mut(&mut node.op)
            .into_iter()
            .for_each(|input| input.node = positions[input.node]);
    }
    if let Some(target) = &mut build.target {
        target.node = positions[target.node];
    }
}

/// The nodes that an op uses, in the order in which they are visited; with repetitions.
pub(crate) fn inputs(op: &Op) -> Vec<usize> {
    let inputs: Vec<&Option<Ref>> = match op {
        Op::Image(_) | Op::Local(_) | Op::Git(_) | Op::Http(_) | Op::OciLayout(_) | Op::Blob(_) => Vec::new(),
        Op::Exec(op) => {
            let mut mounts: Vec<(&str, &Option<Ref>)> = vec![("/", &op.root)];
            mounts.extend(op.mounts.iter().map(|mount| (mount.dest.as_str(), &mount.input)));
            mounts.sort_by_key(|(dest, _)| *dest);
            mounts.into_iter().map(|(_, input)| input).collect()
        }
        Op::File(op) => {
            let mut inputs = Vec::new();
            visit_chain(op, &op.chain, &mut inputs);
            inputs
        }
        Op::Merge(op) => op.inputs.iter().collect(),
        Op::Diff(op) => vec![&op.lower, &op.upper],
        Op::Passthrough(op) => op.inputs.iter().map(|input| &input.input).collect(),
        Op::Requires(op) => [&op.input].into_iter().chain(&op.deps).collect(),
        Op::Build(op) => vec![&op.input],
    };
    inputs.into_iter().flatten().map(|input| input.node).collect()
}

/// From the last action backwards: the base, then what is copied from.
fn visit_chain<'a>(op: &'a File, chain: &'a Chain, inputs: &mut Vec<&'a Option<Ref>>) {
    for action in chain.actions.iter().rev() {
        inputs.push(&chain.base);
        match action {
            Action::Copy(copy) => match &copy.from {
                CopySource::State(state) => inputs.push(&state.input),
                CopySource::Chain(chain) => visit_chain(op, &op.chains[*chain], inputs),
            },
            Action::Mkdir(_) | Action::Mkfile(_) | Action::Rm(_) | Action::Symlink(_) => {}
        }
    }
}

fn pending(build: &Build, node: usize) -> Vec<usize> {
    let mut inputs = inputs(&build.nodes[node].op);
    inputs.reverse();
    inputs
}

fn refs_mut(op: &mut Op) -> Vec<&mut Ref> {
    let refs: Vec<&mut Option<Ref>> = match op {
        Op::Image(_) | Op::Local(_) | Op::Git(_) | Op::Http(_) | Op::OciLayout(_) | Op::Blob(_) => Vec::new(),
        Op::Exec(op) => {
            let mounts = op.mounts.iter_mut().map(|mount| &mut mount.input);
            [&mut op.root].into_iter().chain(mounts).collect()
        }
        Op::File(op) => op.chains.iter_mut().chain([&mut op.chain]).flat_map(chain_refs).collect(),
        Op::Merge(op) => op.inputs.iter_mut().collect(),
        Op::Diff(op) => vec![&mut op.lower, &mut op.upper],
        Op::Passthrough(op) => op.inputs.iter_mut().map(|input| &mut input.input).collect(),
        Op::Requires(op) => [&mut op.input].into_iter().chain(&mut op.deps).collect(),
        Op::Build(op) => vec![&mut op.input],
    };
    refs.into_iter().flatten().collect()
}

fn chain_refs(chain: &mut Chain) -> Vec<&mut Option<Ref>> {
    let copied = chain.actions.iter_mut().filter_map(|action| match action {
        Action::Copy(copy) => match &mut copy.from {
            CopySource::State(state) => Some(&mut state.input),
            CopySource::Chain(_) => None,
        },
        Action::Mkdir(_) | Action::Mkfile(_) | Action::Rm(_) | Action::Symlink(_) => None,
    });
    [&mut chain.base].into_iter().chain(copied).collect()
}
