#!/bin/sh
# Installs the servers that the data tier runs, where that can be done: root on Debian or Ubuntu. Elsewhere it says what
# to install, and the tier names itself as not run.
set -eu

found() { PATH="$PATH:$(echo /usr/lib/postgresql/*/bin | tr ' ' :)" command -v "$1" >/dev/null 2>&1; }

found initdb && found psql && found haproxy &&
  { found valkey-server || found redis-server; } && { found valkey-cli || found redis-cli; } && exit 0

packages="postgresql redis-server redis-tools haproxy"
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "the data tier needs PostgreSQL, Valkey or Redis, and HAProxy on PATH (Debian: apt-get install $packages)"
  exit 0
fi
echo "installing the data tier's servers: $packages …"
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
