#!/bin/sh
# Creates the role that serves Directus, with its password, when the database is initialised. A deploy grants its rights:
# snapshots/roles.yaml. psql reads the password from the environment, so that no process shows it in its arguments.
set -eu
psql --set ON_ERROR_STOP=1 --no-psqlrc --quiet --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'SQL'
\getenv password SERVING_PASSWORD
CREATE ROLE trm_directus LOGIN PASSWORD :'password';
SQL
