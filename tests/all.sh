#!/bin/sh
# Every tier, given Python. Tests with real servers wait much of the time; meanwhile run those that wait for little:
# beside the nodes, with the lowest priority, the unit tier and what of the data tier looks at pages and rules; beside the
# servers on loopback, which are taken in halves after the nodes, the tiers on control planes, in parts. Whoever is done
# takes the next part. Each run is told in one piece when it ends, or is ended.
set -u
python=$1
planes='aws 1 2 3 4 5' of_planes=5 of_servers=2
pages="tests/dataplane/observability tests/dataplane/test_report_page.py tests/dataplane/test_dashboard_page.py
  tests/dataplane/test_dashboard_queries.py tests/dataplane/test_review_queries.py
  tests/dataplane/test_calibration.py"
said=$(mktemp -d)
trap 'touch "$said/enough"; kill $(cat "$said"/*/pid 2>/dev/null) 2>/dev/null; wait
  cat "$said"/*/told 2>/dev/null; rm -rf "$said"' EXIT
trap 'exit 130' INT TERM

# Runs tests under a name, with a priority; what follows is pytest's.
run() {
  here=$said/$1 priority=$2
  shift 2
  [ -e "$said/enough" ] && return
  mkdir -p "$here"
  echo "tests: ${here##*/} …"
  nice -n "$priority" "$python" -m pytest "$@" >"$here/told" 2>&1 &
  echo $! >"$here/pid"
  wait $!
  echo $? >"$here/ended"
  rm "$here/pid"
  cat "$here/told"
  rm "$here/told"
}

servers() {
  # shellcheck disable=SC2046,SC2086  # lists
  SOMA_TIERS_BESIDE="unit rehearsal engine" run "servers-$1" 0 tests/dataplane --part "$1/$of_servers" \
    $(printf -- '--ignore=%s ' tests/dataplane/cluster $pages)
}

# Takes parts of the tiers on control planes until none is left. A part is taken by whoever makes its folder. Regions on
# AWS are brought up once for all tests of them: in a part of their own.
take_planes() {
  for part in $planes; do
    mkdir "$said/planes-$part" 2>/dev/null || continue
    case $part in
      aws) set -- tests/rehearsal/aws ;;
      *) set -- tests/rehearsal --ignore=tests/rehearsal/aws --part "$part/$of_planes" ;;
    esac
    SOMA_TIERS_BESIDE="unit data engine" run "planes-$part" 10 "$@"
  done
  mkdir "$said/engine" 2>/dev/null || return
  SOMA_TIERS_BESIDE="unit rehearsal data" run engine 10 tests/engine
}

(
  # shellcheck disable=SC2086  # a list
  SOMA_TIERS_BESIDE="rehearsal data engine" run unit 19 tests/unit $pages
  take_planes
) &
(
  SOMA_TIERS_BESIDE="unit rehearsal engine" run nodes 0 tests/dataplane/cluster
  {
    servers 2
    take_planes
  } &
  servers 1
  take_planes
  wait
) &
wait

for name in unit nodes servers-1 servers-2 engine $(printf 'planes-%s ' $planes); do
  ended=$(cat "$said/$name/ended" || echo 1)
  # 5: nothing of it could be run here, and its summary says so by name.
  case $ended in 0 | 5) ;; *) exit "$ended" ;; esac
done
