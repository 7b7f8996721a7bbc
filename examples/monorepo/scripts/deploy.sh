#!/usr/bin/env bash
# Brings a version of the system to the machine that this runs on.
set -euo pipefail

usage() {
    cat <<'USAGE'
usage: deploy.sh [COMMAND]

  build            builds the three images and pushes each that its tests let through; fails unless all are
  up               starts that version, and waits until every container is healthy
  health           asks the system through its front door
  scale NAME=N     has N replicas of web or api
  deploy           build, up and health: what is done without a command

REGISTRY and VERSION name the images. An older VERSION with `up` is the way back.
URL is the front door (http://127.0.0.1); STAGEWRIGHT the program that builds (stagewright).
USAGE
}

fail() {
    echo "deploy.sh: $*" >&2
    exit 1
}

compose() {
    docker compose --file compose.prod.yaml "$@"
}

build() {
    local names=()
    for image in web api proxy; do
        names+=(--tag "$image=$REGISTRY/$image:$VERSION")
    done
    "${STAGEWRIGHT:-stagewright}" build --push "${names[@]}" .
}

up() {
    compose up --detach --remove-orphans --wait
}

# Not a container's own word: the way that a visitor's request takes.
health() {
    local url=${URL:-http://127.0.0.1} path failed=()
    for path in /health /api/health /; do
        if curl --fail --silent --show-error --max-time 5 --output /dev/null "$url$path"; then
            echo "$path answers"
        else
            failed+=("$path")
        fi
    done
    [[ ${#failed[@]} -eq 0 ]] || fail "no good answer from ${failed[*]} at $url"
}

scale() {
    [[ ${1:-} =~ ^(web|api)=[1-9][0-9]?$ ]] || fail "scale takes web=N or api=N, with N from 1 to 99, not \`${1:-}\`"
    compose up --detach --no-recreate --wait --scale "$1"
}

command=${1:-deploy}
case $command in
    health) ;;
    build | up | scale | deploy)
        : "${REGISTRY:?say where the images are}" "${VERSION:?say which version}"
        export REGISTRY VERSION
        ;;
    help | --help | -h)
        usage
        exit
        ;;
    *)
        usage >&2
        fail "there is no command \`$command\`"
        ;;
esac

cd "$(dirname "${BASH_SOURCE[0]}")/.."
case $command in
    scale) scale "${2:-}" ;;
    deploy)
        build
        up
        health
        ;;
    *) "$command" ;;
esac
