#!/bin/sh
# Becomes directus-sync, which migrates the database, then becomes the given command, which serves.
# Owns the boot of a container. A deploy that fails ends it: its message stays, its exit code is ours.
set -eu

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

# One process from here to the server: a signal needs nobody to pass it on, and an exit code is the tool's own.
exec directus-sync deploy -- "$@"
