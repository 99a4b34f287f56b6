"""A stand-in of the memory service: the same calls on the same stores, with the same faults.

It is for tests of what stands around the service, where the service itself is not at hand. Like the service at
9089859/9d8f7f1 it

- answers /health, /healthz and /readyz with 200 whatever its stores do; the truth is in the body;
- has one PostgreSQL connection, tries a failed statement once more on a new one, then swallows the error: the POST is
  answered 200 and the record is lost;
- runs on Redis alone for the rest of its life when PostgreSQL refuses while it starts;
- takes any error of the existence check as "absent", makes the collection, and on an error of that drops it first;
- blocks everything while it stores: one event loop, and its cost grows with the number of memories;
- knows neither a Redis cluster nor passwords nor Qdrant's API key, and has no timeouts for PostgreSQL and Redis;
- writes its DSN to its log.

What it does not do: embeddings with a meaning (the service's have none either), the graph, decay beyond the first pass,
JWT, OPA, several workers, msgpack, batches. `POST /__fault` is its own, and so is `GET /memories/stream`, of which only
the service's documents speak. It is built from what the service does on the wire, not from its code.

Run as `python3 -m rehearsal.standins.memory`; needs psycopg2 and redis-py 6.4.0, whose commands it is there to send.
"""
