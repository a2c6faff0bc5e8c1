#!/bin/sh
# Becomes directus-sync, which migrates the database, then becomes the given command, which serves.
# Owns the boot of a container. A deploy that fails ends the boot, with its own message and exit code.
set -eu

# What directus_sync/directus/server.py sets for a private Directus must hold for the one that serves, too.
: "${DIRECTUS_HOME:=/directus}" "${DB_PORT:=5432}" "${DB_EXCLUDE_TABLES:=spatial_ref_sys,sysdiagrams}"
for table in positions last_positions recompute_requests spatial_ref_sys; do
    case ",$DB_EXCLUDE_TABLES," in
    *",$table,"*) ;;
    *) DB_EXCLUDE_TABLES=$DB_EXCLUDE_TABLES,$table ;;
    esac
done
DB_CLIENT=pg
# Settings come from the environment alone: the values of a .env in its folder would replace them in Directus.
CONFIG_PATH=/dev/null
export CONFIG_PATH DB_CLIENT DB_EXCLUDE_TABLES DB_PORT DIRECTUS_HOME
cd "$DIRECTUS_HOME"

# One process from here to the server: a signal reaches it directly, and its exit code is the container's.
exec directus-sync deploy -- "$@"
