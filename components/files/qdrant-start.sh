#!/usr/bin/env bash
# Starts one Qdrant peer so that a peer with an empty disk always joins the cluster that lives.
#
# The usual start ("ordinal 0 is the first peer") founds a second cluster when ordinal 0 comes back with an empty
# disk. Here every peer with an empty disk first looks for a living one; only ordinal 0 may found a cluster, and only
# when every other peer says that it is empty, too: one that is silent may hold data.
#
# Qdrant writes its raft state before it has joined (lib/storage/src/content_manager/consensus/persistent.rs): term 0
# means that it never did, and that without --bootstrap it would take itself for the first peer of a new cluster.
#
# Environment: POD_NAME, QDRANT_HEADLESS (host of the headless Service), PEERS_FILE (holds the number of peers and how
# many of them stay; a file, so that another number restarts nobody); QDRANT_STORAGE and QDRANT_ENTRYPOINT may be set
# elsewhere by tests. bash, because the image has no curl: /dev/tcp; perl, because bash cannot listen and every image
# of Debian has it (perl-base is essential).
set -euo pipefail

storage="${QDRANT_STORAGE:-/qdrant/storage}"
entrypoint="${QDRANT_ENTRYPOINT:-./entrypoint.sh}"
ordinal="${POD_NAME##*-}"
set_name="${POD_NAME%-*}"
http_port="${QDRANT_HTTP_PORT:-6333}"
p2p_port="${QDRANT_P2P_PORT:-6335}"
read -r peers kept <"${PEERS_FILE:-/scripts/peers}"
state="$storage/raft_state.json"

say() { echo "qdrant-start: $*" >&2; }

host_of() { echo "${set_name}-$1.${QDRANT_HEADLESS}"; }

# Prints the status code that a peer answers to GET /readyz; nothing when it cannot be reached within two seconds.
status_of() {
  timeout 2 bash -c '
    exec 3<>"/dev/tcp/$0/$1" || exit 0
    printf "GET /readyz HTTP/1.0\r\nHost: %s\r\n\r\n" "$0" >&3
    read -r _ code _ <&3 && echo "$code"
  ' "$1" "$http_port" 2>/dev/null || true
}

# Prints the host of a ready peer, or "starting" when some peer runs but none is ready, or nothing.
living_peer() {
  local found="" peer status
  for ((peer = 0; peer < peers; peer++)); do
    [[ "$peer" == "$ordinal" ]] && continue
    status="$(status_of "$(host_of "$peer")")"
    if [[ "$status" == 200 ]]; then
      host_of "$peer"
      return
    fi
    [[ -n "$status" ]] && found=starting
  done
  echo "$found"
}

# Whether a peer says that it waits with an empty disk; one that runs says nothing of the kind at this port.
says_empty() {
  local word
  word="$(timeout 2 bash -c 'exec 3<>"/dev/tcp/$0/$1" && read -r word <&3 && echo "$word"' "$1" "$p2p_port" 2>/dev/null)"
  [[ "$word" == empty ]]
}

# Prints the other peers that do not say that they are empty.
not_empty() {
  local peer
  for ((peer = 0; peer < peers; peer++)); do
    [[ "$peer" == "$ordinal" ]] || says_empty "$(host_of "$peer")" || echo -n " ${set_name}-$peer"
  done
}

# Says that this disk is empty to whoever asks, until `quiet`.
tell_empty() {
  perl -MIO::Socket::IP -e '
    my $socket = IO::Socket::IP->new(LocalHost => $ARGV[0], LocalPort => $ARGV[1], Listen => 64, ReuseAddr => 1)
      or die "cannot listen at $ARGV[0]:$ARGV[1]: $!\n";
    while (my $asking = $socket->accept) { print $asking "empty\n"; close $asking }
  ' "${QDRANT__SERVICE__HOST:-0.0.0.0}" "$p2p_port" &
  telling=$!
}

telling=""
quiet() {
  [[ -z "$telling" ]] || { kill "$telling" && wait "$telling" || true; } 2>/dev/null
}

# Becomes Qdrant, which listens where this disk was said to be empty.
start() {
  quiet
  exec "$entrypoint" "$@" --uri "$own"
}

# Segments are many small files (official chart: ulimit to the hard limit).
ulimit -n "$(ulimit -Hn)"
own="http://$(host_of "$ordinal"):${p2p_port}"

# Whether the cluster let this peer go: it is among the peers that it knows no longer.
was_removed() {
  local id
  id="$(grep -Eo '"this_peer_id": ?[0-9]+' "$state" | grep -Eo '[0-9]+$')"
  ! grep -Eq "\"peer_address_by_id\": ?\{[^}]*\"$id\":" "$state"
}

may_found=$([[ "$ordinal" == 0 ]] && echo yes || echo no)
if [[ -e "$state" ]] && grep -Eq '"hard_state": ?\{"term": ?0,' "$state"; then
  say "this peer never heard of its cluster"
  # Without a voter it was about to join: the cluster is there, whoever answers now.
  grep -Eq '"voters": ?\[\]' "$state" && may_found=no
elif [[ -e "$state" ]] && was_removed && ((ordinal < kept)); then
  # Emptied before a scale-in, and wanted again. Its old state would keep it out for ever; what it had stays beside.
  aside="$storage/removed-$(date -u +%Y%m%dT%H%M%SZ)"
  say "this peer was removed from its cluster and joins anew; its old files are in $aside"
  mkdir "$aside"
  find "$storage" -mindepth 1 -maxdepth 1 ! -name 'removed-*' ! -name lost+found -exec mv -t "$aside" {} +
  may_found=no
elif [[ -e "$state" ]]; then
  # Qdrant ignores --bootstrap once raft state exists (src/consensus.rs).
  say "raft state found: this peer returns to its cluster as $own"
  start
fi

[[ -e "$state" ]] || tell_empty
trap quiet EXIT
trap 'exit 143' TERM

say "looking for a living peer"
said=""
while true; do
  peer="$(living_peer)"
  case "$peer" in
    "")
      silent=""
      [[ "$may_found" == no ]] || silent="$(not_empty)"
      if [[ "$may_found" == yes && -z "$silent" ]]; then
        say "all other peers are empty: this is the first peer of a new cluster"
        start
      fi
      [[ "$said" == "$silent" ]] || say "no cluster is founded before these say whether they hold data:$silent"
      said="$silent"
      ;;
    starting)
      say "a peer runs but is not ready yet: waiting for it"
      ;;
    *)
      say "joining through $peer"
      start --bootstrap "http://${peer}:${p2p_port}"
      ;;
  esac
  sleep 1
done
