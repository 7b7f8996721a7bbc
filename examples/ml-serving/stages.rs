// syntax=stagewright/rust:1
//! Models that are trained in the build, and ship in a service only if they are good and fast enough.

use stagewright::prelude::*;

/// What `--build-arg` may set.
#[derive(Deserialize, JsonSchema)]
#[serde(default)]
struct Params {
    /// The share of users whom the trial's image answers by the other model.
    #[schemars(range(min = 0.0, max = 1.0))]
    share: f64,
}

impl Default for Params {
    fn default() -> Self {
        Self { share: 0.1 }
    }
}

fn main() -> ExitCode {
    stagewright::main(build)
}

fn build(b: &Build, p: Params) -> Targets {
    let src = b.context();
    let base = b
        .base("base", "python:3.11-slim")
        .workdir("/app")
        .env("PATH", "/opt/venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    let packages = base
        .deps("packages")
        .run("python -m venv /opt/venv")
        .copy(src.file("requirements.txt"), "./")
        .run(sh("pip install --require-hashes -r requirements.txt").cache(Cache::pip()));
    let lab = packages.deps("lab").copy(src.dir("training"), "training/");

    // Two models, side by side, and for each of them two judges.
    let mut gates = Vec::new();
    let mut trained = |name: &str, kind: &str| {
        let file = format!("/models/{name}.joblib");
        let train = lab
            .builder(format!("model-{name}"))
            .run(argv(["python", "-m", "training.train", kind, &file]).no_network());
        let judges = ["accuracy", "speed"].map(|judge| {
            let report = format!("/reports/{name}-{judge}.json");
            train
                .tester(format!("{judge}-{name}"))
                .mkdir("/reports")
                .run(argv(["python", "-m", "training.judge", judge, &file, &report]).no_network())
                .report(report)
        });
        gates.push(judges);
        train.artifact(file)
    };
    let usual = trained("a", "forest");
    let tried = trained("b", "linear");
    let [of_usual, of_tried] = <[_; 2]>::try_from(gates).expect("there are two models");

    let unit = packages
        .tester("unit")
        .copy(src.file("requirements-dev.txt"), "./")
        .run(sh("pip install --require-hashes -r requirements-dev.txt").cache(Cache::pip()))
        .copy(src.dir("service"), "service/")
        .copy(src.dir("tests"), "tests/")
        .run("python -m pytest tests");

    let serving = base
        .runtime("serving")
        .copy(packages.artifact("/opt/venv"), "/opt/venv/")
        .copy(src.dir("service"), "service/")
        .copy(usual, "/models/")
        .nonroot()
        .expose(8000)
        .healthcheck(Healthcheck::http(HttpTool::Python, "http://127.0.0.1:8000/health").every(secs(30)))
        .cmd(["uvicorn", "--factory", "service.app:app", "--host", "0.0.0.0", "--port", "8000"])
        .gated_by(&unit)
        .gated_by([&of_usual[0], &of_usual[1]]);
    // The same, with a second model for some.
    let trial = serving
        .runtime("trial")
        .copy(tried, "/models/")
        .env("TRIAL_SHARE", p.share)
        .gated_by([&of_tried[0], &of_tried[1]]);

    let targets = Targets::new().product(serving).product(trial).target(unit);
    of_usual.into_iter().chain(of_tried).fold(targets, Targets::target)
}
