#!/bin/sh
# Lets the pod start once PostgreSQL, seen through gateway and pooler, is writable and has the service's table.
#
# A memory service that starts before that runs without PostgreSQL for the rest of its life, and says that it is well.
# In a standby region this is what holds the pods until the region is promoted.
#
# Environment: PGHOST, PGPORT, PGDATABASE, PGUSER, PGSSLMODE, PGCONNECT_TIMEOUT as for psql;
# HELD, where it is set: home is about to move from this region, wait whatever PostgreSQL says;
# WAIT_SECONDS: give up after that many, so that the pod shows up as failing; 0 waits for ever.
set -eu

# Asked as the service's own user: a table that belongs to somebody else would swallow every write. Nobody else makes
# the table right: the service would make one without partitions, which then is in the way of the schema Job.
QUESTION="
select case
    when current_setting('transaction_read_only')::bool then 'PostgreSQL is read-only (a standby)'
    when to_regclass('kv_store') is null then 'table kv_store is missing'
    when (select relkind from pg_class where oid = to_regclass('kv_store')) <> 'p'
        then 'table kv_store has no partitions'
    when (select relowner::regrole::text from pg_class where oid = to_regclass('kv_store')) <> quote_ident(current_user)
        then 'table kv_store does not belong to ' || current_user
    when not (has_table_privilege('kv_store', 'select') and has_table_privilege('kv_store', 'insert')
              and has_table_privilege('kv_store', 'update') and has_table_privilege('kv_store', 'delete'))
        then 'table kv_store is not ' || current_user || '''s to write'
    else 'writable'
end"

remedy() {
    case "$1" in
    *read-only*) echo "wait for the failover, or promote this region; the Cluster's status says more" ;;
    *"is missing"*) echo "the schema Job has not run: kubectl logs job/postgresql-schema-…" ;;
    *"no partitions"*) echo "it is older than this program: docs/postgresql.md, The schema Job failed" ;;
    *"not belong"* | *"to write"*) echo "hand it over: ALTER TABLE kv_store OWNER TO $PGUSER, and its partitions" ;;
    *) echo "the logs of this pod's postgresql-gateway, of the pooler and of the primary say more" ;;
    esac
}

started=$(date +%s)
while true; do
    if [ -n "${HELD:-}" ]; then
        echo "held: home moves to another region"
        sleep 60
        continue
    fi
    answer=$(timeout 20 psql --no-psqlrc --no-password --quiet --tuples-only --no-align --command "$QUESTION" 2>&1) || true
    answer=$(echo "$answer" | tr -s '[:space:]' ' ' | sed 's/ $//')
    waited=$(($(date +%s) - started))
    if [ "$answer" = "writable" ]; then
        echo "PostgreSQL is writable after ${waited} s"
        exit 0
    fi
    echo "waiting for PostgreSQL (${waited} s): ${answer:-no answer within 20 s}"
    if [ "$WAIT_SECONDS" -gt 0 ] && [ "$waited" -ge "$WAIT_SECONDS" ]; then
        echo "giving up after ${waited} s: ${answer:-no answer}: $(remedy "$answer")"
        exit 1
    fi
    sleep 5
done
