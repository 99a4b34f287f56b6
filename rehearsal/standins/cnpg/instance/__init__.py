"""Runs PostgreSQL and PgBouncer inside the pods of the CloudNativePG stand-in, as the operator's instance manager does.

Packed into one file (`rehearsal.standins.cnpg.archive`) that lies in the test images as `/manager`, where the published
operator image has its own: pods are the same with both. Python's standard library only.

Done as the instance manager does it (cloudnative-pg/cloudnative-pg, v1.30.0; modules name the files): initdb with the
declared database, owner, password and post-init SQL; pg_basebackup from the read-write service; replication over TLS by
client certificate, a slot for each standby, synchronous standbys as declared; promotion when the Cluster's status names
the instance, after its WAL receiver has ended; a former primary stops and comes back as a replica by pg_rewind, else by
a new clone; passwords and certificates that change are taken over; probes and /pg/status on port 8000 over TLS, the
isolation check included; the poolers' user and its look-up function.

Left out: the primary Lease, backups, WAL archive and plugins, replica clusters, tablespaces, managed roles and
databases, fencing, hibernation, metrics (ports 9187 and 9127 are closed), log parsing, upgrades of a running manager,
changes of parameters that need a restart. Certificates are checked as the operator does it (verify-ca between
instances). PgBouncer before 1.19 knows no `auth_dbname`: there the look-up function is made in the application's
database too, and used in it.
"""
