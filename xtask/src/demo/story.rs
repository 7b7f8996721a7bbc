//! The demo as it is told: three builds, three containers, their sizes.

use std::fs;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail};
use stagewright::{BuildOptions, Builder, Plan};
use stagewright_tests::Registry;
use stagewright_tests::container::{Containers, Image};

use super::build::{Built, build};
use super::facts::Shared;
use super::inspect::Contents;
use super::project::{EDITED, Project};
use super::service::{SERVICES, Service};
use super::table::{Pair, Row, Times, bytes, count, table};
use crate::place::Place;
use crate::process::is_interrupted;
use crate::up::Fixtures;

/// Tells everything, with a directory for what is needed on the way.
pub(super) fn tell(place: &Place, fixtures: &Fixtures, state: &Path) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .context("the clock is before 1970")?;
    let mark = format!("demo-{:x}", since.as_millis());

    println!("\nThe project: an npm workspace of three services and a library, examples/microservices.");
    println!("  compiling its stages.rs, which prints the Plan");
    let plan = Project::plan(place)?;
    let containers = Containers::new(state)?.interrupted_by(is_interrupted);
    let project = Project::copy(place, state.join("project"), &mark)?;
    let builder = runtime.block_on(Builder::at(&fixtures.buildkit_host))?;
    let story = Story { fixtures, containers, state, plan, project, mark };

    let (times, edited) = runtime.block_on(story.builds(&builder))?;
    let developed = runtime.block_on(story.build_for_development(&builder))?;

    println!(
        "\n4. The images, pulled from the registry and run by runc as their configs say: read-only, without"
    );
    println!("  capabilities, each in a network of its own, where it is asked.");
    let registry = Registry::new(&fixtures.registry);
    let images = SERVICES.iter().map(|service| {
        let image = story.find(&registry, service.name, &edited)?;
        Ok((service, image, story.find(&registry, &development(service.name), &developed)?))
    });
    let images = images.collect::<Result<Vec<_>>>()?;
    let all: Vec<&Image> = images.iter().flat_map(|(_, image, builder)| [image, builder]).collect();
    let base = Image::shared_layers(&all);
    let packages = story.project.development_packages()?;
    let mut rows = Vec::new();
    for (service, image, builder) in &images {
        rows.push(story.service(service, (image, builder), base, &packages)?);
    }

    println!("\n5. Sizes. The builder is the stage that compiled the service, as an image.");
    println!(
        "  In no runtime image is a compiler, or one of the {} packages that only development",
        packages.len()
    );
    println!("  needs; TypeScript's compiler and such packages are in every builder.");
    println!("\n{}", table(&rows, &times).trim_end());
    Ok(())
}

struct Story<'a> {
    fixtures: &'a Fixtures,
    containers: Containers,
    state: &'a Path,
    plan: Plan,
    project: Project,
    mark: String,
}

