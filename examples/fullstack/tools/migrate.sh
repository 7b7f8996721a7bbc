#!/bin/bash
# migrate.sh: applies the migrations that a database has not seen yet, each as a transaction. PGHOST, PGUSER, PGPASSWORD
# and the rest say where, as for psql.
set -euo pipefail
ask() { psql --no-psqlrc --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 "$@"; }
ask -c 'CREATE TABLE IF NOT EXISTS schema_migrations (name text PRIMARY KEY)' 2>&1 | { grep -v NOTICE || true; }
for file in "${MIGRATIONS:-/migrations}"/*.sql; do
    name=$(basename "$file" .sql)
    if [ "$(ask -c "SELECT count(*) FROM schema_migrations WHERE name = '$name'")" = 0 ]; then
        ask --single-transaction -f "$file" -c "INSERT INTO schema_migrations VALUES ('$name')"
        echo "applied $name"
    fi
done
