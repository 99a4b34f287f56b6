"""Plays the CloudNativePG operator 1.30: what a Cluster and a Pooler turn into, who is primary, and their status.

Played as the operator does it (cloudnative-pg/cloudnative-pg, v1.30.0; the modules name the files):
- instance pods `<cluster>-N` with the operator's labels, the declared affinity, resources and security, a claim for
  data and one for WAL; services -rw, -ro, -r and the managed ones; both PodDisruptionBudgets; the secrets that nobody
  gave; service accounts; owner references, so that deleting the Cluster deletes them all, claims included;
- one primary. When its pod is gone or not ready, another ready instance becomes primary after `failoverDelay`; when
  its node is cordoned and all other instances are elsewhere and ready, the primary moves off it, so that a drain ends;
- a changed spec replaces one instance after the other, the primary last, by switchover or in place as
  `primaryUpdateMethod` says (with `primaryUpdateStrategy: supervised` it waits for the user);
- in a distributed topology a primary cluster that is to follow stops and leaves a demotion token, and a replica cluster
  takes over with a token that fits, without one at once, with another one never (`topology.py`; simulated nodes);
- an instance that has no room for WAL holds everything back: nobody takes over, and the phase says so;
- a secret that the spec names and that is not there holds everything back, and the phase says which;
- a Pooler's Deployment, service, service account and status.

With simulated nodes the pods run nothing. With real ones (`--servers real`) they run PostgreSQL and PgBouncer under the
instance manager of `instance/`, packed by `archive.py` into the images; then the secrets hold keys and passwords that
serve, roles let the pods read their objects, the operator asks each instance for its state (status port, by the API
server's proxy), fails over to the one that has received most once none receives any more, asks `failoverQuorum`
(R + W > N), and calls an instance primary when it is.

Left out: the primary Lease, the initdb and join Jobs (the instance's own pod does their work), timelines in decisions,
fencing, hibernation, backups and plugins (a Cluster that archives is played without; one that is to be made from
backups is refused, and its phase says so), Backup, ScheduledBackup, Database, Publication and Subscription objects,
image catalogs, tablespaces, webhooks (defaults are filled in here; only the CRD's
schema refuses), PodMonitors, events, FailoverQuorum objects (the quorum is counted over the declared instances); with
simulated nodes also the servers, replication, lag, WAL and quorum (a failover takes the ready instance with the lowest
number); with real ones replica clusters and all that `instance/` leaves out.

Other than the operator: once the first instance is ready the others are made at once, not one after the other;
`status.currentPrimary` is the one that is to be primary from the moment of the decision; a replica cluster says in
`status.phaseReason` which instance is its designated primary; without servers secrets hold the word `simulated`, no
keys.
"""
