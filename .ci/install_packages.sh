#!/usr/bin/env bash
# usage: install_packages.sh FOLDER. Installs the packages of .ci/FOLDER into a folder of .stack, if needed, and prints
# that folder. Refuses packages whose hash is not in the lock file.
set -euo pipefail

cd "$(dirname "$0")/.."
home=$PWD/.stack/$1-$(cat ".ci/$1"/*.json | sha256sum | cut -c1-16)
if [ ! -d "$home" ]; then
    mkdir -p .stack
    work=$(mktemp -d ".stack/$1.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    cp ".ci/$1"/*.json "$work"
    .venv/bin/npm ci --prefix "$work" --ignore-scripts --no-audit --no-fund --no-update-notifier --silent >&2
    # Another run may have installed them meanwhile.
    mv -T "$work" "$home" 2>/dev/null || [ -d "$home" ]
fi
echo "$home"
