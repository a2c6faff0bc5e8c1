#!/usr/bin/env bash
# Prints the folder with the packages of a lock file beside this script: packages.sh FOLDER. Owns that folder in .stack;
# refuses packages whose hash is not in the lock.
set -euo pipefail

cd "$(dirname "$0")/.."
home=$PWD/.stack/$1-$(cat ".ci/$1"/*.json | sha256sum | cut -c1-16)
if [ ! -d "$home" ]; then
    mkdir -p .stack
    work=$(mktemp -d ".stack/$1.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    cp ".ci/$1"/*.json "$work"
    .venv/bin/npm ci --prefix "$work" --ignore-scripts --no-audit --no-fund --no-update-notifier --silent >&2
    # Another run may have been quicker.
    mv -T "$work" "$home" 2>/dev/null || [ -d "$home" ]
fi
echo "$home"
