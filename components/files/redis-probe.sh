#!/bin/sh
# Probes of a Redis Cluster node: `alive` or `ready`.
#
# alive: the server answers, whatever it says.
# ready: the node can write, and the first time it must be part of a working cluster, and a replica in step with its
# master, so that an update goes on to the next node only then. After that the node itself counts alone: a cluster-wide
# failure must not take every pod out of its Services. A node that never met another one is ready for the bootstrap.
#
# Environment: PASSWORD_FILE, RUN (directory in memory), PORT (default 6379).
set -eu

cli=$(command -v valkey-cli || command -v redis-cli)
password=$(cat "$PASSWORD_FILE")
# By standard input: an environment or a command line could be read in the process list.
ask() {
  printf 'AUTH "%s"\n%s\n' "$password" "$*" | timeout 3 "$cli" -p "${PORT:-6379}" 2>&1 | tr -d '\r' | sed '1{/^OK$/d;}'
}

answer=$(ask PING)
previous="$(dirname "$PASSWORD_FILE")/previous"
case "$answer" in
*WRONGPASS*)
  # The password has just changed, and the node does not know it yet.
  [ -e "$previous" ] && password=$(cat "$previous") && answer=$(ask PING)
  ;;
esac
case "$answer" in
PONG) ;;
# It lives, whatever password it wants; to start it again would help, but not all nodes at once.
*WRONGPASS*) [ "$1" = alive ] && exit 0; echo "the node refuses the password of $PASSWORD_FILE"; exit 1 ;;
# It lives: it loads its data, or waits for its master.
LOADING* | MASTERDOWN*) [ "$1" = alive ] && exit 0; echo "$answer"; exit 1 ;;
# Its disk is full, or fails: to start it again would make no room, and cost it what it has in memory.
MISCONF*) [ "$1" = alive ] && exit 0; echo "the node refuses every write: $answer"; exit 1 ;;
*) echo "no answer to PING: $answer"; exit 1 ;;
esac
[ "$1" = alive ] && exit 0
if ask INFO persistence | grep -qx 'aof_last_write_status:err'; then
  echo "the replica cannot write its append-only file: is its disk full?"
  exit 1
fi
[ -e "$RUN/joined" ] && exit 0

cluster=$(ask CLUSTER INFO)
if echo "$cluster" | grep -qx 'cluster_known_nodes:1' && echo "$cluster" | grep -qx 'cluster_slots_assigned:0'; then
  exit 0
fi
if ! echo "$cluster" | grep -qx 'cluster_state:ok'; then
  echo "the node has not found its cluster yet"
  exit 1
fi
replication=$(ask INFO replication)
if echo "$replication" | grep -qx 'role:slave' && ! echo "$replication" | grep -qx 'master_link_status:up'; then
  echo "the replica is not in step with its master yet"
  exit 1
fi
: >"$RUN/joined"
