// syntax=stagewright/rust:1
//! A database's migrations, a Java server and a page: three images that ship together, or not at all.

use stagewright::prelude::*;

/// What `--build-arg` may set.
#[derive(Deserialize, JsonSchema)]
#[serde(default)]
struct Params {
    /// Where the page's server finds the API.
    backend: String,
}

impl Default for Params {
    fn default() -> Self {
        Self { backend: "127.0.0.1:8081".to_owned() }
    }
}

fn main() -> ExitCode {
    stagewright::main(build)
}

fn build(b: &Build, p: Params) -> Targets {
    let src = b.context();

    let classes = b
        .builder("backend-build", "maven:3-eclipse-temurin-17")
        .workdir("/src")
        .copy(src.file("backend/pom.xml"), "./")
        .copy(src.dir("backend/src"), "src/")
        .run(mvn("package -DskipTests"));
    let backend_test = classes.tester("backend-test").run(mvn("surefire:test"));

    let packages = b
        .deps("frontend-deps", "node:18-slim")
        .workdir("/src")
        .copy(src.files(["frontend/package.json", "frontend/package-lock.json"]), "./")
        .run(sh("npm ci --no-audit --no-fund").cache(Cache::npm()))
        .copy(src.dir("frontend/src"), "src/");
    let page = packages.builder("frontend-build").run("npm run build");
    let frontend_test = packages
        .tester("frontend-test")
        .copy(src.dir("frontend/test"), "test/")
        .run("npm test");

    let server = b
        .base("server", "postgres:15")
        .copy(src.dir("migrations"), "/migrations/")
        .copy(src.file("tools/migrate.sh"), "/usr/local/bin/")
        .user("postgres");
    // A server to develop against, which knows its migrations.
    let database = server
        .dev("database")
        .healthcheck(Healthcheck::cmd(["pg_isready", "--host=127.0.0.1"]).every(secs(10)));
    let migrator = server
        .runtime("migrator")
        .healthcheck(Healthcheck::none())
        .entrypoint(["migrate.sh"])
        .cmd(Vec::<String>::new());
    let backend = b
        .runtime("backend", "eclipse-temurin:17-jre")
        .workdir("/app")
        .apply(with_wget(b))
        .copy(classes.artifact("/src/target/lib"), "lib/")
        .copy(classes.artifact("/src/target/tasks.jar"), "./")
        .nonroot()
        .expose(8081)
        .healthcheck(Healthcheck::http(HttpTool::Wget, "http://127.0.0.1:8081/health").every(secs(30)))
        .cmd(["java", "-jar", "tasks.jar"]);
    let frontend = b
        .runtime("frontend", "nginx:1.22")
        .apply(with_wget(b))
        .file("/etc/nginx/nginx.conf", nginx(&p.backend))
        .copy(page.artifact("/src/dist"), "/usr/share/nginx/html/")
        .user("nginx")
        .expose(8080)
        .healthcheck(Healthcheck::http(HttpTool::Wget, "http://127.0.0.1:8080/").every(secs(30)));

    // Each judges what ships, or all parts together: the migrator's own image is where a server runs for the test.
    let nginx_test = frontend.tester("nginx-test").run("nginx -t");
    let java = b.image("eclipse-temurin:17-jre");
    let integration = migrator
        .tester("integration")
        .copy(java.dir("/opt/java/openjdk"), "/opt/java/openjdk/")
        .copy(classes.artifact("/src/target/test-lib"), "/test/lib/")
        .copy(classes.artifact("/src/target/classes"), "/test/classes/")
        .copy(classes.artifact("/src/target/test-classes"), "/test/test-classes/")
        .copy(page.artifact("/src/dist"), "/test/site/")
        .copy(src.file("tools/integration.sh"), "/test/")
        .run(sh("/test/integration.sh").no_network());

    let tests = vec![backend_test, frontend_test, nginx_test, integration];
    let targets = Targets::new()
        .products([migrator, backend, frontend])
        .target(database)
        .gated_by(&tests)
        .checks("test", &tests);
    tests.into_iter().fold(targets, Targets::target)
}

/// For health checks: one static program that is called wget.
fn with_wget(b: &Build) -> impl FnOnce(Stage<role::Runtime>) -> Stage<role::Runtime> {
    let busybox = b.image("busybox:stable");
    move |image| image.copy(busybox.file("/bin/busybox"), "/usr/local/bin/wget")
}

fn mvn(goals: &str) -> Run {
    sh(format!("mvn --batch-mode --no-transfer-progress {goals}")).cache(Cache::maven())
}

/// A server of files that hands `/api/` on, and writes to nothing but `/tmp`.
fn nginx(backend: &str) -> String {
    let paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let paths: String = paths.map(|name| format!("    {name}_temp_path /tmp/{name};\n")).concat();
    format!(
        "\
worker_processes auto;
pid /tmp/nginx.pid;
error_log stderr notice;
events {{
    worker_connections 1024;
}}
http {{
    include mime.types;
    access_log /dev/stdout;
{paths}    gzip on;
    gzip_types text/css text/javascript application/javascript application/json;
    server {{
        listen 8080;
        root /usr/share/nginx/html;
        location /api/ {{
            proxy_pass http://{backend};
        }}
    }}
}}
"
    )
}
