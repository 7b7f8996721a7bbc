//! A scanner for `--sbom`: it lists the files of what it is given, as BuildKit's scanner protocol wants it (BuildKit
//! v0.33 `docs/attestations/sbom-protocol.md`; SPDX 2.3). Each document is the predicate of an in-toto statement (BuildKit
//! v0.33 `exporter/attestation/unbundle.go`).
//!
//! The text of this file is the recipe: an edit makes the image anew.

use stagewright::prelude::*;

/// Everything that decides what the program makes, beside the image that it starts from.
pub(super) const INGREDIENTS: &str = include_str!("scanner.rs");

/// One document for the image, and one for each stage that is to be scanned, too. Names in JSON are escaped by sed.
const SCAN: &str = r##"#!/bin/sh
set -eu
escape() { sed 's/\\/\\\\/g; s/"/\\"/g'; }
scan() {
    root=$1 name=$(basename "$1")
    {
        printf '{"_type":"https://in-toto.io/Statement/v0.1","predicateType":"https://spdx.dev/Document",'
        printf '"subject":[],"predicate":'
        printf '{"spdxVersion":"SPDX-2.3","dataLicense":"CC0-1.0","SPDXID":"SPDXRef-DOCUMENT","name":"%s",' "$name"
        printf '"documentNamespace":"https://stagewright.invalid/scan/%s",' "$name"
        printf '"creationInfo":{"created":"1970-01-01T00:00:00Z","creators":["Tool: stagewright-scanner-1"]},'
        printf '"packages":[],"files":['
        (cd "$root" && find . -type f | sort | tr '\n' '\0' | xargs -0 -r sha1sum) | escape | awk '{
            printf "%s{\"SPDXID\":\"SPDXRef-File-%d\",\"fileName\":\"%s\",", separator, NR, substr($0, 44)
            printf "\"checksums\":[{\"algorithm\":\"SHA1\",\"checksumValue\":\"%s\"}]}", substr($0, 1, 40)
            separator = ","
        }'
        printf ']}}'
    } > "$BUILDKIT_SCAN_DESTINATION/$name.spdx.json"
}
scan "$BUILDKIT_SCAN_SOURCE"
for extra in "${BUILDKIT_SCAN_SOURCE_EXTRAS:-/nowhere}"/*; do
    [ ! -d "$extra" ] || scan "$extra"
done
"##;

/// The scanner.
pub(super) fn build(b: &Build, (): ()) -> Targets {
    let image = b
        .runtime("scanner", "busybox")
        .file("/bin/scan", text(SCAN).mode(0o755))
        .entrypoint(["/bin/scan"]);
    Targets::new().product(image)
}
