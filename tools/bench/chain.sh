#!/usr/bin/env bash
# The chain that this project replaced, built from psql and Directus's own command line:
# psql runner, bootstrap, schema apply, psql runner. `schema apply` needs the tables that bootstrap creates.
# Reads SQL_FOLDER, SNAPSHOT and DIRECTUS_HOME; psql reads PGHOST and the other PG variables.
set -euo pipefail

run_psql() { psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 "$@"; }

# Applies the files of a folder in order, each once. One query reads all markers, because that is the fastest.
apply_sql() {
    local applied file name
    applied=$(run_psql --no-align --tuples-only --command "
        CREATE TABLE IF NOT EXISTS public.migrations_applied (
            name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now()
        )" --command "SELECT name FROM public.migrations_applied")
    for file in "$SQL_FOLDER/$1"/*.sql; do
        name=$1/${file##*/}
        grep --quiet --line-regexp --fixed-strings "$name" <<<"$applied" && continue
        run_psql --file "$file" --command "INSERT INTO public.migrations_applied (name) VALUES ('$name')"
    done
}

apply_sql pre
node "$DIRECTUS_HOME/cli.js" bootstrap
node "$DIRECTUS_HOME/cli.js" schema apply --yes "$SNAPSHOT"
apply_sql post
