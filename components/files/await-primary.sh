#!/bin/sh
# Lets the pod start once PostgreSQL, seen through the pooler, is writable and has the service's table.
#
# A memory service that starts before that runs without PostgreSQL for the rest of its life, and says that it is well.
# In a standby region this is what holds the pods until the region is promoted.
#
# Environment: PGHOST, PGPORT, PGDATABASE, PGUSER, PGPASSFILE, PGSSLMODE, PGSSLROOTCERT as for psql;
# WAIT_SECONDS: give up after that many, so that the pod shows up as failing; 0 waits for ever.
set -eu

# Asked as the service's own user: a table that belongs to somebody else would swallow every write.
QUESTION="
select case
    when current_setting('transaction_read_only')::bool then 'PostgreSQL is read-only (a standby)'
    when to_regclass('kv_store') is null then 'table kv_store is missing'
    when not (has_table_privilege('kv_store', 'select') and has_table_privilege('kv_store', 'insert')
              and has_table_privilege('kv_store', 'update') and has_table_privilege('kv_store', 'delete'))
        then 'table kv_store is not ' || current_user || '''s to write'
    else 'writable'
end"

started=$(date +%s)
while true; do
    answer=$(timeout 10 psql --no-psqlrc --no-password --quiet --tuples-only --no-align --command "$QUESTION" 2>&1) || true
    waited=$(($(date +%s) - started))
    if [ "$answer" = "writable" ]; then
        echo "PostgreSQL is writable after ${waited} s"
        exit 0
    fi
    echo "waiting for PostgreSQL (${waited} s): ${answer:-no answer within 10 s}"
    if [ "$WAIT_SECONDS" -gt 0 ] && [ "$waited" -ge "$WAIT_SECONDS" ]; then
        echo "giving up after ${waited} s"
        exit 1
    fi
    sleep 5
done
