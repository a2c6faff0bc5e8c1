#!/usr/bin/env bash
# Scans an image for published vulnerabilities and secrets, and writes its SBOM: scan.sh RECORD TRIVY. Fails if a critical
# vulnerability has a fix. RECORD: the file with the image's id; the SBOM is written next to it. TRIVY: the image with the
# program. To accept a vulnerability, add it to .trivyignore, with its reason.
set -euo pipefail

cd "$(dirname "$0")/.."
image=$(cat "$1")
trivy=$(.ci/extract_program.sh "$2" /usr/local/bin/trivy "$(dirname "$1")")
scan=("$trivy" image --quiet --scanners "vuln,secret" --ignore-unfixed)
"${scan[@]}" --severity HIGH,CRITICAL "$image"
"${scan[@]}" --severity CRITICAL --exit-code 1 "$image" >/dev/null || {
    echo "error: the image has a critical vulnerability with a fix; next: update the package, or add it to .trivyignore" >&2
    exit 1
}
"$trivy" image --quiet --format cyclonedx --output "$1.cdx.json" "$image"
echo "Scanned $image: no critical vulnerability with a fix; its SBOM is $1.cdx.json"
