-- The memory service's table with partitions and indexes, made before the service starts.
--
-- The service would make an unpartitioned table itself, racing with its own replicas, and its index statement is a
-- syntax error: it never has any of these indexes. Runs as the application's user, so that the table belongs to it: a
-- table of the superuser would refuse every write, which the service swallows. May be repeated.
--
-- psql variables: partitions (number of hash partitions).

\set ON_ERROR_STOP on
\set QUIET on
SET client_min_messages = warning;
SELECT set_config('soma.partitions', :'partitions', false) \g /dev/null

-- One run at a time: two at once would race for the same names.
SELECT pg_advisory_lock(hashtext('soma.schema')) \g /dev/null

DO $$
DECLARE
    kind "char" := (SELECT relkind FROM pg_class WHERE oid = to_regclass('kv_store'));
    found integer := (SELECT count(*) FROM pg_inherits WHERE inhparent = to_regclass('kv_store'));
    wanted integer := current_setting('soma.partitions')::integer;
BEGIN
    IF kind = 'r' THEN
        RAISE EXCEPTION 'table kv_store exists without partitions and is left as it is'
            USING HINT = 'stop the service, rename the table, run this again, copy the rows over, drop the old table';
    ELSIF kind IS NOT NULL AND kind <> 'p' THEN
        RAISE EXCEPTION 'kv_store exists and is no table';
    ELSIF found > 0 AND EXISTS (
        SELECT FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = to_regclass('kv_store')
          AND pg_get_expr(c.relpartbound, c.oid) NOT LIKE format('FOR VALUES WITH (modulus %s, %%', wanted)
    ) THEN
        RAISE EXCEPTION 'kv_store has % partitions of another modulus than %, and is left as it is', found, wanted
            USING HINT = 'set postgresql.partitions back to the number it was made with';
    END IF;
END $$;

-- The service's own definition, with the only partitioning under which its ON CONFLICT (key) works.
CREATE TABLE IF NOT EXISTS kv_store (key text PRIMARY KEY, value jsonb NOT NULL) PARTITION BY HASH (key);

SELECT format(
    'CREATE TABLE IF NOT EXISTS kv_store_p%s PARTITION OF kv_store FOR VALUES WITH (MODULUS %s, REMAINDER %s)',
    part, :partitions, part
)
FROM generate_series(0, :partitions - 1) AS part
\gexec

-- A trusted extension: the owner of the database may create it.
CREATE EXTENSION IF NOT EXISTS pg_trgm;

-- Keyword search: value::text ILIKE.
CREATE INDEX IF NOT EXISTS idx_kv_store_val_trgm ON kv_store USING gin ((value::text) gin_trgm_ops);
CREATE INDEX IF NOT EXISTS idx_kv_store_memtype ON kv_store ((value->>'memory_type'));
-- Every store runs LIKE 'namespace:%': a scan of everything unless this index has the pattern operators.
CREATE INDEX IF NOT EXISTS idx_kv_store_key_prefix ON kv_store (key text_pattern_ops);

-- Prove it as the service's user, by the service's own statements.
INSERT INTO kv_store (key, value) VALUES ('soma.schema:probe', '{"memory_type": "probe"}')
    ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value;
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM kv_store WHERE key = 'soma.schema:probe' AND value->>'memory_type' = 'probe') THEN
        RAISE EXCEPTION 'a row written to kv_store cannot be read back';
    ELSIF (SELECT relowner::regrole::text FROM pg_class WHERE oid = to_regclass('kv_store')) <> quote_ident(current_user) THEN
        RAISE EXCEPTION 'kv_store does not belong to the application''s user %', current_user;
    ELSIF (SELECT count(*) FROM pg_inherits WHERE inhparent = to_regclass('kv_store'))
            <> current_setting('soma.partitions')::integer THEN
        RAISE EXCEPTION 'kv_store has not the wanted number of partitions';
    END IF;
END $$;
DELETE FROM kv_store WHERE key = 'soma.schema:probe';

\echo kv_store is ready with :partitions partitions
