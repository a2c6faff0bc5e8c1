#!/bin/sh
# Migrates the database with directus-sync, then becomes the given command, which serves.
# Owns the boot of a container. Refuses to go on when the deploy failed: its message stays, its exit code is ours.
set -eu

if [ "$#" -eq 0 ]; then
    echo 'error: no command to run once the database is migrated' >&2
    exit 2
fi

# What the tool takes for granted when it starts a Directus of its own must hold for the one that serves, too.
: "${DIRECTUS_HOME:=/directus}" "${DB_PORT:=5432}" "${DB_EXCLUDE_TABLES:=spatial_ref_sys,sysdiagrams}"
for table in positions spatial_ref_sys; do
    case ",$DB_EXCLUDE_TABLES," in
    *",$table,"*) ;;
    *) DB_EXCLUDE_TABLES=$DB_EXCLUDE_TABLES,$table ;;
    esac
done
DB_CLIENT=pg
# Settings come from the environment alone; Directus would read a .env of its folder over it.
CONFIG_PATH=/dev/null
export CONFIG_PATH DB_CLIENT DB_EXCLUDE_TABLES DB_PORT DIRECTUS_HOME
cd "$DIRECTUS_HOME"

deploy='' signals=0
# A child that is still this very shell, before it becomes the deploy, would take the signal for one that it handles as
# its parent does, and forget it.
end_deploy() {
    looks=0
    while [ "$looks" -lt 50 ] && cmp -s "/proc/$$/cmdline" "/proc/$deploy/cmdline"; do
        looks=$((looks + 1))
        sleep 0.1
    done
    # Always TERM: a shell starts what runs in its background with Ctrl-C ignored.
    kill -TERM "$deploy" 2>/dev/null || :
}
stop() {
    signals=$((signals + 1))
    [ -z "$deploy" ] || end_deploy
}
trap stop HUP INT TERM

# In the background, since a shell sees to signals only after what runs in its foreground.
directus-sync deploy &
deploy=$!
# Of a signal that came before its process was known.
[ "$signals" -eq 0 ] || end_deploy

# A signal ends `wait`, not the deploy: wait until none has come in between.
code=127
while :; do
    seen=$signals
    wait "$deploy" && now=0 || now=$?
    # 127: no longer known, so that what it said before is its exit code.
    [ "$now" -eq 127 ] || code=$now
    [ "$signals" -ne "$seen" ] || break
done

# From here on a signal ends this process by itself, and later whatever it has become.
trap - HUP INT TERM
[ "$code" -eq 0 ] || exit "$code"
[ "$signals" -eq 0 ] || exit 143
exec "$@"
