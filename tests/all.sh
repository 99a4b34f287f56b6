#!/bin/sh
# Every tier, given Python. Tests with real servers wait much of the time; meanwhile run those that wait for little: the
# unit tier beside the nodes, with the lowest priority, and the tiers on control planes beside the servers on loopback.
# What ran beside is told at the end.
set -u
python=$1
unit=$(mktemp) planes=$(mktemp)
beside=
trap 'kill $beside 2>/dev/null; rm -f "$unit" "$planes"' EXIT
trap 'exit 130' INT TERM

SOMA_TIERS_BESIDE="rehearsal data engine" nice -n 19 "$python" -m pytest tests/unit >"$unit" 2>&1 &
beside=$!
SOMA_TIERS_BESIDE="unit rehearsal engine" "$python" -m pytest tests/dataplane/cluster
nodes=$?
wait "$beside"
of_unit=$?

SOMA_TIERS_BESIDE="unit data" nice -n 10 "$python" -m pytest tests/rehearsal tests/engine >"$planes" 2>&1 &
beside=$!
SOMA_TIERS_BESIDE="unit rehearsal engine" "$python" -m pytest tests/dataplane --ignore=tests/dataplane/cluster
servers=$?
wait "$beside"
of_planes=$?
beside=

cat "$planes" "$unit"
for ended in "$nodes" "$servers" "$of_planes" "$of_unit"; do
  # 5: nothing of it could be run here, and its summary says so by name.
  case $ended in 0 | 5) ;; *) exit "$ended" ;; esac
done
