//! `cargo xtask examples --measure`: what each example takes, on a daemon that knows nothing of it.
//!
//! Every example has a buildkitd of its own, whose state is new. The images that it takes files of are pulled and unpacked
//! first, which is not counted; nothing else is there, no result and no cache of a package manager. Then it is built cold, as
//! it is, and after edits; each time all its products are pushed to the registry on loopback, which is counted. Before the edits,
//! and not counted, it is built without its gates, to see what they add to the images, and its builders as images, to see
//! what does not ship.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use stagewright::{BuildOptions, Builder, Output, Plan};
use stagewright_tests::Registry;
use tokio::runtime::Runtime;

use super::list::{self, Example};
use super::project::Project;
use super::report::{BuilderSize, Figures, ImageFigures, Measured};
use super::sizes::{Sizes, added};
use super::{page, report, variants};
use crate::bench::daemon::{BenchDaemon, stop_left};
use crate::bench::median;
use crate::demo::{Built, build};
use crate::images;
use crate::place::Place;
use crate::up::{self, Fixtures};

/// Builds of which everything is cached.
const NO_OPS: usize = 5;
/// Builds after an edit, each of them another one.
const EDITS: usize = 3;

/// Measures the examples that are named, or all; prints a table, and writes JSON and a page. Stops what it started.
/// An example that cannot be measured is told at the end, after the figures of the others.
pub(crate) fn measure(place: &Place, names: &[String]) -> Result<()> {
    let chosen = list::choose(&place.root, names)?;
    let work = place.target.join("measure");
    clear(&work)?;
    let fixtures = up::up(place)?;
    let measured = images::ensure(place, &fixtures, false)
        .and_then(|()| place.build_programs())
        .and_then(|_| measure_all(place, &fixtures, &work, &chosen));
    let stopped = fixtures.stop_started(place);
    let cleared = clear(&work);
    let (figures, failures) = measured?;
    stopped?;
    cleared?;

    let (json, html) = (place.target.join("examples.json"), place.target.join("examples.html"));
    write(&json, &(serde_json::to_string_pretty(&figures)? + "\n"))?;
    write(&html, &page::page(&figures)?)?;
    print!("\n{}", report::table(&figures));
    println!("\n{}\n{}", json.display(), html.display());
    match failures.as_slice() {
        [] => Ok(()),
        failures => {
            bail!("{} of {} cannot be measured:\n{}", failures.len(), chosen.len(), failures.join("\n"))
        }
    }
}

fn measure_all(
    place: &Place,
    fixtures: &Fixtures,
    work: &Path,
    chosen: &[&'static Example],
) -> Result<(Measured, Vec<String>)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut sizes = Sizes::new(Registry::new(&fixtures.registry));
    let (mut examples, mut failures) = (Vec::new(), Vec::new());
    for example in chosen {
        println!("\n== {}", example.name);
        let work = work.join(example.name);
        let measured = BenchDaemon::start(place, &work, Some(&fixtures.registry)).and_then(|daemon| {
            let measured = Measure::new(place, fixtures, &work, example)
                .and_then(|measure| measure.run(&runtime, &daemon.address(), &mut sizes));
            daemon.stop().and(measured)
        });
        match measured.and_then(|figures| clear(&work).map(|()| figures)) {
            Ok(figures) => examples.push(figures),
            Err(error) => {
                let failure = format!("{}: {error:#}", example.name);
                println!("  {failure}");
                failures.push(failure);
            }
        }
    }
    Ok((Measured::now(examples), failures))
}

/// An example that is being measured.
struct Measure<'a> {
    place: &'a Place,
    registry: &'a str,
    example: &'static Example,
    project: Project,
    plan: Plan,
    /// Of what is pushed, other than in any run before.
    tag: String,
}

impl<'a> Measure<'a> {
    fn new(place: &'a Place, fixtures: &'a Fixtures, work: &Path, example: &'static Example) -> Result<Self> {
        let project = Project::copy(place, work, example)?;
        let plan = project.plan(&place.target.join("debug"))?;
        let tag = format!("{:x}", jiff::Timestamp::now().as_millisecond());
        Ok(Self { place, registry: &fixtures.registry, example, project, plan, tag })
    }

    fn run(&self, runtime: &Runtime, address: &str, sizes: &mut Sizes) -> Result<Figures> {
        let builder = runtime.block_on(Builder::at(address))?;
        let run = |plan: &Plan, options: &BuildOptions| runtime.block_on(build(&builder, plan, options));
        let products = self.products();
        let pushed = self.pushed(&products, "")?;

        println!("  base images");
        self.pull(run)?;
        println!("  cold");
        let cold = run(&self.plan, &pushed)?;
        let gates = self.gates_that_ran(&cold.facts.ran())?;
        println!("  the same again");
        let mut again = Vec::new();
        for _ in 0..NO_OPS {
            let built = run(&self.plan, &pushed)?;
            if let Some(step) = built.facts.ran().first() {
                bail!("nothing should run again, but {step} did");
            }
            again.push(built.seconds);
        }
        println!("  without gates, and the builders");
        let images = self.images(run, &products, sizes)?;
        println!("  edited");
        let (mut edited, mut ran) = (Vec::new(), 0);
        for number in 1..=EDITS {
            self.project.edit(self.place, &self.example.edit, number)?;
            let built = run(&self.plan, &pushed)?;
            ran = built.facts.ran().len();
            edited.push(built.seconds);
        }
        Ok(Figures {
            name: self.example.name.to_owned(),
            cold: cold.seconds,
            no_op: median(&again).context("there was no build")?,
            edit: median(&edited).context("there was no build")?,
            edited: self.example.edit.file.to_owned(),
            commands: cold.facts.ran().len(),
            commands_after_edit: ran,
            gates,
            images,
            plan: self.plan.clone(),
        })
    }

