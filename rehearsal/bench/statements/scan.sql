-- What the service does on every store: the keys of one namespace. Variables of pgbench: rows, spaces.
\set row random(1, :rows)
\set space :row % :spaces
SELECT key FROM "kv_store" WHERE key LIKE 'n:space:%:meta';
