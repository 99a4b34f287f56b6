-- What the service does for every recall. Variables of pgbench: rows, spaces.
\set row random(1, :rows)
\set space :row % :spaces
SELECT value FROM "kv_store" WHERE key = 'n:space:(:row.0, 1.0):data';
