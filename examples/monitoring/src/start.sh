#!/bin/bash
# Two processes, which live and die together: when one ends, by itself or by a signal, so does the other. The signals that
# the container gets reach all of them (tini -g); this script waits for the last.
set -u
node_exporter --web.listen-address=:9100 --log.level=warn --no-collector.systemd --no-collector.textfile &
exporter=$!
node src/main.js &
service=$!
trap 'stopping=yes' TERM INT

wait -n
first=$?
if [ -z "${stopping:-}" ]; then
    echo "one of the processes ended with $first: the other has to, too"
    kill "$service" "$exporter" 2>/dev/null
fi
wait "$service"
ended=$?
wait "$exporter"
# A stop that was asked for has gone well if the service says so; nothing else has.
[ -n "${stopping:-}" ] && exit "$ended"
exit 1
