#!/bin/sh
# Every tier, given Python. Tests with real servers wait much of the time; meanwhile run those that wait for little:
# beside the nodes, with the lowest priority, the unit tier and what of the data tier looks at pages and rules; beside the
# servers on loopback what is left of these, and then the tiers on control planes, in parts. Whoever is done first, the
# servers' tests or a part, takes the next part. What ran beside is told at the end.
set -u
python=$1
parts='engine 1 2 3 4 5' of=5
pages="tests/dataplane/observability tests/dataplane/test_report_page.py tests/dataplane/test_dashboard_page.py
  tests/dataplane/test_dashboard_queries.py tests/dataplane/test_review_queries.py
  tests/dataplane/test_calibration.py"
said=$(mktemp -d)
unit='' planes='' more=''
trap 'kill $unit $planes $more 2>/dev/null; wait; rm -rf "$said"' EXIT
trap 'exit 130' INT TERM

# Takes parts of the tiers on control planes until none is left. A part is taken by whoever makes its folder.
take_parts() {
  test=''
  trap 'kill $test 2>/dev/null; wait; exit 143' TERM
  for part in $parts; do
    mkdir "$said/$part" 2>/dev/null || continue
    if [ "$part" = engine ]; then
      set -- tests/engine && beside="unit rehearsal data"
    else
      set -- tests/rehearsal --part "$part/$of" && beside="unit data engine"
    fi
    SOMA_TIERS_BESIDE=$beside nice -n 10 "$python" -m pytest "$@" >"$said/$part/told" 2>&1 &
    test=$!
    wait $test
    echo $? >"$said/$part/ended"
  done
}

# shellcheck disable=SC2086  # a list
SOMA_TIERS_BESIDE="rehearsal data engine" nice -n 19 "$python" -m pytest tests/unit $pages >"$said/unit" 2>&1 &
unit=$!
SOMA_TIERS_BESIDE="unit rehearsal engine" "$python" -m pytest tests/dataplane/cluster
nodes=$?

(
  while kill -0 "$unit" 2>/dev/null; do sleep 1; done
  take_parts
) &
planes=$!
# shellcheck disable=SC2046
SOMA_TIERS_BESIDE="unit rehearsal engine" "$python" -m pytest tests/dataplane \
  $(printf -- '--ignore=%s ' tests/dataplane/cluster $pages)
servers=$?
take_parts &
more=$!
wait "$unit"
of_unit=$?
wait "$planes" "$more"
unit='' planes='' more=''

cat "$said"/*/told "$said/unit"
of_parts=$(for part in $parts; do cat "$said/$part/ended" || echo 1; done)
for ended in "$nodes" "$servers" "$of_unit" $of_parts; do
  # 5: nothing of it could be run here, and its summary says so by name.
  case $ended in 0 | 5) ;; *) exit "$ended" ;; esac
done
