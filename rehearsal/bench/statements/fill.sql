-- Memories over some namespaces, two rows each. Variables of psql: rows, spaces.
INSERT INTO kv_store
SELECT
    format('n%s:(%s.0, 1.0):%s', row % :spaces, row, kind),
    jsonb_build_object('memory_type', 'episodic', 'task', 'note ' || row, 'importance', row % 5)
FROM generate_series(1, :rows) AS row, unnest(ARRAY['data', 'meta']) AS kind;
VACUUM ANALYZE kv_store;
