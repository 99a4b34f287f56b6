# Functions that the bootstrap and the healer share; sourced, not run.
#
# Environment: PLAN (file; a line for each shard: first-slot last-slot master-host replica-host …), PASSWORD_FILE.
# A host is the name of a pod, with :port where it is not 6379.
# shellcheck shell=sh

cli=$(command -v valkey-cli || command -v redis-cli)
REDISCLI_AUTH=$(cat "$PASSWORD_FILE")
export REDISCLI_AUTH

say() { echo "$(basename "$0" .sh): $*"; }

die() {
  echo "$(basename "$0" .sh): $*" >&2
  exit 1
}

# ask HOST COMMAND…: the answer, and 0 only if it is not an error.
ask() {
  node="$1"
  shift
  case "$node" in
  *:*) address="-h ${node%:*} -p ${node##*:}" ;;
  *) address="-h $node -p 6379" ;;
  esac
  # shellcheck disable=SC2086  # two options on purpose
  timeout 5 "$cli" -e $address "$@" 2>/dev/null | tr -d '\r'
}

all_hosts() { cut -d' ' -f3- "$PLAN" | tr ' ' '\n' | sed '/^$/d'; }
masters() { cut -d' ' -f3 "$PLAN"; }
count() { all_hosts | wc -l | tr -d ' '; }

alive() { [ "$(ask "$1" PING)" = PONG ]; }
id_of() { ask "$1" CLUSTER MYID; }

# field HOST SECTION… NAME: one value of INFO or CLUSTER INFO.
cluster_field() { ask "$1" CLUSTER INFO | sed -n "s/^$2://p"; }
replication_field() { ask "$1" INFO replication | sed -n "s/^$2://p"; }

# Address under which a node is to be met: what it announces itself, as ip port.
address_of() {
  ip=$(ask "$1" CONFIG GET cluster-announce-ip | sed -n 2p)
  port=$(ask "$1" CONFIG GET port | sed -n 2p)
  [ -n "$port" ] && echo "${ip:-127.0.0.1} $port"
}

# line_of HOST ID: what a node knows of another one.
line_of() { ask "$1" CLUSTER NODES | grep "^$2 " || true; }

# owner_of HOST SLOT: id of the node that has the slot, as HOST sees it.
owner_of() {
  ask "$1" CLUSTER NODES | awk -v slot="$2" '
    { for (i = 9; i <= NF; i++) {
        if ($i ~ /^\[/) continue
        n = split($i, range, "-"); low = range[1] + 0; high = (n > 1 ? range[2] : range[1]) + 0
        if (low <= slot && slot <= high) { print $1; exit } } }'
}
