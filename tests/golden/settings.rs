//! What the person who builds says for every step, in the ops.

use std::collections::BTreeMap;

use buildkit_llb::{ExtraHost, LinuxResources, Network, Platform, ProxyEnv, Ulimit, caps};
use expect_test::expect;
use stagewright_plan::lower::{Abilities, NoCache, Settings};
use stagewright_plan::{Build, Cache, Plan, Targets, describe, sh};

use crate::world::{lower_in, plan_of, without_places};

fn build() -> Plan {
    plan_of(|b: &Build, (): ()| {
        let tools = b.base("tools", "debian").workdir("/src");
        let made = tools
            .builder("made")
            .run(sh("make").cache(Cache::at("/cache")))
            .run(sh("check").no_network());
        let app = b
            .runtime("app", "debian")
            .label("who", "program")
            .label("what", "app")
            .copy(made.artifact("/out"), "/out");
        Targets::new().product(app)
    })
}

fn all() -> Settings {
    Settings {
        no_cache: NoCache::Stages(["MADE".to_owned()].into()),
        extra_hosts: vec![ExtraHost { host: "db".to_owned(), ip: "10.0.0.2".parse().unwrap() }],
        ulimits: vec![Ulimit { name: "nofile".to_owned(), soft: 1, hard: 2 }],
        shm_size: 64 << 20,
        cgroup_parent: "/own".to_owned(),
        network: Network::Host,
        hostname: "machine".to_owned(),
        resources: Some(LinuxResources { memory: 1 << 30, ..LinuxResources::default() }),
        proxy: Some(ProxyEnv { http: "http://proxy".to_owned(), ..ProxyEnv::default() }),
        labels: [("who".to_owned(), "person".to_owned())].into(),
        cache_namespace: "ns".to_owned(),
        source_date_epoch: Some(86_400),
        ..Settings::default()
    }
}

