#!/usr/bin/env bash
# Signs a pushed image and its SBOM with the key in COSIGN_PRIVATE_KEY: sign.sh NAME RECORD COSIGN. Without a key it
# prints a note and signs nothing. RECORD: the file with the image's id; the SBOM is next to it. COSIGN: the image with
# the program.
set -euo pipefail

cd "$(dirname "$0")/.."
if [ -z "${COSIGN_PRIVATE_KEY:-}" ]; then
    echo "COSIGN_PRIVATE_KEY is not set: the image is not signed"
    exit
fi
cosign=$(.ci/extract_program.sh "$3" /ko-app/cosign "$(dirname "$2")")
# Sign the digest, because a tag can move.
digest=$(docker image inspect --format '{{range .RepoDigests}}{{println .}}{{end}}' "$1" | grep --fixed-strings "${1%:*}@")
# The configuration has no public log, because that would publish the image's name.
options=(--yes --signing-config .ci/signing.json --key env://COSIGN_PRIVATE_KEY)
"$cosign" sign "${options[@]}" "$digest"
"$cosign" attest "${options[@]}" --type cyclonedx --predicate "$2.cdx.json" "$digest"
echo "Signed $digest"
