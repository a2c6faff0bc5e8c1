#!/usr/bin/env bash
# Asks for published holes of the locked packages: Python's at OSV, Node's at npm's registry. Ends with 1 if one is known.
# To accept a hole: `--ignore-vuln ID` below, or `auditConfig.ignoreGhsas` in a pnpm-workspace.yaml beside the lock, each
# with its reason.
set -euo pipefail

cd "$(dirname "$0")/.."
failed=0
echo "Python packages (requirements.lock)"
# strict: a package that could not be asked for is not safe.
.venv/bin/pip-audit --strict --disable-pip --require-hashes --requirement requirements.lock \
    --vulnerability-service osv --progress-spinner off || failed=1
# npm closed the address that the pnpm of the lock files asks.
pnpm=$(echo "$(.ci/packages.sh pnpm)"/node_modules/@pnpm/exe.linux-*/pnpm)
# What serves comes whole from Directus's release: of its packages only a critical hole stops a delivery.
for part in extensions/trm:high docker/directus:critical; do
    echo "Node packages (${part%:*}), from ${part#*:}"
    "$pnpm" --dir "${part%:*}" audit --ignore-workspace --audit-level "${part#*:}" || failed=1
done
exit "$failed"
