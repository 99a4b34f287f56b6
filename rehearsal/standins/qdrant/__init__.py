"""A stand-in for a Qdrant server in cluster mode: one process a node, several nodes form a cluster.

It speaks the REST calls that this project makes, with the shapes, status codes and words of qdrant/qdrant@v1.19.0
(src/actix, src/common/collections.rs, lib/storage, lib/collection; each module names what it follows), and keeps the
rules on which the project relies: a collection's shards are spread over the peers that are there when it is made, each
with `replication_factor` copies, without a thought for zones; a point belongs to the shard that its id says; a write
goes to every copy that takes writes, and a copy that fails is marked Dead by consensus before the write is answered;
a Dead copy is brought up to date when its node is back; moving, replicating and dropping are transfers that are asked
for; a changed `replication_factor` does nothing by itself; operations on collections and peers need a majority.

What it does not do:
- Snapshots of shards hold points as JSON, no segments, and nobody else can read them; none of whole collections or of
  all of them, none by URL, none streamed.
- No HNSW, quantisation, payload index, filter, alias, named or sparse vector, shard key, gRPC, TLS,
  quota or strict mode; of tokens, those alone that read or change everything for ever (keys.py). A query compares
  every vector.
- Consensus is Raft without learners, snapshots or compaction of the log: a node that joins reads the whole log. Votes
  and log survive the process, not the machine (no fsync).
- Copies agree by a version on each point (the clock of the node that took the write), not by clocks and a
  write-ahead log: every transfer copies the whole shard, whatever method was asked for.
- Peers speak JSON over HTTP on the p2p port, not gRPC; a node's port takes writes without a key, as Qdrant's does.
- Nothing is compacted on disk.

Only the standard library and relative imports: the folder can be copied into an image as it is and run with
`python3 -m <folder>`.
"""
