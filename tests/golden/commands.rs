//! Commands: scripts, caches, what is mounted, what is made anew.

use expect_test::{Expect, expect};
use stagewright_plan::{Build, Cache, Every, Outcome, script, sh};

use crate::world::{lower_in, plan_of, printed, without_places};

fn check<O: Outcome>(build: impl Fn(&Build, ()) -> O, expected: Expect) {
    expected.assert_eq(&printed(&plan_of(build), "app"));
}

#[test]
fn a_script_is_a_file_that_its_interpreter_reads() {
    let build = |b: &Build, (): ()| {
        b.runtime("app", "debian:bookworm-slim")
            .run(script(["bash", "-euo", "pipefail"], "for i in 1 2; do\n  echo $i\ndone\n").env("A", 1))
            .run(script("python3", "print('no shell')"))
    };
    check(
        build,
        expect![[r##"
        #0 source docker-image://docker.io/library/debian:bookworm-slim@sha256:abababababababababababababababababababababababababababababababab (linux/amd64)
            llb.customname "[app] FROM docker.io/library/debian:bookworm-slim@sha256:abababababababababababababababababababababababababababababababab"
        #1 file
            [0] on scratch: mkfile /EOF mode 0755 "for i in 1 2; do\n  echo $i\ndone\n"
            llb.customname "[internal] preparing inline document"
        #2 exec bash -euo pipefail /dev/pipes/EOF (linux/amd64)
            env PATH=/usr/local/bin:/usr/bin:/bin
            env LANG=C.UTF-8
            env A=1
            mount / #0 -> output 0
            mount /dev/pipes #1 readonly
            llb.customname "[app 1/2] RUN bash -euo pipefail for i in 1 2; do\n  echo $i\ndone"
        #3 file
            [0] on scratch: mkfile /EOF mode 0755 "print('no shell')"
            llb.customname "[internal] preparing inline document"
        #4 exec python3 /dev/pipes/EOF (linux/amd64)
            env PATH=/usr/local/bin:/usr/bin:/bin
            env LANG=C.UTF-8
            mount / #2 -> output 0
            mount /dev/pipes #3 readonly
            llb.customname "[app 2/2] RUN python3 print('no shell')"
        result #4
    "##]],
    );
}

#[test]
fn caches_of_package_managers_and_of_other_users() {
    let build = |b: &Build, (): ()| {
        b.runtime("app", "debian:bookworm-slim")
            .run(sh("apt-get install -y tool").cache(Cache::apt()))
            .run(sh("go build").cache(Cache::go()).cache("/root/.cache/lint"))
            .run(
                sh("npm ci")
                    .user("1000")
                    .cache(Cache::at("/home/app/.npm").id("app-npm").owner(1000, 1000)),
            )
            .run(sh("make").cache(Cache::at("/tmp/ccache").mode(0o777).private()))
    };
    check(
        build,
        expect![[r##"
        #0 source docker-image://docker.io/library/debian:bookworm-slim@sha256:abababababababababababababababababababababababababababababababab (linux/amd64)
            llb.customname "[app] FROM docker.io/library/debian:bookworm-slim@sha256:abababababababababababababababababababababababababababababababab"
        #1 exec /bin/sh -c "apt-get install -y tool" (linux/amd64)
            env PATH=/usr/local/bin:/usr/bin:/bin
            env LANG=C.UTF-8
            mount / #0 -> output 0
            mount /var/cache/apt cache //var/cache/apt locked
            mount /var/lib/apt cache //var/lib/apt locked
            llb.customname "[app 1/4] RUN apt-get install -y tool"
        #2 exec /bin/sh -c "go build" (linux/amd64)
            env PATH=/usr/local/bin:/usr/bin:/bin
            env LANG=C.UTF-8
            mount / #1 -> output 0
            mount /go/pkg/mod cache //go/pkg/mod shared
            mount /root/.cache/go-build cache //root/.cache/go-build shared
            mount /root/.cache/lint cache //root/.cache/lint shared
            llb.customname "[app 2/4] RUN go build"
        #3 file
            [0] on scratch: mkdir /cache mode 0755 owner 1000:1000
            llb.customname "[internal] setting cache mount permissions"
        #4 exec /bin/sh -c "npm ci" (linux/amd64)
            env PATH=/usr/local/bin:/usr/bin:/bin
            env LANG=C.UTF-8
            user 1000
            mount / #2 -> output 0
            mount /home/app/.npm cache /app-npm shared from #3 at /cache
            llb.customname "[app 3/4] RUN npm ci"
        #5 file
            [0] on scratch: mkdir /cache mode 0777 owner 0:0
            llb.customname "[internal] setting cache mount permissions"
        #6 exec /bin/sh -c make (linux/amd64)
            env PATH=/usr/local/bin:/usr/bin:/bin
            env LANG=C.UTF-8
            mount / #4 -> output 0
            mount /tmp/ccache cache //tmp/ccache private from #5 at /cache
            llb.customname "[app 4/4] RUN make"
        result #6
    "##]],
    );
}

#[test]
fn files_are_mounted_without_copying_them() {
    let build = |b: &Build, (): ()| {
        let src = b.context();
        let tool = b.http("https://example.com/tool");
        b.runtime("app", "debian:bookworm-slim").run(
            sh("lint /src")
                .bind(src.all(), "/src")
                .bind(src.file("lint.toml"), "/etc/lint.toml")
                .bind(tool, "/tool"),
        )
    };
    check(
        build,
        expect![[r##"
        #0 source docker-image://docker.io/library/debian:bookworm-slim@sha256:abababababababababababababababababababababababababababababababab (linux/amd64)
            llb.customname "[app] FROM docker.io/library/debian:bookworm-slim@sha256:abababababababababababababababababababababababababababababababab"
        #1 source local://context
            local.excludepatterns ["node_modules"]
            local.session session
            local.sharedkeyhint context
            llb.customname "[internal] load build context"
        #2 source https://example.com/tool
            http.filename tool
            llb.customname "[app] fetch https://example.com/tool"
        #3 exec /bin/sh -c "lint /src" (linux/amd64)
            env PATH=/usr/local/bin:/usr/bin:/bin
            env LANG=C.UTF-8
            mount / #0 -> output 0
            mount /etc/lint.toml #1 at /lint.toml readonly
            mount /src #1 readonly
            mount /tool #2 at /tool readonly
            llb.customname "[app 1/1] RUN lint /src"
        result #3
    "##]],
    );
}

#[test]
fn what_is_to_be_fresh_runs_again_in_each_span_of_time() {
    let build =
        |b: &Build, (): ()| b.runtime("app", "debian:bookworm-slim").run(sh("scan").refresh(Every::week()));
    let plan = plan_of(build);
    let at = |now: i64| {
        let lowered = lower_in(&plan, &["app"], |world| world.now = now).unwrap();
        let target = lowered.target("app").output;
        without_places(&lowered.graph.definition(target).unwrap())
    };
    let (tuesday, sunday, monday) = (1_764_633_600, 1_765_151_999, 1_765_152_000);
    expect![[r##"
        #0 source docker-image://docker.io/library/debian:bookworm-slim@sha256:abababababababababababababababababababababababababababababababab (linux/amd64)
            llb.customname "[app] FROM docker.io/library/debian:bookworm-slim@sha256:abababababababababababababababababababababababababababababababab"
        #1 exec /bin/sh -c scan (linux/amd64)
            env PATH=/usr/local/bin:/usr/bin:/bin
            env LANG=C.UTF-8
            env STAGEWRIGHT_REFRESH=2025-12-01T00:00:00Z
            mount / #0 -> output 0
            llb.customname "[app 1/1] RUN scan"
        result #1
    "##]].assert_eq(&at(tuesday));
    assert_eq!(at(tuesday), at(sunday));
    assert_ne!(at(tuesday), at(monday));
    let lowered = lower_in(&plan, &["app"], |world| world.now = tuesday).unwrap();
    let config = serde_json::to_string(&lowered.target("app").config).unwrap();
    assert!(!config.contains("REFRESH") && !config.contains("2025"), "{config}");
}
