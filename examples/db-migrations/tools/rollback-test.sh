#!/bin/sh
# Everything forth, back and forth again: what a rollback leaves must be what was there before.
set -eu
schema() {
    pg_dump --schema-only --exclude-table=schema_migrations --no-comments | grep -v '^\\' > "$1"
}
before=$(mktemp) after=$(mktemp)
schema "$before"
migrate apply
migrate rollback 1000
schema "$after"
diff -u "$before" "$after"
migrate apply
