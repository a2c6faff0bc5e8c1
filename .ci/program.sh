#!/usr/bin/env bash
# Prints the path of a program that an image has: program.sh IMAGE PROGRAM FOLDER. It is copied to FOLDER, once, because
# the image is pinned by digest. It runs outside of a container, so that it reaches the caller's files and log-ins.
set -euo pipefail

digest=${1##*@sha256:}
program=$3/$(basename "$2")-${digest:0:16}
if [ ! -x "$program" ]; then
    container=$(docker create "$1")
    trap 'docker rm "$container" >/dev/null' EXIT
    docker cp "$container:$2" "$program.$$" >&2
    mv "$program.$$" "$program"
fi
echo "$program"