impl Story<'_> {
    /// Cold, again, after an edit.
    async fn builds(&self, builder: &Builder) -> Result<(Times, Built)> {
        let options = self.pushed(&SERVICES.map(|service| service.name.to_owned()));

        println!("\n1. A cold build: all three images from one invocation, each gated by its tests, pushed.");
        println!(
            "  A mark in the copy's package.json makes every install new; nothing of the project is cached."
        );
        println!("  Base images are there, and npm's download cache has what earlier builds left.");
        let cold = build(builder, &self.plan, &options).await?;
        println!("  {:.1} s, {} ran", cold.seconds, count(cold.facts.ran().len(), "command"));
        ran_once(&cold)?;
        uploaded_once(&cold)?;
        for (target, digest) in &cold.digests {
            println!("  {} {digest}", self.image(target));
        }

        println!("\n2. The same again.");
        let again = build(builder, &self.plan, &options).await?;
        println!("  {:.1} s, {} ran", again.seconds, count(again.facts.ran().len(), "command"));
        if !again.facts.ran().is_empty() {
            bail!("nothing should run again, but this did: {}", again.facts.ran().join(", "));
        }
        if again.digests != cold.digests {
            bail!("the digests should be the same again, but are {:?}", again.digests);
        }
        println!("  the same digests");

        println!("\n3. One line more in {EDITED}.");
        self.project.edit(&self.mark)?;
        let edited = build(builder, &self.plan, &options).await?;
        println!("  {:.1} s, {} ran", edited.seconds, count(edited.facts.ran().len(), "command"));
        only_api_ran(&cold, &edited)?;
        println!("  api has a new digest; worker and web have theirs");
        Ok((Times { cold: cold.seconds, again: again.seconds, edit: edited.seconds }, edited))
    }

    /// The builder stages as images.
    async fn build_for_development(&self, builder: &Builder) -> Result<Built> {
        println!("\nThe builders as images, to compare with: targets of their own, of the same stages.");
        let names = SERVICES.map(|service| development(service.name));
        let options = names.iter().fold(self.pushed(&names), BuildOptions::target);
        let built = build(builder, &self.plan, &options).await?;
        println!("  {:.1} s, {} ran", built.seconds, count(built.facts.ran().len(), "command"));
        if !built.facts.ran().is_empty() {
            bail!("the builders are built already, but this ran: {}", built.facts.ran().join(", "));
        }
        Ok(built)
    }

    /// Runs a service's image, and compares it with its builder.
    fn service(
        &self,
        service: &Service,
        (image, builder): (&Image, &Image),
        base: usize,
        packages: &[String],
    ) -> Result<Row> {
        let name = service.name;
        println!("\n  {} of {}", self.image(name), bytes(image.size()));
        let contents = self.contents(image, packages)?;
        if let Some(compiler) = contents.compilers.first() {
            bail!("the image of {name} should have no compiler, but has {}", compiler.display());
        }
        if let Some(package) = contents.development.first() {
            bail!("the image of {name} should have nothing of development, but has {package}");
        }
        self.run(service, image)?;

        let built = self.contents(builder, packages)?;
        if built.compilers.is_empty() || built.development.is_empty() {
            bail!("the builder of {name} should have a compiler and packages of development, but has none");
        }
        Ok(Row {
            image: name,
            size: Pair { image: image.size(), builder: builder.size() },
            above: Pair { image: image.size_above(base), builder: builder.size_above(base) },
            unpacked: Pair { image: contents.bytes, builder: built.bytes },
        })
    }

    /// The image of a target, as the registry has it: what was built of it.
    fn find(&self, registry: &Registry, target: &str, built: &Built) -> Result<Image> {
        let image = Image::find(registry, &repository(target), &self.mark)?;
        if built.digests.get(target) != Some(&image.digest) {
            bail!("the registry should have what was built of {target}, but has {}", image.digest);
        }
        Ok(image)
    }

    /// Unpacks an image, and looks at what is in it.
    fn contents(&self, image: &Image, packages: &[String]) -> Result<Contents> {
        Contents::of(self.containers.unpack(image)?.path(), packages)
    }

    /// Starts a container of an image, asks it, and stops it.
    fn run(&self, service: &Service, image: &Image) -> Result<()> {
        let name = service.name;
        let config = &image.config.config;
        let mut launch = self.containers.run(image, name);
        if let Some((file, text, directory)) = service.job {
            let jobs = self.state.join(format!("{name}-jobs"));
            fs::create_dir(&jobs).and_then(|()| fs::write(jobs.join(file), text))?;
            launch = launch.mount(jobs, directory);
        }
        let mut container = launch.start()?;
        let program = config
            .entrypoint
            .iter()
            .chain(&config.cmd)
            .map(String::as_str)
            .collect::<Vec<_>>();
        println!("    runs `{}` in {} as {}", program.join(" "), config.working_dir, config.user);
        container.wait_healthy()?;
        println!("    healthy: `{}` exits with 0", container.health_check()?.join(" "));
        let (uid, wanted) = (container.uid()?, container.user().uid);
        if uid != wanted || uid == 0 {
            bail!("the process of {name} should have the user {wanted}, and not root's, but has {uid}");
        }
        println!("    its process has the user id {uid}, which is {}'s in its /etc/passwd", config.user);

        for request in service.requests {
            let answer = request.check(&container.exec(&request.program())?);
            let answer = answer.with_context(|| format!("{name} answers wrongly\n{}", container.log()))?;
            println!("    {}", request.line());
            println!("      {answer}");
        }
        let log = container.log();
        if !log.contains(service.writes) {
            bail!("{name} should write {:?}, but wrote:\n{log}", service.writes);
        }
        println!("    writes {}", service.writes);

        let signal = container.stop_signal().to_owned();
        let end = container.stop()?;
        if !end.status.success() {
            bail!("{name} should end well on {signal}, but ended with {}:\n{}", end.status, container.log());
        }
        println!("    {signal}: ends after {:.1} s with {}", end.after.as_secs_f64(), end.status);
        Ok(())
    }

    /// Options that push these targets.
    fn pushed(&self, targets: &[String]) -> BuildOptions {
        let options = BuildOptions::new(&self.project.directory).push();
        targets
            .iter()
            .fold(options, |options, target| options.tag(format!("{target}={}", self.image(target))))
    }

    /// The name of a target's image.
    fn image(&self, target: &str) -> String {
        format!("{}/{}:{}", self.fixtures.registry, repository(target), self.mark)
    }
}

