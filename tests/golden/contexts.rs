//! Contexts that are no directory, or that stand in for an image or a stage; and reports.

use buildkit_llb::{Definition, GitSource, Graph, HttpSource, ImageSource, Metadata, Platform};
use expect_test::expect;
use stagewright_plan::lower::{
    Context, ContextKey, ForwardedContext, HttpContext, ImageContext, LowerError, ResolvedImage, World,
};
use stagewright_plan::plan::OnPlatform;
use stagewright_plan::{Build, Plan, Problem, Targets};

use crate::world::{config, lower_in, plan_of, without_places};

fn build() -> Plan {
    plan_of(|b: &Build, (): ()| {
        let base = b.base("base", "node:18");
        let made = base.builder("made").copy(b.context().file("a"), "/a").run("make");
        let unit = made
            .tester("unit")
            .workdir("/app")
            .run("test")
            .report("reports")
            .report("/log.txt");
        let app = base
            .runtime("app")
            .copy(made.artifact("/out"), "/out")
            .copy(b.context_named("docs").file("b"), "/b")
            .gated_by(&unit);
        Targets::new().product(app).target(unit)
    })
}

fn given(target: &str, contexts: &[(&str, Context)]) -> Result<String, LowerError> {
    let plan = build();
    let lowered = lower_in(&plan, &[target], |world: &mut World| {
        for (name, context) in contexts {
            world.contexts.insert(ContextKey::target(name), context.clone());
        }
    })?;
    Ok(without_places(&lowered.graph.definition(lowered.targets[0].output).unwrap()))
}

fn image(name: &str, architecture: &str) -> Context {
    let mut config = config();
    architecture.clone_into(&mut config.architecture);
    Context::Image(Box::new(ImageContext {
        resolved: ResolvedImage { reference: name.parse().unwrap(), config },
        platform: Platform::new("linux", "amd64"),
        mode: Default::default(),
    }))
}

fn forwarded() -> Definition {
    let mut graph = Graph::new();
    let source = ImageSource::new("alpine".parse().unwrap(), Platform::new("linux", "amd64"));
    let op = graph.add(source, Metadata::named("forwarded")).unwrap();
    graph.definition(Some(op.root())).unwrap()
}

