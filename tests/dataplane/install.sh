#!/bin/sh
# Installs the servers that the data tier runs, where that can be done: root on Debian or Ubuntu. Elsewhere it says what
# to install, and the tier names itself as not run.
set -eu

found() { PATH="$PATH:/usr/sbin:/sbin:$(echo /usr/lib/postgresql/*/bin | tr ' ' :)" command -v "$1" >/dev/null 2>&1; }

packages=""
found initdb && found psql || packages="$packages postgresql"
{ found valkey-server || found redis-server; } && { found valkey-cli || found redis-cli; } ||
  packages="$packages redis-server redis-tools"
found rclone || packages="$packages rclone"
found haproxy || packages="$packages haproxy"
{ found pgbouncer || [ -x /usr/sbin/pgbouncer ]; } || packages="$packages pgbouncer"
found promtool || packages="$packages prometheus"
found chromium || packages="$packages chromium"
if [ "$(uname -s)" = Linux ]; then # what published servers of Redis have, and real nodes, which need root as well
  ls /usr/lib/*/libjemalloc.so.2 >/dev/null 2>&1 || packages="$packages libjemalloc2"
  { found containerd && found ctr; } || packages="$packages containerd"
  found crun || packages="$packages crun"
  [ -x /usr/lib/cni/bridge ] || packages="$packages containernetworking-plugins"
  found nft || packages="$packages nftables"
  found ip || packages="$packages iproute2"
  found mmdebstrap || packages="$packages mmdebstrap debian-archive-keyring"
  found prometheus-node-exporter || packages="$packages prometheus-node-exporter"
  found mkfs.ext4 || packages="$packages e2fsprogs"
fi
[ -n "$packages" ] || exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "the data tier needs more programs on PATH (Debian: apt-get install$packages)"
  exit 0
fi
echo "installing what the data tier runs:$packages …"
# Debian starts what it installs; a test starts its own, on ports of its own.
if [ ! -e /usr/sbin/policy-rc.d ]; then
  trap 'rm -f /usr/sbin/policy-rc.d' EXIT
  printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
  chmod +x /usr/sbin/policy-rc.d
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# shellcheck disable=SC2086  # a list
apt-get install -qq --no-install-recommends $packages >/dev/null
