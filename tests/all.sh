#!/bin/sh
# Every tier, given Python. Tests with real servers wait much of the time; meanwhile run those that wait for little:
# beside the nodes, with the lowest priority, the unit tier and what of the data tier looks at pages and rules; beside the
# servers on loopback what is left of these, and then the tiers on control planes. What ran beside is told at the end.
set -u
python=$1
pages="tests/dataplane/observability tests/dataplane/test_report_page.py tests/dataplane/test_dashboard_page.py
  tests/dataplane/test_dashboard_queries.py tests/dataplane/test_review_queries.py
  tests/dataplane/test_calibration.py"
said_unit=$(mktemp) said_planes=$(mktemp)
unit='' planes=''
trap 'kill $unit $planes 2>/dev/null; rm -f "$said_unit" "$said_planes"' EXIT
trap 'exit 130' INT TERM

# shellcheck disable=SC2086  # a list
SOMA_TIERS_BESIDE="rehearsal data engine" nice -n 19 "$python" -m pytest tests/unit $pages >"$said_unit" 2>&1 &
unit=$!
SOMA_TIERS_BESIDE="unit rehearsal engine" "$python" -m pytest tests/dataplane/cluster
nodes=$?

# shellcheck disable=SC2016  # of that shell
SOMA_TIERS_BESIDE="unit data" sh -c 'while kill -0 "$0" 2>/dev/null; do sleep 1; done; exec "$@"' "$unit" \
  nice -n 10 "$python" -m pytest tests/rehearsal tests/engine >"$said_planes" 2>&1 &
planes=$!
# shellcheck disable=SC2046
SOMA_TIERS_BESIDE="unit rehearsal engine" "$python" -m pytest tests/dataplane \
  $(printf -- '--ignore=%s ' tests/dataplane/cluster $pages)
servers=$?
wait "$unit"
of_unit=$?
wait "$planes"
of_planes=$?
unit='' planes=''

cat "$said_planes" "$said_unit"
for ended in "$nodes" "$servers" "$of_planes" "$of_unit"; do
  # 5: nothing of it could be run here, and its summary says so by name.
  case $ended in 0 | 5) ;; *) exit "$ended" ;; esac
done
