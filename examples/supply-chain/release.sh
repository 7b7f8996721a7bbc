#!/bin/sh
# Releases the version that package.json names: `./release.sh registry.example/team/notices [ARGUMENT…]`, with the program of
# stages.rs on the PATH. Refused if a source is not what the lock says, or if a gate is closed. Its last line is what to deploy:
# the image by its digest, which nobody can change any more.
set -eu
cd "$(dirname "$0")"
name=$1
shift
version=$(sed -n 's/^  "version": "\(.*\)",$/\1/p' package.json)
if [ -z "${REVISION:-}" ] && [ -n "$(git status --porcelain .)" ]; then
    echo "what would be built is not what is committed: commit it, or say REVISION=…" >&2
    exit 1
fi
revision=${REVISION:-$(git rev-parse HEAD)}
told=$(mktemp)
trap 'rm -f "$told"' EXIT

supply-chain lock --check "$@" .
supply-chain build --locked --push --tag "$name:$version" --metadata-file "$told" \
    --build-arg "version=$version" --build-arg "revision=$revision" "$@" .
digest=$(sed -n 's/.*"containerimage.digest": *"\(sha256:[0-9a-f]*\)".*/\1/p' "$told" | head -n 1)
if [ -z "$digest" ]; then
    echo "$told tells of no image that was pushed" >&2
    exit 1
fi
echo "$name@$digest"
