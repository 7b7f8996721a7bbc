//! The monorepo: what its script deploys, what runs again after an edit, and how one works in it.

use std::collections::BTreeSet;
use std::fs;
use std::net::UdpSocket;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use stagewright_tests::container::{Container, Image, Launch};
use stagewright_tests::{Buildx, Environment};

use crate::project::{Built, Project, containers, healthy, stop};
use crate::support::{image, program, run, stdout, unique};

/// What its script does, for images that the harness finds.
fn deploy(project: &Project, arguments: &[&str]) -> Command {
    let mut script = Command::new(project.file("scripts/deploy.sh"));
    script
        .args(arguments)
        .env("REGISTRY", format!("{}/examples/monorepo", Environment::get().registry.address()))
        .env("VERSION", &project.tag)
        .env("STAGEWRIGHT", program("stagewright").get_program())
        .env("URL", "http://127.0.0.1:8080")
        .env("NO_PROXY", "*");
    script
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn yaml(path: &Path) -> Value {
    serde_saphyr::from_str(&fs::read_to_string(path).unwrap())
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The stages of which a command ran.
fn stages(built: &Built) -> BTreeSet<&str> {
    built.ran().iter().map(|name| name[1..].split(' ').next().unwrap()).collect()
}

/// A service with the environment that a compose file gives it, and with the names of all services.
fn launch<'a>(project: &Project, image: &'a Image, name: &str, compose: &Value) -> Launch<'a> {
    let hosts = project.file("hosts");
    fs::write(&hosts, "127.0.0.1 web api\n").unwrap();
    let environment = compose["services"][name]["environment"].as_object().into_iter().flatten();
    let launch = containers().run(image, name).mount(&hosts, "/etc/hosts");
    environment.fold(launch, |launch, (name, value)| launch.env(name, value.as_str().unwrap()))
}

/// Answers for names of services as docker's resolver does, until its guard is dropped: `web` is here, and `api` has a
/// replica here and one that is gone.
fn resolve(socket: &UdpSocket, guard: &Weak<()>) {
    socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let mut query = [0; 512];
    while guard.upgrade().is_some() {
        let Ok((length, from)) = socket.recv_from(&mut query) else { continue };
        let question = &query[12..length];
        let addresses: &[u8] = match question {
            question if question.starts_with(b"\x03web\0") => &[1],
            question if question.starts_with(b"\x03api\0") => &[2, 1],
            _ => &[],
        };
        let code = if addresses.is_empty() { 0x83 } else { 0x80 };
        let count = u8::try_from(addresses.len()).unwrap();
        let mut answer = vec![query[0], query[1], 0x81, code, 0, 1, 0, count, 0, 0, 0, 0];
        answer.extend(question);
        for last in addresses {
            answer.extend([0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 127, 0, 0, *last]);
        }
        socket.send_to(&answer, from).unwrap();
    }
}

