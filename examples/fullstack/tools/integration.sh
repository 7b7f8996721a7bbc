#!/bin/bash
# integration.sh: the tests that need everything, beside a PostgreSQL server that the migrator has been at.
set -euo pipefail
home=$(mktemp -d)
export PGDATA="$home/data" PGHOST=127.0.0.1 PGUSER=postgres PGDATABASE=postgres
initdb --username=postgres --auth=trust --no-sync > "$home/log" || { cat "$home/log" >&2; exit 1; }
pg_ctl --wait --silent --log="$home/log" --options="-c unix_socket_directories='$home' -c fsync=off" start
trap 'pg_ctl --silent --mode=immediate stop; rm -rf "$home"' EXIT
migrate.sh
export JDBC_URL=jdbc:postgresql://127.0.0.1:5432/postgres SITE=/test/site
/opt/java/openjdk/bin/java -cp '/test/test-classes:/test/classes:/test/lib/*' \
    org.junit.platform.console.ConsoleLauncher execute --disable-banner --select-class=demo.tasks.StackIT