fn repository(target: &str) -> String {
    format!("demo/{target}")
}

/// The target that is a service's builder as an image.
fn development(service: &str) -> String {
    format!("{service}-dev")
}

/// Says how often each step ran that several images share, which must be once.
fn ran_once(built: &Built) -> Result<()> {
    let shared = built.facts.shared();
    if !shared.iter().any(|step| step.name.contains("] RUN ")) {
        bail!("the images should share commands, but the status streams tell of none");
    }
    println!("  what several images share:");
    let (commands, copies): (Vec<&Shared<'_>>, Vec<&Shared<'_>>) =
        shared.iter().partition(|step| step.name.contains("] RUN "));
    for step in commands {
        println!("    ran {} for {} images  {}", times(step.runs), step.targets, step.name);
    }
    if let Some(step) = shared.iter().find(|step| step.runs != 1) {
        bail!("{} should run once, but ran {}", step.name, times(step.runs));
    }
    println!("    and {}, each once", count(copies.len(), "copy step"));
    Ok(())
}

/// Says what was sent of the context, which must be sent once.
fn uploaded_once(built: &Built) -> Result<()> {
    let transfers = built.facts.transfers();
    let [ignore, context] = transfers else {
        bail!("the context should be sent once, after its .dockerignore, but sent was {transfers:?}");
    };
    if ignore.files > 1 || context.files < 2 {
        bail!("the .dockerignore and then the context should be sent, but sent was {transfers:?}");
    }
    println!(
        "  sent: .dockerignore ({}), then the context once: {}, {}",
        bytes(ignore.bytes),
        count(usize::try_from(context.files)?, "file"),
        bytes(context.bytes),
    );
    Ok(())
}

/// After an edit of the api: its commands ran again, and it alone changed.
fn only_api_ran(before: &Built, after: &Built) -> Result<()> {
    let ran = after.facts.ran();
    if ran.is_empty() || !ran.iter().all(|step| step.starts_with("[api")) {
        bail!("only steps of api should run, but these ran: {}", ran.join(", "));
    }
    for service in &SERVICES {
        let same = before.digests.get(service.name) == after.digests.get(service.name);
        if same == (service.name == "api") {
            bail!("only api should change, but the digests are {:?}", after.digests);
        }
    }
    Ok(())
}

fn times(number: usize) -> String {
    match number {
        1 => "once".to_owned(),
        number => format!("{number} times"),
    }
}
