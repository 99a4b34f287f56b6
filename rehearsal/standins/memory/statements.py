"""The statements that the memory service sends to PostgreSQL, word for word, with psycopg2's placeholders.

somafractalmemory at 9d8f7f1, implementations/storage.py, PostgresKeyValueStore.
"""

TABLE = 'CREATE TABLE IF NOT EXISTS "kv_store" (key TEXT PRIMARY KEY, value JSONB NOT NULL);'
"""The first one of each process. Who is refused it does without PostgreSQL for life."""
EXTENSION = "CREATE EXTENSION IF NOT EXISTS pg_trgm;"
INDEX = 'CREATE INDEX IF NOT EXISTS idx_"kv_store"_val_trgm ON "kv_store" USING gin ((value::text) gin_trgm_ops);'
"""A syntax error, as the service sends it: it never has an index of its own, and swallows the refusal."""
WRITE = 'INSERT INTO "kv_store" (key, value) VALUES (%s, %s) ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value;'
READ = 'SELECT value FROM "kv_store" WHERE key = %s;'
DELETE = 'DELETE FROM "kv_store" WHERE key = %s;'
KEYS = 'SELECT key FROM "kv_store" WHERE key LIKE %s;'
"""The keys of a namespace, on every store; and of the pattern's `*` the service makes `%`."""
