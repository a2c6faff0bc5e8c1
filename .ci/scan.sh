#!/usr/bin/env bash
# Looks for published holes and secrets in an image, and lists its parts: scan.sh RECORD TRIVY. Fails if a critical hole
# has a fix. RECORD: the file with the image's id; the list of parts is written beside it. TRIVY: the image that has the
# program. To accept a hole, name it in .trivyignore, with its reason.
set -euo pipefail

cd "$(dirname "$0")/.."
image=$(cat "$1")
trivy=$(.ci/program.sh "$2" /usr/local/bin/trivy "$(dirname "$1")")
scan=("$trivy" image --quiet --scanners "vuln,secret" --ignore-unfixed)
"${scan[@]}" --severity HIGH,CRITICAL "$image"
"${scan[@]}" --severity CRITICAL --exit-code 1 "$image" >/dev/null || {
    echo "error: the image has a critical hole that has a fix; next: update what has it, or name it in .trivyignore" >&2
    exit 1
}
"$trivy" image --quiet --format cyclonedx --output "$1.cdx.json" "$image"
echo "Scanned $image: no critical hole that has a fix; its parts are in $1.cdx.json"
