//! Which stages a stage needs, and in what order they can be made.

use std::collections::{BTreeMap, BTreeSet};

use crate::plan::{Plan, Role, Stage, Step};
use crate::problem::{Problem, Problems};

/// The stages that these need, themselves and gates included. What a stage needs at which it stops does not count.
pub(crate) fn reached<'a, 't>(
    plan: &'a Plan,
    index: &BTreeMap<&'a str, usize>,
    starts: impl IntoIterator<Item = &'t str>,
    stop: impl Fn(&str) -> bool,
) -> BTreeSet<&'a str> {
    let mut open: Vec<usize> = starts.into_iter().filter_map(|name| index.get(name).copied()).collect();
    let mut reached = BTreeSet::new();
    while let Some(i) = open.pop() {
        let stage = &plan.stages[i];
        if reached.insert(stage.name.as_str()) && !stop(&stage.name) {
            let needed = made_from(stage).chain(stage.gates.iter().map(|gate| gate.stage.as_str()));
            open.extend(needed.filter_map(|name| index.get(name).copied()));
        }
    }
    reached
}

/// The stages in an order in which each comes after what it is made from; the Plan's own order where it may be.
pub(super) fn order(plan: &Plan, index: &BTreeMap<&str, usize>) -> Result<Vec<usize>, Problems> {
    #[derive(Clone, Copy, PartialEq)]
    enum Mark {
        New,
        Open,
        Done,
    }
    let needs: Vec<Vec<usize>> = plan
        .stages
        .iter()
        .map(|stage| made_from(stage).filter_map(|name| index.get(name).copied()).collect())
        .collect();
    let mut marks = vec![Mark::New; plan.stages.len()];
    let mut order = Vec::new();
    for start in 0..plan.stages.len() {
        let mut path = vec![(start, 0)];
        while let Some((i, next)) = path.pop() {
            if next == 0 && marks[i] != Mark::New {
                continue;
            }
            marks[i] = Mark::Open;
            match needs[i].get(next) {
                None => {
                    marks[i] = Mark::Done;
                    order.push(i);
                }
                Some(needed) => {
                    path.push((i, next + 1));
                    match marks[*needed] {
                        Mark::New => path.push((*needed, 0)),
                        Mark::Done => {}
                        Mark::Open => return Err(cycle(plan, &path, *needed).into()),
                    }
                }
            }
        }
    }
    Ok(order)
}

/// The stages that a stage's filesystem is made from. A tester's gates are among them: it waits for them. An
/// image's are not: it is built beside its tests.
fn made_from(stage: &Stage) -> impl Iterator<Item = &str> {
    let start = stage.from.stage();
    let steps = stage
        .steps
        .iter()
        .flat_map(Step::origins)
        .filter_map(|(origin, _)| origin.stage());
    let gates = stage
        .gates
        .iter()
        .filter(|_| stage.role == Role::Tester)
        .map(|gate| gate.stage.as_str());
    start.into_iter().chain(steps).chain(gates)
}

/// How many stages of a ring are named: a person looks at the first ones, and there may be thousands.
const NAMED: usize = 8;

fn cycle(plan: &Plan, path: &[(usize, usize)], closing: usize) -> Problem {
    let ring: Vec<usize> = path.iter().map(|(i, _)| *i).skip_while(|i| *i != closing).collect();
    let name = |i: &usize| format!("`{}`", plan.stages[*i].name);
    let mut names: Vec<String> = ring.iter().take(NAMED).map(name).collect();
    if ring.len() > NAMED {
        names.push(format!("{} more", ring.len() - NAMED));
    }
    names.push(name(&closing));
    let problem =
        Problem::new(format!("stages are made from each other in a ring: {}", names.join(" from ")))
            .at(&plan.stages[closing].at);
    ring[1..]
        .iter()
        .take(NAMED - 1)
        .fold(problem, |p, i| p.related(&plan.stages[*i].at, "is part of the ring"))
}
