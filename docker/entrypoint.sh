#!/bin/sh
# Boots a container: becomes directus-sync, which migrates the database and then becomes the given command, the server.
# If the deploy fails, the boot ends with the deploy's message and exit code.
set -eu

# The serving Directus needs the same settings that directus_sync/directus/server.py sets for a private Directus.
: "${DIRECTUS_HOME:=/directus}" "${DB_PORT:=5432}" "${DB_EXCLUDE_TABLES:=spatial_ref_sys,sysdiagrams}"
for table in positions last_positions recompute_requests spatial_ref_sys; do
    case ",$DB_EXCLUDE_TABLES," in
    *",$table,"*) ;;
    *) DB_EXCLUDE_TABLES=$DB_EXCLUDE_TABLES,$table ;;
    esac
done
DB_CLIENT=pg
# Settings come only from the environment. Without this, a .env in the current folder would override them in Directus.
CONFIG_PATH=/dev/null
export CONFIG_PATH DB_CLIENT DB_EXCLUDE_TABLES DB_PORT DIRECTUS_HOME
cd "$DIRECTUS_HOME"

# From here to the server it is one process: it gets signals directly, and its exit code is the container's.
exec directus-sync deploy -- "$@"
