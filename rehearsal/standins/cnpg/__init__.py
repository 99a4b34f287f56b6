"""Plays the CloudNativePG operator 1.30: what a Cluster and a Pooler turn into, who is primary, and their status.

Played as the operator does it (cloudnative-pg/cloudnative-pg, v1.30.0; the modules name the files):
- instance pods `<cluster>-N` with the operator's labels, the declared affinity, resources and security, a claim for
  data and one for WAL; services -rw, -ro, -r and the managed ones; both PodDisruptionBudgets; the secrets that nobody
  gave; service accounts; owner references, so that deleting the Cluster deletes them all, claims included;
- one primary. When its pod is gone or not ready, another ready instance becomes primary after `failoverDelay`; when
  its node is cordoned and all other instances are elsewhere and ready, the primary moves off it, so that a drain ends;
- a changed spec replaces one instance after the other, the primary last, by switchover or in place as
  `primaryUpdateMethod` says (with `primaryUpdateStrategy: supervised` it waits for the user);
- a secret that the spec names and that is not there holds everything back, and the phase says which;
- a Pooler's Deployment, service, service account and status.

Left out: PostgreSQL and PgBouncer themselves, and with them replication, lag, WAL, synchronous quorum (a failover takes
the ready instance with the lowest number, not the one that has received most, and `failoverQuorum` is not asked), the
instance manager, the primary Lease, the initdb and join Jobs, timelines, fencing, hibernation, backups and plugins,
Backup, ScheduledBackup, Database, Publication and Subscription objects, image catalogs, tablespaces, tokens of
promotion and demotion, webhooks (defaults are filled in here; only the CRD's schema refuses), PodMonitors, events.

Other than the operator: once the first instance is ready the others are made at once, not one after the other; a
replica cluster says in `status.phaseReason` which instance is its designated primary; secrets hold the word
`simulated`, no keys.
"""
