//! Where copied files come from, and how they are copied: as docker/dockerfile's COPY and ADD.

use buildkit_llb::{Platform, caps};
use expect_test::{Expect, expect};
use stagewright_plan::lower::Abilities;
use stagewright_plan::{Build, Outcome, Scratch};

use crate::world::{lower_in, plan_of, printed, without_places};

fn check<O: Outcome>(build: impl Fn(&Build, ()) -> O, expected: Expect) {
    expected.assert_eq(&printed(&plan_of(build), "app"));
}

#[test]
fn a_repository_and_a_file_of_a_server() {
    let build = |b: &Build, (): ()| {
        let tool = b.git("https://example.com/tool.git#v1.2:cmd").keep_git_dir();
        let archive = b.http("https://example.com/data.tar.gz?signed=1");
        b.runtime("app", Scratch)
            .copy(tool.all(), "/tool/")
            .copy(tool.file("LICENSE"), "/usr/share/doc/tool/")
            .copy(archive.checksum(format!("sha256:{}", "cd".repeat(32))).unpack().owner("1:1"), "/data/")
    };
    check(
        build,
        expect![[r##"
        #0 source git://example.com/tool.git#v1.2:cmd
            git.authheadersecret GIT_AUTH_HEADER
            git.authtokensecret GIT_AUTH_TOKEN
            git.fullurl https://example.com/tool.git
            git.keepgitdir true
            llb.customname "[app] fetch example.com/tool.git"
        #1 file
            [0] on scratch: copy #0 / -> /tool/ parents
            llb.customname "[app 1/3] COPY --from=example.com/tool.git / /tool/"
        #2 file
            [0] on #1: copy #0 /LICENSE -> /usr/share/doc/tool/ follow contents parents wildcard none-ok
            llb.customname "[app 2/3] COPY --from=example.com/tool.git LICENSE /usr/share/doc/tool/"
        #3 source https://example.com/data.tar.gz?signed=1
            http.checksum sha256:cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd
            http.filename data.tar.gz
            llb.customname "[app] fetch https://example.com/data.tar.gz"
        #4 file
            [0] on #2: copy #3 data.tar.gz -> /data/ owner 1:1 unpack parents
            llb.customname "[app 3/3] ADD https://example.com/data.tar.gz /data/"
        result #4
    "##]],
    );
}

#[test]
fn paths_that_may_be_absent_and_directories_above_them() {
    let build = |b: &Build, (): ()| {
        let src = b.context();
        b.runtime("app", Scratch)
            .copy(src.files(["package.json", "bun.lock"]).optional(), "/a/")
            .copy(src.files(["packages/*/package.json", "a/./b/c.txt"]).parents(), "/b/")
            .copy(src.file("d/e.txt").parents().optional().mode(0o600), "/c/")
    };
    check(
        build,
        expect![[r##"
        #0 source local://context
            local.excludepatterns ["node_modules"]
            local.followpaths ["a/b/c.txt","bun.lock","d/e.txt","package.json","packages/*/package.json"]
            local.session session
            local.sharedkeyhint context
            llb.customname "[internal] load build context"
        #1 file
            [0] on scratch: copy #0 "/package.jso[\\n]" -> /a/ follow contents parents wildcard none-ok
            [1] on [0]: copy #0 "/bun.loc[\\k]" -> /a/ follow contents parents wildcard none-ok
            llb.customname "[app 1/3] COPY package.json bun.lock /a/"
        #2 file
            [0] on #1: copy #0 / -> /b/ follow contents parents wildcard none-ok include ["packages/*/package.json"]
            [1] on [0]: copy #0 /a -> /b/ follow contents parents wildcard none-ok include ["b/c.txt"] require ["/a/b/c.txt"]
            llb.customname "[app 2/3] COPY packages/*/package.json a/./b/c.txt /b/"
        #3 file
            [0] on #2: copy #0 / -> /c/ mode 0600 follow contents parents wildcard none-ok include ["d/e.txt"]
            llb.customname "[app 3/3] COPY d/e.txt /c/"
        result #3
    "##]],
    );
}

#[test]
fn a_linked_copy_is_laid_over_what_is_below_it() {
    let build = |b: &Build, (): ()| {
        let made = b.builder("make", "golang:1.23").run("make").artifact("/out/app");
        b.runtime("app", "debian:bookworm-slim")
            .copy(made.link().owner("1000:1000"), "/usr/bin/app")
    };
    check(
        build,
        expect![[r##"
        #0 source docker-image://docker.io/library/debian:bookworm-slim@sha256:abababababababababababababababababababababababababababababababab (linux/amd64)
            llb.customname "[app] FROM docker.io/library/debian:bookworm-slim@sha256:abababababababababababababababababababababababababababababababab"
        #1 source docker-image://docker.io/library/golang:1.23@sha256:abababababababababababababababababababababababababababababababab (linux/amd64)
            llb.customname "[make] FROM docker.io/library/golang:1.23@sha256:abababababababababababababababababababababababababababababababab"
        #2 exec /bin/sh -c make (linux/amd64)
            env PATH=/usr/local/bin:/usr/bin:/bin
            env LANG=C.UTF-8
            mount / #1 -> output 0
            llb.customname "[make 1/1] RUN make"
        #3 file
            [0] on scratch: copy #2 /out/app -> /usr/bin/app owner 1000:1000 follow contents parents wildcard none-ok
            llb.customname "[app 1/1] COPY --from=make /out/app /usr/bin/app"
        #4 merge #0 #3
            llb.customname "[app 1/1] LINK COPY --from=make /out/app /usr/bin/app"
        result #4
    "##]],
    );
    let plan = plan_of(build);
    let lowered = lower_in(&plan, &["app"], |world| {
        world.abilities = Abilities::all().without(caps::MERGE_OP);
    })
    .unwrap();
    let target = lowered.target("app").output;
    let definition = lowered.graph.definition(target).unwrap();
    expect![[r##"
        #0 source docker-image://docker.io/library/debian:bookworm-slim@sha256:abababababababababababababababababababababababababababababababab (linux/amd64)
            llb.customname "[app] FROM docker.io/library/debian:bookworm-slim@sha256:abababababababababababababababababababababababababababababababab"
        #1 source docker-image://docker.io/library/golang:1.23@sha256:abababababababababababababababababababababababababababababababab (linux/amd64)
            llb.customname "[make] FROM docker.io/library/golang:1.23@sha256:abababababababababababababababababababababababababababababababab"
        #2 exec /bin/sh -c make (linux/amd64)
            env PATH=/usr/local/bin:/usr/bin:/bin
            env LANG=C.UTF-8
            mount / #1 -> output 0
            llb.customname "[make 1/1] RUN make"
        #3 file
            [0] on #0: copy #2 /out/app -> /usr/bin/app owner 1000:1000 follow contents parents wildcard none-ok
            llb.customname "[app 1/1] COPY --from=make /out/app /usr/bin/app"
        result #3
    "##]].assert_eq(&without_places(&definition));
}

#[test]
fn what_is_removed_and_linked() {
    let build = |b: &Build, (): ()| {
        b.runtime("app", "debian:bookworm-slim")
            .workdir("/srv")
            .remove("/var/lib/apt/lists/*")
            .remove("cache")
            .symlink("../lib/tool", "/usr/bin/tool")
    };
    check(
        build,
        expect![[r##"
        #0 source docker-image://docker.io/library/debian:bookworm-slim@sha256:abababababababababababababababababababababababababababababababab (linux/amd64)
            llb.customname "[app] FROM docker.io/library/debian:bookworm-slim@sha256:abababababababababababababababababababababababababababababababab"
        #1 file
            [0] on #0: mkdir /srv mode 0755 parents
            llb.customname "[app 1/4] WORKDIR /srv"
        #2 file
            [0] on #1: rm /var/lib/apt/lists/* wildcard
            llb.customname "[app 2/4] REMOVE /var/lib/apt/lists/*"
        #3 file
            [0] on #2: rm /srv/cache wildcard
            llb.customname "[app 3/4] REMOVE cache"
        #4 file
            [0] on #3: symlink /usr/bin/tool -> ../lib/tool
            llb.customname "[app 4/4] SYMLINK ../lib/tool /usr/bin/tool"
        result #4
    "##]],
    );
}

#[test]
fn an_image_is_taken_for_a_platform_of_its_own() {
    let build = |b: &Build, (): ()| {
        let arm64 = b.image("debian:bookworm-slim").on(&Platform::new("linux", "arm64"));
        b.runtime("app", Scratch).copy(arm64.file("/etc/os-release"), "/arm64")
    };
    check(
        build,
        expect![[r##"
        #0 source docker-image://docker.io/library/debian:bookworm-slim@sha256:abababababababababababababababababababababababababababababababab (linux/arm64)
            llb.customname "[app] FROM docker.io/library/debian:bookworm-slim@sha256:abababababababababababababababababababababababababababababababab"
        #1 file
            [0] on scratch: copy #0 /etc/os-release -> /arm64 follow contents parents wildcard none-ok
            llb.customname "[app 1/1] COPY --from=debian:bookworm-slim /etc/os-release /arm64"
        result #1
    "##]],
    );
}