#[test]
fn what_the_script_deploys_answers_behind_one_door() {
    let project = Project::new("monorepo");
    let built = run(&mut deploy(&project, &["build"]));
    assert!(built.status.success(), "{}", said(&built));

    let compose = yaml(&project.file("compose.prod.yaml"));
    let images = ["api", "web", "proxy"].map(|name| project.image(name));
    let [of_api, of_web, of_proxy] = &images;
    // A replica whose address no other has.
    let api = launch(&project, of_api, "api", &compose).env("HOST", "127.0.0.1");
    let mut api = healthy(api.start().unwrap());
    let socket = api.inside(|| UdpSocket::bind("127.0.0.11:53").unwrap()).unwrap();
    let guard = Arc::new(());
    let weak = Arc::downgrade(&guard);
    thread::spawn(move || resolve(&socket, &weak));
    let beside = |image, name| healthy(launch(&project, image, name, &compose).beside(&api).start().unwrap());
    let (mut web, mut proxy) = (beside(of_web, "web"), beside(of_proxy, "proxy"));
    assert_eq!([&api, &web, &proxy].map(|it| it.user().uid), [65532, 1000, 101]);

    let page = proxy.get(8080, "/").unwrap();
    assert!(page.status == 200 && page.body.contains("Getting started"), "{page}");
    let script = page
        .body
        .split('"')
        .find(|text| text.starts_with("/_next/static/") && text.ends_with(".js"));
    let script = proxy.get(8080, script.unwrap()).unwrap();
    assert_eq!(script.status, 200);
    assert!(script.header("cache-control").unwrap().contains("immutable"), "{:?}", script.headers);
    assert_eq!(proxy.get(8080, "/icon.svg").unwrap().header("x-frame-options"), Some("SAMEORIGIN"));
    // One of two replicas is gone, and nobody notices.
    for _ in 0..6 {
        let found = proxy.get(8080, "/api/documents?q=note").unwrap();
        assert!(found.status == 200 && found.body.contains("Release notes"), "{found}");
    }
    let health = proxy.inside(|| run(&mut deploy(&project, &["health"]))).unwrap();
    assert!(health.status.success(), "{}", said(&health));
    assert_eq!(said(&health), "/health answers\n/api/health answers\n/ answers\n");

    // What the servers take is below the limits of the compose file.
    for (container, name) in [(&api, "api"), (&web, "web"), (&proxy, "proxy")] {
        let limit = compose["services"][name]["deploy"]["resources"]["limits"]["memory"]
            .as_str()
            .unwrap();
        let limit: u64 = limit.strip_suffix('M').unwrap().parse().unwrap();
        let status = container.exec(&["cat", "/proc/1/status"]).unwrap();
        let taken = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.strip_suffix(" kB"));
        let taken: u64 = taken.unwrap().trim().parse().unwrap();
        assert!(taken < limit * 1024, "{name}: {taken} kB of {limit} MB");
    }
    for absent in [
        "app/node_modules/typescript",
        "app/node_modules/sharp",
        "app/node_modules/turbo",
        "app/apps/web/src",
    ] {
        assert!(!web.rootfs().has(absent), "{absent} is in the image");
    }
    for absent in ["usr/bin/node", "app/node_modules", "app/apps"] {
        assert!(!api.rootfs().has(absent), "{absent} is in the image");
    }
    // Above Debian, of which there is one: what is bun's, node's and nginx's, and little else.
    assert_eq!(Image::shared_layers(&images.each_ref()), 1);
    assert!(of_web.size_above(3) < 10_000_000, "{} bytes of the site", of_web.size_above(3));
    assert!(of_api.size_above(3) < 1_000_000, "{} bytes of the api", of_api.size_above(3));

    // The health of the api is its answer, not that it has a program.
    assert!(api.exec(&["env", "PORT=9", "bun", "dist/health.js"]).is_err());
    stop(&mut api);
    let health = proxy.inside(|| run(&mut deploy(&project, &["health"]))).unwrap();
    assert_eq!(health.status.code(), Some(1), "{}", said(&health));
    assert!(
        said(&health).contains("no good answer from /api/health / at http://127.0.0.1:8080"),
        "{}",
        said(&health)
    );
    stop(&mut web);
    stop(&mut proxy);
}

#[test]
fn the_script_refuses_what_it_does_not_know() {
    let project = Project::new("monorepo");
    for (arguments, says) in [
        (&["rollback"][..], "deploy.sh: there is no command `rollback`"),
        (&["scale", "web=many"], "scale takes web=N or api=N, with N from 1 to 99, not `web=many`"),
        (&["scale"], "scale takes web=N or api=N"),
    ] {
        let output = run(&mut deploy(&project, arguments));
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", said(&output));
        assert!(said(&output).contains(says), "{arguments:?}: {}", said(&output));
    }
    let nameless = run(deploy(&project, &["up"]).env_remove("VERSION"));
    assert!(
        !nameless.status.success() && said(&nameless).contains("VERSION: say which version"),
        "{}",
        said(&nameless)
    );
}

#[test]
fn an_edit_builds_again_what_reads_it() {
    let project = Project::new("monorepo");
    project.build().run();
    let rebuilds = |expected: &[&str]| {
        let built = project.build().run();
        assert_eq!(stages(&built), expected.iter().copied().collect(), "{built}");
    };
    rebuilds(&[]);
    // Both prune again, which takes no time, and find what they found.
    project.edit("apps/api/src/main.ts", "api stops on", &format!("api {} stops on", unique()));
    rebuilds(&["api-build", "api-prune", "api-test", "web-prune"]);
    project.edit(
        "packages/shared/src/port.ts",
        "which is no port",
        &format!("{}, which is no port", unique()),
    );
    rebuilds(&["api-build", "api-prune", "api-test", "shared-test", "web-build", "web-prune", "web-test"]);

    // A mistake in the site is found, without an install; the api does not notice it.
    project.edit("apps/web/src/app/search.tsx", "minutes }", &format!("pages: minutes{} }}", unique()));
    let refused = project
        .build()
        .target("web")
        .refused(["Type error", "search.tsx", "turbo run build"]);
    assert_eq!(stages(&refused), BTreeSet::from(["web-build", "web-prune"]), "{refused}");
    let built = project.build().target("api").run();
    assert_eq!(stages(&built), BTreeSet::from(["api-prune"]), "{built}");
}

