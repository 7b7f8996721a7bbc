#!/bin/sh
# with-postgres.sh COMMAND…: runs a command beside a PostgreSQL server of its own, which is gone afterwards.
#
# The server listens on a socket in a new directory and nowhere else; PGHOST, PGUSER and PGDATABASE lead to it. It keeps
# nothing, so it need not wait for a disk.
set -eu
home=$(mktemp -d)
export PGDATA="$home/data" PGHOST="$home" PGUSER=postgres PGDATABASE=postgres PGSSLMODE=disable
initdb --username=postgres --auth=trust --no-sync > "$home/initdb.log" || { cat "$home/initdb.log" >&2; exit 1; }
pg_ctl --wait --silent --log="$home/server.log" \
    --options="-c listen_addresses='' -c unix_socket_directories='$home' -c fsync=off" start \
    || { cat "$home/server.log" >&2; exit 1; }
status=0
"$@" || status=$?
pg_ctl --wait --silent --mode=immediate stop
rm -rf "$home"
exit "$status"
