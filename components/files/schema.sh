#!/bin/sh
# Waits for the writable PostgreSQL and applies schema.sql as the application's user.
#
# Environment: PGHOST, PGPORT, PGDATABASE, PGUSER, PGSSLMODE, PGSSLROOTCERT; PARTITIONS; PASSFILE (as mounted);
# SCHEMA (the SQL file); WAIT_SECONDS.
set -eu

# libpq ignores a password file that the group may read, which a mounted Secret always is: copied to memory.
PGPASSFILE="${WORK:-/run/work}/pgpass"
export PGPASSFILE PGCONNECT_TIMEOUT=5
umask 077
cp "$PASSFILE" "$PGPASSFILE"

deadline=$(($(date +%s) + ${WAIT_SECONDS:-900}))
said=""
while true; do
  # Not in recovery means: this is the primary, and it takes writes.
  if answer=$(psql --no-psqlrc --no-password -Atqc 'SELECT NOT pg_is_in_recovery()' 2>&1) && [ "$answer" = t ]; then
    break
  fi
  [ "$answer" = f ] && answer="it is in recovery (a replica)"
  answer=$(echo "$answer" | tr -s '[:space:]' ' ')
  if [ "$(date +%s)" -ge "$deadline" ]; then
    echo "schema: gave up waiting for a writable PostgreSQL at $PGHOST: $answer" >&2
    exit 1
  fi
  [ "$answer" = "$said" ] || echo "schema: waiting for a writable PostgreSQL at $PGHOST: $answer"
  said="$answer"
  sleep 2
done

exec psql --no-psqlrc --no-password -v partitions="$PARTITIONS" -f "$SCHEMA"
