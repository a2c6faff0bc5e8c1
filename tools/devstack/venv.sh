#!/usr/bin/env bash
# Creates or updates .venv from requirements.lock. Owns .venv; refuses packages whose hash is not in the lock.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
venv=$PWD/.venv
stamp=$venv/.complete
# The old .venv is deleted before the new one is created, so its Python cannot create the new one.
PATH=${PATH//"$venv/bin:"/}

fail() { # what, next step, exit status
    printf 'error: %s\n  next: %s\n' "$1" "$2" >&2
    exit "$3"
}

# The path counts too: a virtual environment cannot be moved.
wanted() { { printf '%s\n' "$venv"; cat requirements.lock pyproject.toml tools/devstack/venv.sh; } | sha256sum; }

current() { [ -x "$venv/bin/python" ] && [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$(wanted)" ]; }

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

find_python() {
    local name
    for name in ${PYTHON:+"$PYTHON"} python3 python3.14 python3.13 python3.12 python3.11; do
        if new_enough "$name"; then
            printf '%s\n' "$name"
            return
        fi
    done
    fail "Python 3.11 or newer is needed; python3 is $(python3 --version 2>&1 || true)" \
        "install one, or name it: PYTHON=/path/to/python3.11" 2
}

# Debian and Ubuntu ship Python without the module that installs pip into an environment.
require_ensurepip() {
    "$1" -c 'import ensurepip, venv' 2>/dev/null && return
    local package
    package=$("$1" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
    local install="apt-get install -y --no-install-recommends $package"
    if ! command -v apt-get >/dev/null; then
        fail "this Python has no ensurepip" "install your system's package for Python's venv module" 2
    elif [ "$(id -u)" != 0 ]; then
        fail "$package is not installed" "sudo apt-get update && sudo $install" 2
    fi
    echo "Installing $package with apt-get" >&2
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update && $install; } >"$log" 2>&1 ||
        fail "apt-get could not install $package: $(tail -n 1 "$log")" "check the network and apt's sources" 1
}

pip_install() {
    "$venv/bin/python" -m pip --disable-pip-version-check --no-input install "$@" >>"$log" 2>&1 || {
        tail -n 15 "$log" | sed 's/^/  | /' >&2
        fail "pip could not fill .venv (full log: $log)" "check network and proxy, and run this again" 1
    }
}

current && exit 0

mkdir -p .stack
[ -e .stack/.gitignore ] || echo '*' >.stack/.gitignore
log=$PWD/.stack/venv.log
# The commands below inherit the lock, so that it is held until they end, even if only this script is killed.
exec 9>.stack/venv.lock
flock --nonblock 9 || { echo "Waiting for another set-up of .venv" >&2; flock 9; }
current && exit 0

python=$(find_python)
require_ensurepip "$python"
echo "Making .venv from requirements.lock with $("$python" --version) (log: $log)" >&2
rm -rf "$venv"
"$python" -m venv "$venv" >"$log" 2>&1 || fail "$(tail -n 1 "$log")" "see $log" 1
pip_install --require-hashes -r requirements.lock
# compat installs a plain path. The default loads a finder at every start of Python.
pip_install --no-deps --no-build-isolation --config-settings editable_mode=compat --editable .
# Written last: an environment without the stamp is incomplete.
wanted >"$stamp.new" && mv "$stamp.new" "$stamp"
echo "Made .venv in $SECONDS s" >&2
