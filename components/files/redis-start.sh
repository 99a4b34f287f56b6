#!/bin/sh
# Starts one node of the Redis Cluster with its password, its memory limit and its present address.
#
# Environment: POD_IP, POD_NAME, HEADLESS, MAXMEMORY (bytes), PASSWORD_FILE (beside it may be the password before, in a
# file called previous), CONFIG (the template), RUN (a directory in memory, private to the container), DATA (default
# /data), SERVER (default: valkey-server, else redis-server, of the PATH), LIMIT_FILE (default: the cgroup's).
set -eu
umask 077

server="${SERVER:-$(command -v valkey-server || command -v redis-server)}"
data="${DATA:-/data}"
password=$(cat "$PASSWORD_FILE")
previous=$(cat "$(dirname "$PASSWORD_FILE")/previous" 2>/dev/null || true)
if [ -z "$password" ]; then
  echo "redis-start: $PASSWORD_FILE is empty: a node without a password is not started" >&2
  exit 1
fi
limit=$(cat "${LIMIT_FILE:-/sys/fs/cgroup/memory.max}" 2>/dev/null || echo max)
if [ "$limit" != max ] && [ "$MAXMEMORY" -ge "$limit" ]; then
  echo "redis-start: maxmemory $MAXMEMORY is not under the container's limit of $limit bytes, at which the kernel would" \
    "end the node before it evicts a key: raise redis.resources.limits.memory" >&2
  exit 1
fi
rm -f "$RUN/joined"

# In a file, not on the command line, where every process of the node could read it.
{
  cat "$CONFIG"
  echo "maxmemory $MAXMEMORY"
  # While the password changes, every node takes the one before, too (redis_passwords.py): it opens every master.
  echo "user default on >$password ${previous:+>$previous }~* &* +@all"
  echo "masterauth ${previous:-$password}"
  echo "cluster-announce-ip $POD_IP"
  echo "cluster-announce-hostname $POD_NAME.$HEADLESS"
} >"$RUN/node.conf"

# Older versions, and Redis, refuse to start with either.
version=$("$server" --version)
# Valkey 9 hands its slots to a replica on SIGTERM.
case "$version" in
*alkey*v=9.* | *alkey*v=[1-9][0-9].*) echo "shutdown-on-sigterm failover" >>"$RUN/node.conf" ;;
esac
# Valkey 9.1 goes on when its disk is too full for nodes.conf; before that, a node ends itself, again and again until
# there is room (valkey-io/valkey#3372).
case "$version" in
*alkey*v=9.[1-9]* | *alkey*v=[1-9][0-9].*) echo "cluster-config-save-behavior best-effort" >>"$RUN/node.conf" ;;
esac

# A pod comes back with another address; its own line in nodes.conf still names the old one.
if [ -s "$data/nodes.conf" ]; then
  sed "/myself/s/^\([0-9a-f]\{40\}\) [^ ]*\(:[0-9]*@\)/\1 $POD_IP\2/" "$data/nodes.conf" >"$RUN/nodes.conf"
  # In place, not renamed: the server holds a lock on this very file. Not emptied first, and not written when nothing
  # changes: on a full disk the node would lose who it is.
  if [ "$(cat "$RUN/nodes.conf")" != "$(cat "$data/nodes.conf")" ]; then
    cat "$RUN/nodes.conf" 1<>"$data/nodes.conf"
    truncate -s "$(wc -c <"$RUN/nodes.conf")" "$data/nodes.conf"
  fi
fi

exec "$server" "$RUN/node.conf"
