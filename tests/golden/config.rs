//! Image configs: what a stage says on top of what it started from.

use expect_test::expect;
use stagewright_plan::{Build, Healthcheck, Scratch, Targets, secs, udp};

use crate::world::{lowered, plan_of};

fn config(build: impl Fn(&Build, ()) -> Targets, target: &str) -> String {
    let plan = plan_of(build);
    let config = lowered(&plan, &[target])
        .targets
        .remove(0)
        .config
        .expect("the target is an image");
    serde_json::to_string_pretty(&config).unwrap()
}

#[test]
fn an_image_on_a_base() {
    let text = config(
        |b, ()| {
            let base = b.base("base", "debian:bookworm-slim").workdir("/app").env("LANG", "C");
            let image = base
                .runtime("app")
                .run("useradd app")
                .user("app")
                .env("PORT", 80)
                .cmd(["/app/serve"])
                .expose([80, 443])
                .expose(udp(53))
                .label("org.opencontainers.image.title", "App")
                .volume("/data")
                .stop_signal("SIGINT")
                .healthcheck(
                    Healthcheck::shell("true")
                        .every(secs(30))
                        .timeout(secs(5))
                        .start_period(secs(1))
                        .retries(2),
                );
            Targets::new().product(image)
        },
        "app",
    );
    expect![[r#"
        {
          "architecture": "amd64",
          "os": "linux",
          "config": {
            "User": "app",
            "ExposedPorts": {
              "443/tcp": {},
              "53/udp": {},
              "80/tcp": {}
            },
            "Env": [
              "PATH=/usr/local/bin:/usr/bin:/bin",
              "LANG=C",
              "PORT=80"
            ],
            "Entrypoint": [
              "/entry"
            ],
            "Cmd": [
              "/app/serve"
            ],
            "Volumes": {
              "/data": {}
            },
            "WorkingDir": "/app",
            "Labels": {
              "org.opencontainers.image.title": "App"
            },
            "StopSignal": "SIGINT",
            "Healthcheck": {
              "Test": [
                "CMD-SHELL",
                "true"
              ],
              "Interval": 30000000000,
              "Timeout": 5000000000,
              "StartPeriod": 1000000000,
              "Retries": 2
            }
          },
          "rootfs": {
            "type": "layers",
            "diff_ids": [
              "sha256:00"
            ]
          },
          "history": [
            {
              "created": "2026-01-01T00:00:00Z",
              "created_by": "debian"
            },
            {
              "created_by": "WORKDIR /app",
              "comment": "stagewright"
            },
            {
              "created_by": "ENV LANG=C",
              "comment": "stagewright",
              "empty_layer": true
            },
            {
              "created_by": "RUN useradd app",
              "comment": "stagewright"
            },
            {
              "created_by": "USER app",
              "comment": "stagewright",
              "empty_layer": true
            },
            {
              "created_by": "ENV PORT=80",
              "comment": "stagewright",
              "empty_layer": true
            }
          ]
        }"#]]
    .assert_eq(&text);
}

#[test]
fn an_entrypoint_discards_the_arguments_of_the_one_before() {
    let text = config(
        |b, ()| {
            let image = b.runtime("app", "debian:bookworm-slim").entrypoint(["/app"]);
            Targets::new()
                .product(image.runtime("variant").cmd(["--verbose"]))
                .product(image)
        },
        "app",
    );
    assert!(!text.contains("Cmd"), "{text}");
}

#[test]
fn an_image_from_scratch_has_the_default_path() {
    let text = config(|b, ()| Targets::new().product(b.runtime("app", Scratch).file("/a", "b")), "app");
    expect![[r#"
        {
          "architecture": "amd64",
          "os": "linux",
          "config": {
            "Env": [
              "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
            ]
          },
          "rootfs": {
            "type": "layers",
            "diff_ids": []
          },
          "history": [
            {
              "created_by": "FILE /a",
              "comment": "stagewright"
            }
          ]
        }"#]]
    .assert_eq(&text);
}
