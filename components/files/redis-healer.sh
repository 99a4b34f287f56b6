#!/bin/sh
# Brings the Redis Cluster back to its plan after pods moved or a zone was away. Runs once and ends; may be repeated.
#
# - Pods that came back with other addresses are met again: when all moved at once, every nodes.conf holds dead
#   addresses and the cluster never re-forms by itself. The known node id makes the receiver take the new address.
# - A node that lost its disk joins as a new one and becomes the replica of its shard.
# - When every node is up, the planned master of each shard takes it back (CLUSTER FAILOVER), so that no zone holds a
#   majority of masters, nor a master with its replica.
# It forgets no node: an entry that stays dead is for a person to judge.
#
# Environment: PLAN, PASSWORD_FILE.
set -eu
. "$(dirname "$0")/redis-lib.sh"

living=""
for host in $(all_hosts); do
  if alive "$host"; then living="$living $host"; else say "$host does not answer"; fi
done

# The node that knows most is the one to introduce the others to.
anchor=""
most=0
for host in $living; do
  known=$(cluster_field "$host" cluster_known_nodes)
  assigned=$(cluster_field "$host" cluster_slots_assigned)
  if [ "${assigned:-0}" -gt 0 ] && [ "${known:-0}" -gt "$most" ]; then
    anchor="$host"
    most="$known"
  fi
done
[ -n "$anchor" ] || { say "no cluster yet: the bootstrap makes it"; exit 0; }

met=0
for host in $living; do
  [ "$host" = "$anchor" ] && continue
  address=$(address_of "$host") || continue
  expected=$(echo "$address" | tr ' ' ':')
  seen=$(line_of "$anchor" "$(id_of "$host")")
  case "$seen" in
  *fail* | *handshake* | *noaddr* | "") ;;
  *" $expected@"*) continue ;;
  esac
  say "$host is at $expected, $anchor does not know: meeting it"
  # shellcheck disable=SC2086  # ip and port
  ask "$anchor" CLUSTER MEET $address >/dev/null && met=$((met + 1))
done
# Gossip needs a moment; what is not settled then is for the next run.
[ "$met" = 0 ] || sleep 5

while read -r low _ members; do
  owner=$(owner_of "$anchor" "$low")
  [ -n "$owner" ] || { say "nobody has slot $low"; continue; }
  for member in $members; do
    case " $living " in *" $member "*) ;; *) continue ;; esac
    id=$(id_of "$member")
    # A master without slots that is no owner: it came back empty.
    if [ "$id" != "$owner" ] && line_of "$member" "$id" | awk '{ exit !($3 ~ /master/ && NF == 8) }'; then
      say "$member has no slots: it becomes a replica of the shard of slot $low"
      ask "$member" CLUSTER REPLICATE "$owner" >/dev/null || say "$member cannot follow yet"
    fi
  done
done <"$PLAN"

# Roles move back only while everything is up: a failover is no help to a cluster in trouble.
[ "$(echo "$living" | wc -w)" -eq "$(count)" ] || exit 0
for host in $living; do
  [ "$(cluster_field "$host" cluster_state)" = ok ] || { say "$host sees no working cluster yet"; exit 0; }
done
while read -r low _ master replicas; do
  [ "$(replication_field "$master" role)" = slave ] || continue
  [ "$(replication_field "$master" master_link_status)" = up ] || { say "$master is not in step yet"; continue; }
  say "$master takes slot $low and its shard back"
  ask "$master" CLUSTER FAILOVER >/dev/null || say "$master cannot take over now"
done <"$PLAN"
