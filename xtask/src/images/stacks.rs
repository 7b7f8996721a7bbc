//! Base images of other languages and of servers, on top of the first one: Python, Java, PostgreSQL, nginx.
//!
//! They have what users of images of these names count on: programs, users, paths, ports and variables.
//! The text of this file is the recipe: an edit makes these images anew, and no others.

use stagewright::prelude::*;

use super::programs::Program;
use super::recipe::CERTIFICATES;

/// What the stages start from: the image that mmdebstrap made.
const DEBIAN: &str = "debian:bookworm-slim";

/// All of them.
pub(super) const STACKS: [Program; 5] = [
    Program { repository: "library/python", tags: &["3.11-slim", "3.11-slim-bookworm"], target: "python" },
    Program { repository: "library/eclipse-temurin", tags: &["17-jre"], target: "eclipse-temurin" },
    Program { repository: "library/maven", tags: &["3-eclipse-temurin-17"], target: "maven" },
    Program { repository: "library/postgres", tags: &["15", "15-bookworm"], target: "postgres" },
    Program { repository: "library/nginx", tags: &["1.22", "1.22-bookworm"], target: "nginx" },
];

/// Everything that decides what the programs make, beside the image that they start from.
pub(super) const INGREDIENTS: &str = include_str!("stacks.rs");

/// Parts of packages that nothing here asks for: the modules that `jlink` makes runtimes of, and PostgreSQL's
/// compiler of queries, without which it interprets them.
const LEFT_OUT: [&str; 4] = [
    "/usr/lib/jvm/*/jmods/*",
    "/usr/lib/postgresql/*/lib/llvmjit*",
    "/usr/lib/postgresql/*/lib/bitcode/*",
    "/usr/lib/*/libLLVM*",
];

/// Moves Java to where the images of this name have it, with all that its links lead to: certificates, which are made of
/// the files of ca-certificates and so have the host's own, and configuration.
const TO_OPT_JAVA: &str = "\
    mkdir -p /opt/java && cd /usr/lib/jvm \
    && find java-17-openjdk-* -xtype l -delete && cp -rL java-17-openjdk-* /opt/java/openjdk \
    && rm -r /usr/lib/jvm /etc/java-17-openjdk";

/// What starts a database server: as the user `postgres`, on data that it makes if there are none.
const POSTGRES: &str = r#"#!/bin/sh
# With `postgres` as the first argument: makes the data of PGDATA if there are none, for the user POSTGRES_USER with
# POSTGRES_PASSWORD and the database POSTGRES_DB, and becomes the server. Anything else is run as it is.
set -eu
if [ "${1:-}" != postgres ]; then
    exec "$@"
fi
if [ "$(id -u)" = 0 ]; then
    mkdir -p "$PGDATA" /var/run/postgresql
    chown -R postgres:postgres "$PGDATA" /var/run/postgresql
    exec setpriv --reuid=postgres --regid=postgres --init-groups "$0" "$@"
fi
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    user=${POSTGRES_USER:-postgres}
    database=${POSTGRES_DB:-$user}
    if [ -z "${POSTGRES_PASSWORD:-}" ]; then
        echo "there are no data in $PGDATA, and POSTGRES_PASSWORD gives no password for the user $user" >&2
        exit 1
    fi
    password=$(mktemp)
    printf '%s\n' "$POSTGRES_PASSWORD" > "$password"
    initdb --username="$user" --pwfile="$password" --auth-local=trust --auth-host=scram-sha-256
    rm "$password"
    echo "host all all all scram-sha-256" >> "$PGDATA/pg_hba.conf"
    if [ "$database" != postgres ]; then
        pg_ctl --wait --options="-c listen_addresses=''" start
        createdb --username="$user" "$database"
        pg_ctl --wait --mode=fast stop
    fi
fi
exec "$@" -c listen_addresses='*'
"#;

/// A server's frame: what it serves stands in `conf.d`.
const NGINX: &str = "\
user nginx;
worker_processes auto;
pid /var/run/nginx.pid;
error_log /var/log/nginx/error.log notice;

events {
    worker_connections 1024;
}

