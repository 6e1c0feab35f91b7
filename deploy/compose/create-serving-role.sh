#!/bin/sh
# Run once, by the postgres image, when it makes the database: the role that serves owns nothing. `payments migrate` lets it serve.
set -eu
psql -v ON_ERROR_STOP=1 -v password="$(cat /run/secrets/SERVING_PASSWORD)" -U "$POSTGRES_USER" -d "$POSTGRES_DB" <<'SQL'
CREATE ROLE payments_serving LOGIN PASSWORD :'password';
SQL