    fn products(&self) -> Vec<String> {
        let products = variants::products(&self.plan);
        products.iter().map(|(target, _)| target.name.clone()).collect()
    }

    fn pull(&self, run: impl Fn(&Plan, &BuildOptions) -> Result<Built>) -> Result<()> {
        let (plan, targets) = variants::pulls(&self.plan)?;
        let options = BuildOptions::new(&self.project.directory).output(Output::cache_only());
        let options = targets.iter().fold(options, BuildOptions::target);
        run(&plan, &options).map(drop).context("cannot pull the base images")
    }

    /// The testers that the products wait for. Each must have run.
    fn gates_that_ran(&self, ran: &[&str]) -> Result<Vec<String>> {
        let gates = variants::gates(&self.plan)?;
        let did_run = |gate: &&String| ran.iter().any(|step| stage_of(step).any(|word| word == *gate));
        match gates.iter().find(|gate| !did_run(gate)) {
            Some(gate) => bail!("the gate {gate} should run, but ran were: {}", ran.join(", ")),
            None => Ok(gates),
        }
    }

    /// Looks at the images, which have been pushed, beside those without gates and their builders.
    fn images(
        &self,
        run: impl Fn(&Plan, &BuildOptions) -> Result<Built>,
        products: &[String],
        sizes: &mut Sizes,
    ) -> Result<Vec<ImageFigures>> {
        let of_image: BTreeMap<&str, Vec<&str>> = variants::products(&self.plan)
            .iter()
            .map(|(target, stage)| (target.name.as_str(), variants::builders(&self.plan, stage)))
            .collect();
        let builders: BTreeSet<&str> = of_image.values().flatten().copied().collect();
        let bare = variants::bare(&self.plan, &builders);
        let targets = builders.iter().map(|builder| variants::builder_target(builder));
        let targets: Vec<String> = products.iter().cloned().chain(targets).collect();
        let options = self.pushed(&targets, "-bare")?;
        run(&bare, &targets.iter().fold(options, BuildOptions::target))?;

        let mut figures = Vec::new();
        for target in products {
            let (image, size) = sizes.find(&self.repository(target), &self.tag)?;
            let (without, _) = sizes.find(&self.repository(target), &format!("{}-bare", self.tag))?;
            let (gate_layers, gate_bytes) = added(&image.layers, &without.layers);
            let mut largest: Option<BuilderSize> = None;
            for builder in of_image.get(target.as_str()).into_iter().flatten() {
                let repository = self.repository(&variants::builder_target(builder));
                let (_, size) = sizes.find(&repository, &format!("{}-bare", self.tag))?;
                if largest.as_ref().is_none_or(|known| known.size.compressed < size.compressed) {
                    largest = Some(BuilderSize { stage: (*builder).to_owned(), size });
                }
            }
            let layers = image.layers.len();
            let target = target.clone();
            figures.push(ImageFigures { target, size, layers, gate_layers, gate_bytes, builder: largest });
        }
        Ok(figures)
    }

    /// Options that push these targets.
    fn pushed(&self, targets: &[String], mark: &str) -> Result<BuildOptions> {
        let tag = |target: &String| {
            format!("{target}={}/{}:{}{mark}", self.registry, self.repository(target), self.tag)
        };
        let options = self.project.options()?.push();
        Ok(targets.iter().fold(options, |options, target| options.tag(tag(target))))
    }

    fn repository(&self, target: &str) -> String {
        format!("measured/{}/{target}", self.example.name)
    }
}

/// The words that say where a step belongs: of `[linux/amd64 unit 2/2] RUN npm test` the platform, the stage and a number.
fn stage_of(step: &str) -> impl Iterator<Item = &str> {
    let inside = step.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    inside.map_or("", |(inside, _)| inside).split(' ')
}

fn write(path: &PathBuf, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// Removes what a run left, whose daemon may still be there if it was killed.
fn clear(work: &Path) -> Result<()> {
    if !work.exists() {
        return Ok(());
    }
    stop_left(work)?;
    for example in list::EXAMPLES {
        stop_left(&work.join(example.name))?;
    }
    fs::remove_dir_all(work).with_context(|| format!("cannot remove {}", work.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_tells_its_stage() {
        let words = |step| stage_of(step).collect::<Vec<_>>();
        assert_eq!(words("[unit 2/2] RUN npm test"), ["unit", "2/2"]);
        assert_eq!(words("[linux/amd64 unit 2/2] RUN [x]"), ["linux/amd64", "unit", "2/2"]);
        assert_eq!(words("gate app"), [""]);
    }
}
