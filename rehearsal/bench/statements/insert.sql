-- What the service does for every memory. Variables of pgbench: rows, spaces.
\set row random(1, :rows)
\set space :row % :spaces
INSERT INTO "kv_store" (key, value) VALUES ('n:space:(:row.0, 1.0):data', '{"memory_type": "episodic"}')
    ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value;