http {
    include /etc/nginx/mime.types;
    default_type application/octet-stream;
    access_log /var/log/nginx/access.log;
    sendfile on;
    keepalive_timeout 65;
    include /etc/nginx/conf.d/*.conf;
}
";

/// Files of a directory, until somebody says otherwise.
const SITE: &str = "\
server {
    listen 80;
    server_name localhost;

    location / {
        root /usr/share/nginx/html;
        index index.html index.htm;
    }
}
";

/// The stages of all images.
pub(super) fn build(b: &Build, (): ()) -> Targets {
    let python = b
        .runtime("python", DEBIAN)
        .run(install("python3 python3-pip python3-venv"))
        // Debian keeps pip from its own packages' place; in this image there is nobody else to keep from it.
        .run("rm /usr/lib/python3.11/EXTERNALLY-MANAGED && ln -s python3 /usr/bin/python")
        .env("LANG", "C.UTF-8")
        // Packages bring bundles of their own.
        .env("PIP_CERT", CERTIFICATES)
        .env("REQUESTS_CA_BUNDLE", CERTIFICATES)
        .env("SSL_CERT_FILE", CERTIFICATES)
        .cmd(["python3"]);

    let java = |name, packages: &str| {
        b.runtime(name, DEBIAN)
            .run(install_and(packages, TO_OPT_JAVA))
            .env("JAVA_HOME", "/opt/java/openjdk")
            .env("PATH", "/opt/java/openjdk/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .env("LANG", "C.UTF-8")
    };
    let temurin = java("eclipse-temurin", "openjdk-17-jre-headless").cmd(["java", "-version"]);
    let maven = java("maven", "openjdk-17-jdk-headless maven")
        .env("MAVEN_HOME", "/usr/share/maven")
        .env("MAVEN_CONFIG", "/root/.m2")
        .cmd(["mvn"]);

    let postgres = b
        .runtime("postgres", DEBIAN)
        .run("groupadd --system --gid 999 postgres \
              && useradd --system --uid 999 --gid postgres --home-dir /var/lib/postgresql --shell /bin/bash postgres")
        // No cluster of Debian's own.
        .file("/etc/postgresql-common/createcluster.conf", "create_main_cluster = false\n")
        .run(install("postgresql-15"))
        .run("install -d -o postgres -g postgres -m 3777 /var/run/postgresql \
              && install -d -o postgres -g postgres -m 1777 /var/lib/postgresql/data")
        .file("/usr/local/bin/docker-entrypoint.sh", text(POSTGRES).mode(0o755))
        .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/lib/postgresql/15/bin")
        .env("LANG", "C.UTF-8")
        .env("PG_MAJOR", "15")
        .env("PGDATA", "/var/lib/postgresql/data")
        .volume("/var/lib/postgresql/data")
        .expose(5432)
        .stop_signal("SIGINT")
        .entrypoint(["docker-entrypoint.sh"])
        .cmd(["postgres"]);

    let nginx = b
        .runtime("nginx", DEBIAN)
        .run(
            "groupadd --system --gid 101 nginx \
              && useradd --system --uid 101 --gid nginx --home-dir /nonexistent --shell /bin/false nginx",
        )
        .run(install("nginx"))
        .run(
            "rm -r /etc/nginx/sites-* /etc/nginx/modules-* /var/www \
              && ln -sf /dev/stdout /var/log/nginx/access.log && ln -sf /dev/stderr /var/log/nginx/error.log",
        )
        .file("/etc/nginx/nginx.conf", NGINX)
        .file("/etc/nginx/conf.d/default.conf", SITE)
        .expose(80)
        .stop_signal("SIGQUIT")
        .cmd(["nginx", "-g", "daemon off;"]);

    Targets::new().products([python, temurin, maven, postgres, nginx])
}

/// Installs Debian packages.
fn install(packages: &str) -> Run {
    install_and(packages, "true")
}

/// Installs Debian packages, and does more in the same layer. Lists and downloads stay in caches, so that the images take
/// nothing from each other but these. Packages put links into the directory of manual pages, which the first image leaves
/// out. A bundle of certificates that ca-certificates writes is replaced by the host's, which was there before.
fn install_and(packages: &str, then: &str) -> Run {
    let left_out: String = LEFT_OUT.iter().map(|path| format!("path-exclude={path}\\n")).collect();
    sh(format!(
        "printf '{left_out}' > /etc/dpkg/dpkg.cfg.d/left-out \
         && mkdir -p /usr/share/man/man1 && cp {CERTIFICATES} /var/tmp/certificates \
         && apt-get update && apt-get install --yes --no-install-recommends {packages} \
         && mv /var/tmp/certificates {CERTIFICATES} && rm -f /var/log/*.log /var/log/apt/* && {then}"
    ))
    .cache(Cache::apt())
    .env("DEBIAN_FRONTEND", "noninteractive")
}
