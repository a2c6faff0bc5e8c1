#!/usr/bin/env bash
# usage: extract_program.sh IMAGE PROGRAM FOLDER. Copies a program out of an image to FOLDER, and prints its path. Copies
# only once, because the image is pinned by digest. Outside a container the program can use the caller's files and log-ins.
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