#[test]
fn a_failing_test_is_a_closed_gate() {
    let project = Project::new("monorepo");
    project.edit("apps/api/test/app.test.ts", "documents: 3", "documents: 4");
    project
        .build()
        .target("api")
        .refused(["(fail) health says how many documents there are", r#".run("bun test")"#]);
    let project = Project::new("monorepo");
    project.edit("proxy/nginx.conf", "zone=api:1m", "zone=apis:1m");
    project
        .build()
        .target("proxy")
        .refused([r#"zero size shared memory zone "api""#, r#".run("nginx -t")"#]);
}

#[test]
fn a_manifest_that_disagrees_with_the_lock_is_refused() {
    let project = Project::new("monorepo");
    project.edit("apps/api/package.json", r#""elysia": "^1.4.30""#, r#""elysia": "1.3.21""#);
    project
        .build()
        .target("api")
        .refused(["Missing: elysia@1.3.21 from lock file", r#".run(npm("npm ci"#]);
}

#[test]
fn development_shows_an_edit_without_a_build() {
    let project = Project::new("monorepo");
    // As compose itself reads it.
    let buildx = Buildx::new();
    let mut bake = buildx.command(["bake", "-f", "compose.yaml", "--print"]);
    let read: Value = serde_json::from_slice(&stdout(bake.current_dir(project.path()))).unwrap();
    let api = developed(&project, &read["target"]["api"], "api", None);
    let web = developed(&project, &read["target"]["web"], "web", Some(&api));
    shows(&web, 3000, "/", "Release notes");
    project.edit("apps/api/src/documents.ts", "Release notes", "News of releases");
    shows(&api, 3001, "/api/documents", "News of releases");
    project.edit("apps/web/src/app/page.tsx", "<h1>Documents", "<h1>All documents");
    shows(&web, 3000, "/", "All documents");
    shows(&web, 3000, "/", "News of releases");

    // Each has its own app's packages, not the other's.
    assert!(api.rootfs().has("app/node_modules/elysia") && !api.rootfs().has("app/node_modules/next"));
    assert!(web.rootfs().has("app/node_modules/next") && !web.rootfs().has("app/node_modules/elysia"));
}

/// A service of `compose.yaml` as it is worked on, with its sources mounted.
fn developed(project: &Project, read: &Value, name: &str, network: Option<&Container>) -> Container {
    assert_eq!(read["dockerfile"], "stages.rs", "{read}");
    let target = read["target"].as_str().unwrap();
    let tag = image(&project.repository(target), &project.tag);
    // Not compressed: these are large, and stay here.
    let output = format!("type=registry,compression=uncompressed,name={tag}");
    stdout(
        program("monorepo")
            .args(["build", "--target", target, "-o", &output])
            .arg(project.path()),
    );

    let compose = yaml(&project.file("compose.yaml"));
    let volumes = compose["services"][name]["volumes"].as_array().unwrap();
    let volumes: Vec<_> = volumes.iter().map(|volume| volume.as_str().unwrap().split(':')).collect();
    let volumes = volumes
        .into_iter()
        .map(|mut parts| (parts.next().unwrap(), parts.next().unwrap()));
    let image = project.image(target);
    let launch = launch(project, &image, name, &compose).tmpfs("/app/apps/web/.next");
    let launch = match network {
        Some(other) => launch.beside(other),
        None => launch,
    };
    let mounted = volumes
        .clone()
        .fold(launch, |launch, (from, to)| launch.mount(project.file(from), to));
    let container = healthy(mounted.start().unwrap());

    // A mount hides what the image has there: it must be what is mounted, and no more.
    let files = container.rootfs().files();
    for (from, to) in volumes {
        let directory = format!("{}/", to.trim_start_matches('/'));
        let hidden: BTreeSet<String> = files
            .iter()
            .filter_map(|file| Some(file.strip_prefix(&directory)?.to_owned()))
            .collect();
        let find = stdout(
            Command::new("find")
                .args([".", "-type", "f", "-printf", "%P\n"])
                .current_dir(project.file(from)),
        );
        let given: BTreeSet<String> = String::from_utf8(find).unwrap().lines().map(str::to_owned).collect();
        assert_eq!(hidden, given, "{name}: {to}");
    }
    container
}

/// Waits until a page has a text.
fn shows(container: &Container, port: u16, path: &str, text: &str) {
    let start = Instant::now();
    loop {
        let last = container.get(port, path);
        if last.as_ref().is_ok_and(|answer| answer.body.contains(text)) {
            return;
        }
        assert!(
            start.elapsed() < Duration::from_secs(60),
            "{text:?} is not in {last:?}\n{}",
            container.log()
        );
        thread::sleep(Duration::from_millis(50));
    }
}