#[test]
fn settings_are_in_every_command() {
    let plan = build();
    let lowered = lower_in(&plan, &["app"], |world| world.settings = all()).unwrap();
    let text = without_places(&lowered.graph.definition(lowered.targets[0].output).unwrap());
    expect![[r##"
        #0 source docker-image://docker.io/library/debian:latest@sha256:abababababababababababababababababababababababababababababababab (linux/amd64)
            llb.customname "[app] FROM docker.io/library/debian:latest@sha256:abababababababababababababababababababababababababababababababab"
        #1 file
            [0] on #0: mkdir /src mode 0755 parents time 86400000000000
            llb.customname "[tools 1/1] WORKDIR /src"
        #2 exec /bin/sh -c make (linux/amd64)
            env PATH=/usr/local/bin:/usr/bin:/bin
            env LANG=C.UTF-8
            cwd /src
            hostname machine
            http proxy http://proxy
            host db 10.0.0.2
            ulimit nofile 1:2
            cgroup parent /own
            network host
            mount / #1 -> output 0
            mount /cache cache ns//cache shared
            mount /dev/shm tmpfs 67108864 bytes
            llb.customname "[made 1/2] RUN make"
            ignores the cache
            LinuxResources { memory: 1073741824, memory_swap: 0, cpu_shares: 0, cpu_period: 0, cpu_quota: 0, cpuset_cpus: "", cpuset_mems: "" }
        #3 exec /bin/sh -c check (linux/amd64)
            env PATH=/usr/local/bin:/usr/bin:/bin
            env LANG=C.UTF-8
            cwd /src
            hostname machine
            http proxy http://proxy
            host db 10.0.0.2
            ulimit nofile 1:2
            cgroup parent /own
            network none
            mount / #2 -> output 0
            mount /dev/shm tmpfs 67108864 bytes
            llb.customname "[made 2/2] RUN check"
            ignores the cache
            LinuxResources { memory: 1073741824, memory_swap: 0, cpu_shares: 0, cpu_period: 0, cpu_quota: 0, cpuset_cpus: "", cpuset_mems: "" }
        #4 file
            [0] on #0: copy #3 /out -> /out follow contents parents wildcard none-ok
            llb.customname "[app 1/1] COPY --from=made /out /out"
        result #4
    "##]].assert_eq(&text);
    let config = lowered.targets[0].config.as_ref().unwrap();
    assert_eq!(config.config.labels["who"], "person");
    assert_eq!(config.config.labels["what"], "app");
    let created = config.history.last().and_then(|entry| entry.created.as_deref());
    assert_eq!(created, Some("1970-01-02T00:00:00Z"));
    let base = lowered.targets[0].base_config.as_ref().unwrap();
    assert_eq!(base.created.as_deref(), Some("2026-01-01T00:00:00Z"));
}

#[test]
fn what_a_daemon_lacks_is_an_error_that_names_it() {
    let plan = build();
    let refused = |settings: Settings, cap: &str| {
        let lowered = lower_in(&plan, &["app"], |world| {
            world.settings = settings;
            world.abilities = Abilities::all().without(cap);
        });
        lowered.unwrap_err().to_string()
    };
    let error = refused(all(), caps::EXEC_META_ULIMIT);
    let expected =
        "the daemon cannot set resource limits (ulimit): it lacks the capability `exec.meta.ulimit`";
    assert_eq!(error, expected);
    let error = refused(Settings::default(), caps::EXEC_MOUNT_CACHE);
    assert_eq!(error, "the daemon cannot do this step: it lacks the capability `exec.mount.cache`");
    let old = |world: &mut stagewright_plan::lower::World| {
        world.abilities = Abilities::all().without(caps::EXEC_META_ULIMIT);
    };
    assert!(lower_in(&plan, &["app"], old).is_ok(), "what is not asked for is not missed");
}

#[test]
fn platforms_share_what_the_build_platform_does() {
    let plan = plan_of(|b: &Build, (): ()| {
        let made = b
            .base("tools", b.image("debian").on_build_platform())
            .builder("made")
            .run("make");
        let app = b.runtime("app", "debian").run("setup").copy(made.artifact("/out"), "/out");
        Targets::new().product(app)
    });
    let vertices = |plan: &Plan, architecture: &str| -> BTreeMap<String, String> {
        let lowered = lower_in(plan, &["app"], |world| {
            world.platform = Platform::new("linux", architecture);
            world.multi_platform = true;
        });
        let lowered = lowered.unwrap();
        let definition = lowered.graph.definition(lowered.targets[0].output).unwrap();
        let named = definition.digests().filter_map(|digest| {
            let name = definition.metadata()[&digest].custom_name()?.to_owned();
            Some((digest.to_string(), name))
        });
        named.collect()
    };
    let (one, other) = (vertices(&plan, "amd64"), vertices(&plan, "arm64"));
    let mut common: Vec<&str> = other
        .iter()
        .filter(|(digest, _)| one.contains_key(*digest))
        .map(|(_, name)| name.split(" docker.io").next().unwrap_or_default())
        .collect();
    common.sort_unstable();
    assert_eq!(common, ["[linux/amd64 made 1/1] RUN make", "[linux/amd64 tools] FROM"]);
    assert!(one.values().any(|name| name == common[0]), "{one:?}");
    assert!(other.values().any(|name| name == "[linux/arm64 app 1/2] RUN setup"), "{other:?}");

    // What the Plan makes for a platform says so, and elsewhere nothing has an arrow.
    let asks = |b: &Build, (): ()| {
        let make = format!("make {}", b.platform().architecture);
        let made = b.builder("made", b.image("debian").on_build_platform()).run(make);
        Targets::new().product(b.runtime("app", "debian").copy(made.artifact("/out"), "/out"))
    };
    let plan =
        describe(&asks, &[("", ""); 0], &Platform::new("linux", "arm64"), &Platform::new("linux", "amd64"));
    let names = vertices(&plan.unwrap(), "arm64");
    let made = "[linux/amd64->arm64 made 1/1] RUN make arm64";
    assert!(names.values().any(|name| name == made), "{names:?}");
}
