#!/bin/sh
# Forms the Redis Cluster of the plan: slots, masters and, in other zones, their replicas. May be repeated.
#
# A cluster that is formed is left alone, whatever state it is in: failovers are its own affair and healing the
# healer's. Every step is skipped where it is done already, so that a run which was cut short can be repeated.
#
# Environment: PLAN, PASSWORD_FILE, WAIT_SECONDS (default 600).
set -eu
. "$(dirname "$0")/redis-lib.sh"

deadline=$(($(date +%s) + ${WAIT_SECONDS:-600}))
patient() {
  [ "$(date +%s)" -lt "$deadline" ] || die "gave up: $*"
  sleep 1
}

first=$(all_hosts | head -n 1)
nodes=$(count)

# An existing cluster: any node that knows all slots to be assigned.
for host in $(all_hosts); do
  alive "$host" || continue
  [ "$(cluster_field "$host" cluster_slots_assigned)" = 16384 ] || continue
  known=$(cluster_field "$host" cluster_known_nodes)
  size=$(cluster_field "$host" cluster_size)
  if [ "$size" -gt "$(masters | wc -l)" ]; then
    die "the cluster has $size masters, the plan $(masters | wc -l): move their slots away and forget them first"
  elif [ "$size" -lt "$(masters | wc -l)" ] && [ "$known" -ge "$nodes" ]; then
    die "the cluster has $size masters, the plan $(masters | wc -l): add the new ones and reshard first"
  elif [ "$known" -ge "$nodes" ]; then
    say "the cluster is formed: $known nodes, $size masters"
    exit 0
  fi
  say "a run before this one assigned the slots but not every node has joined: going on"
  break
done

for host in $(all_hosts); do
  alive "$host" || say "waiting for $host"
  until alive "$host"; do patient "$host does not answer"; done
done
say "all $nodes nodes answer"

epoch=0
while read -r low high master _; do
  epoch=$((epoch + 1))
  if [ -z "$(owner_of "$master" "$low")" ]; then
    say "slots $low-$high to $master"
    # Different epochs, so that no two masters contest; refused once the node has met others, which is as good.
    ask "$master" CLUSTER SET-CONFIG-EPOCH "$epoch" >/dev/null || true
    ask "$master" CLUSTER ADDSLOTSRANGE "$low" "$high" >/dev/null || die "$master refused slots $low-$high"
  fi
done <"$PLAN"

for host in $(all_hosts); do
  id=$(id_of "$host")
  until line_of "$first" "$id" | grep -v -e handshake -e noaddr | grep -q .; do
    # shellcheck disable=SC2046  # ip and port
    ask "$first" CLUSTER MEET $(address_of "$host") >/dev/null || true
    patient "$first does not get to know $host"
  done
done
say "every node has met $first"

for host in $(all_hosts); do
  until [ "$(cluster_field "$host" cluster_known_nodes)" = "$nodes" ]; do patient "$host does not know all nodes"; done
done

while read -r low _ master replicas; do
  id=$(id_of "$master")
  for replica in $replicas; do
    until [ "$(replication_field "$replica" role)" = slave ]; do
      say "$replica is a replica of $master"
      ask "$replica" CLUSTER REPLICATE "$id" >/dev/null || true
      patient "$replica does not follow $master (slot $low)"
    done
  done
done <"$PLAN"

for host in $(all_hosts); do
  until [ "$(cluster_field "$host" cluster_state)" = ok ]; do patient "$host does not see a working cluster"; done
done
for host in $(all_hosts); do
  until [ "$(replication_field "$host" role)" = master ] || [ "$(replication_field "$host" master_link_status)" = up ]; do
    patient "$host has not copied its master"
  done
done
say "the cluster works: $nodes nodes"
