#!/usr/bin/env bash
# Checks the locked packages for published vulnerabilities: Python's at OSV, Node's at npm's registry. Exits 1 if it finds
# one. To accept one, use `--ignore-vuln ID` below, or `auditConfig.ignoreGhsas` in a pnpm-workspace.yaml next to the lock
# file, each with its reason.
set -euo pipefail

cd "$(dirname "$0")/.."
failed=0
echo "Python packages (requirements.lock)"
# --strict: fail if a package cannot be checked.
.venv/bin/pip-audit --strict --disable-pip --require-hashes --requirement requirements.lock \
    --vulnerability-service osv --progress-spinner off || failed=1
# A pinned newer pnpm: npm closed the address that the lock files' pnpm uses.
pnpm=$(echo "$(.ci/install_packages.sh pnpm)"/node_modules/@pnpm/exe.linux-*/pnpm)
# docker/directus takes its packages from Directus's release, so only a critical vulnerability stops a delivery.
for part in extensions/trm:high docker/directus:critical; do
    echo "Node packages (${part%:*}), from ${part#*:}"
    "$pnpm" --dir "${part%:*}" audit --ignore-workspace --audit-level "${part#*:}" || failed=1
done
exit "$failed"
