// syntax=stagewright/rust:1
//! A gateway by nginx whose configuration was tested with a real nginx; the same by Kong and by Traefik.

use stagewright::prelude::*;

fn main() -> ExitCode {
    stagewright::main(build)
}

fn build(b: &Build, (): ()) -> Targets {
    let src = b.context();
    // Lent to the testers while they run. Who runs the gateway mounts its own.
    let tls = [b.secret("tls.crt"), b.secret("tls.key")];

    let gateway = b
        .runtime("gateway", "nginx:1.22")
        .remove("/etc/nginx/conf.d/default.conf")
        .copy(src.dir("nginx"), "/etc/nginx/")
        .user("nginx")
        .expose([8080, 8443])
        .healthcheck(
            // The image has neither curl nor wget.
            Healthcheck::http(HttpTool::Bash, "http://127.0.0.1:8080/health")
                .every(secs(30))
                .timeout(secs(5)),
        );
    let config = gateway.tester("config").run(with_tls("nginx -t", &tls));

    let tests = b
        .builder("tests", b.image("golang:1.23").on_build_platform())
        .workdir("/src")
        .env("CGO_ENABLED", "0")
        .env("GOFLAGS", "-trimpath")
        .copy(src.files(["tests/go.mod", "tests/go.sum"]), "./")
        .run(sh("go mod download").cache(Cache::go()))
        .copy(src.dir("tests"), "./")
        .envs(b.platform().go())
        .run(
            sh("go vet ./... && go test -c -o /out/gateway.test . && go build -o /out/echo ./echo")
                .cache(Cache::go()),
        );
    // The image itself, with its user's files and nothing in place of nginx.
    let routes = gateway
        .tester("routes")
        .copy(tests.artifact("/out/gateway.test"), "/tmp/")
        // Its ports are its own then, whatever else the machine builds.
        .run(with_tls("/tmp/gateway.test -test.v", &tls).no_network())
        .gated_by(&config);
    // Both services behind the gateway, to try it.
    let echo = b
        .runtime("echo", Scratch)
        .copy(tests.artifact("/out/echo"), "/echo")
        .nonroot()
        .cmd(["/echo"]);

    let kong = b
        .runtime("kong", "kong:3.4")
        .copy(src.file("kong/kong.yaml"), "/etc/kong/kong.yaml")
        .envs([
            ("KONG_DATABASE", "off"),
            ("KONG_DECLARATIVE_CONFIG", "/etc/kong/kong.yaml"),
            ("KONG_PROXY_LISTEN", "0.0.0.0:8080, 0.0.0.0:8443 ssl"),
            ("KONG_ADMIN_LISTEN", "off"),
            ("KONG_STATUS_LISTEN", "127.0.0.1:8100"),
            ("KONG_SSL_CERT", "/run/secrets/tls.crt"),
            ("KONG_SSL_CERT_KEY", "/run/secrets/tls.key"),
            ("KONG_PREFIX", "/tmp/kong"),
        ])
        .user("kong")
        .expose([8080, 8443])
        // Its entrypoint and cmd are the image's: `docker-start` is a word of that script, not of kong's.
        .healthcheck(Healthcheck::cmd(["kong", "health"]).every(secs(30)));
    let kong_config = kong.tester("kong-config").run("kong config parse /etc/kong/kong.yaml");

    let traefik = b
        .runtime("traefik", "traefik:v3.1")
        .copy(src.dir("traefik"), "/etc/traefik/")
        .nonroot()
        .expose([8080, 8443])
        .healthcheck(Healthcheck::cmd(["traefik", "healthcheck"]).every(secs(30)));

    Targets::new()
        .product(gateway.gated_by([&config, &routes]))
        .target(kong.gated_by(&kong_config))
        .target(traefik)
        .target(echo)
        .checks("test", [&config, &routes])
}

/// A command that may read the certificate and its key: as root, since secrets are root's.
fn with_tls(line: &str, [certificate, key]: &[Secret; 2]) -> Run {
    sh(line)
        .secret_file("/run/secrets/tls.crt", certificate)
        .secret_file("/run/secrets/tls.key", key)
        .user("root")
}