#[test]
fn a_context_may_be_a_repository_or_an_archive() {
    let git = GitSource::new("https://h/a.git#v1:docs".parse().unwrap());
    let mut source = HttpSource::new("https://h/a.tar.gz");
    source.file.name = "context".to_owned();
    let http = HttpContext { source, unpack: true, subdir: "sub".to_owned() };
    let text = given(
        "unit",
        &[("context", Context::Http(Box::new(http))), ("docs", Context::Git(Box::new(git.clone())))],
    );
    expect![[r##"
        #0 source docker-image://docker.io/library/node:18@sha256:abababababababababababababababababababababababababababababababab (linux/amd64)
            llb.customname "[base] FROM docker.io/library/node:18@sha256:abababababababababababababababababababababababababababababababab"
        #1 source https://h/a.tar.gz
            http.filename context
            llb.customname "[internal] load remote build context"
        #2 file
            [0] on scratch: copy #1 /context -> / unpack
            llb.customname "[internal] unpack remote build context"
        #3 file
            [0] on scratch: copy #2 /sub -> / contents
            llb.customname "[internal] select directory of remote build context"
        #4 file
            [0] on #0: copy #3 /a -> /a follow contents parents wildcard none-ok
            llb.customname "[made 1/2] COPY a /a"
        #5 exec /bin/sh -c make (linux/amd64)
            env PATH=/usr/local/bin:/usr/bin:/bin
            env LANG=C.UTF-8
            mount / #4 -> output 0
            llb.customname "[made 2/2] RUN make"
        #6 file
            [0] on #5: mkdir /app mode 0755 parents
            llb.customname "[unit 1/2] WORKDIR /app"
        #7 exec /bin/sh -c test (linux/amd64)
            env PATH=/usr/local/bin:/usr/bin:/bin
            env LANG=C.UTF-8
            cwd /app
            mount / #6 -> output 0
            llb.customname "[unit 2/2] RUN test"
        #8 file
            [0] on scratch: copy #7 /app/reports -> /app/reports follow contents parents
            [1] on [0]: copy #7 /log.txt -> /log.txt follow contents parents
            llb.customname "[unit] reports"
        result #8
    "##]].assert_eq(&text.unwrap());
    let text = given("app", &[("context", Context::Git(Box::new(git))), ("docs", Context::Empty)]).unwrap();
    assert!(text.contains("[internal] load git source h/a.git"), "{text}");
}

#[test]
fn a_context_stands_in_for_an_image_and_for_a_stage() {
    let text = given("app", &[("docker.io/library/node:18", image("alpine:3", "amd64"))]).unwrap();
    assert!(text.contains("[context node:18] alpine:3"), "{text}");
    assert!(!text.contains("FROM docker.io/library/node"), "{text}");

    let made = ForwardedContext { definition: forwarded(), config: None };
    let text = given("app", &[("made", Context::Forwarded(Box::new(made)))]).unwrap();
    assert!(text.contains("forwarded") && !text.contains("RUN make"), "{text}");
    assert!(
        !text.contains("load build context"),
        "what only the replaced stage reads is not asked for: {text}"
    );

    let text = given("app", &[("unit", Context::Empty)]).unwrap();
    assert!(!text.contains("RUN test"), "{text}");
    // What the Plan reads as a context is that alone.
    let text = given("app", &[("docs", image("alpine:3", "amd64"))]).unwrap();
    assert!(text.contains("RUN make") && text.contains("[context docs] alpine:3"), "{text}");
}

#[test]
fn what_is_given_for_one_platform_stands_in_for_no_image_of_the_other() {
    let plan = plan_of(|b: &Build, (): ()| {
        let tool = b.builder("tool", b.image("node:18").on_build_platform()).run("make");
        let app = b.runtime("app", "node:18").copy(tool.artifact("/out"), "/out");
        Targets::new().product(app)
    });
    let stands_in = |keys: &[OnPlatform]| {
        let lowered = lower_in(&plan, &["app"], |world: &mut World| {
            world.build_platform = Platform::new("linux", "arm64");
            for on in keys {
                let key = ContextKey { name: "node:18".to_owned(), on: on.clone() };
                world.contexts.insert(key, Context::Empty);
            }
        })
        .unwrap();
        let text = without_places(&lowered.graph.definition(lowered.targets[0].output).unwrap());
        (
            text.contains("[app] FROM docker.io/library/node"),
            text.contains("[tool] FROM docker.io/library/node"),
        )
    };
    assert_eq!(stands_in(&[]), (true, true));
    assert_eq!(stands_in(&[OnPlatform::Target]), (false, true));
    assert_eq!(stands_in(&[OnPlatform::Build]), (true, false));
    assert_eq!(stands_in(&[OnPlatform::Target, OnPlatform::Build]), (false, false));
}

#[test]
fn an_image_of_another_platform_is_refused_by_name() {
    let error = given("app", &[("docs", image("alpine:3", "arm64"))]).unwrap_err();
    assert_eq!(error.to_string(), "image `docs` is for linux/arm64, not for linux/amd64");
    assert!(Problem::from(error).at.is_some());
}

#[test]
fn a_tester_as_a_target_is_its_reports() {
    let text = given("unit", &[("made", Context::Empty)]).unwrap();
    expect![[r##"
        #0 file
            [0] on scratch: mkdir /app mode 0755 parents
            llb.customname "[unit 1/2] WORKDIR /app"
        #1 exec /bin/sh -c test (linux/amd64)
            env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
            cwd /app
            mount / #0 -> output 0
            llb.customname "[unit 2/2] RUN test"
        #2 file
            [0] on scratch: copy #1 /app/reports -> /app/reports follow contents parents
            [1] on [0]: copy #1 /log.txt -> /log.txt follow contents parents
            llb.customname "[unit] reports"
        result #2
    "##]]
    .assert_eq(&text);
    let text = given("app", &[]).unwrap();
    assert!(!text.contains("reports"), "a gate needs no reports: {text}");
}
