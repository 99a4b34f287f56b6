#!/bin/sh
# Every tier, given Python. Real servers and nodes have tests wait much of the time: the unit tier, which waits for
# nothing, runs meanwhile, with the lowest priority, and is told at the end.
set -u
told=$(mktemp)
SOMA_TIERS_BESIDE="rehearsal data engine" nice -n 19 "$1" -m pytest tests/unit >"$told" 2>&1 &
unit=$!
trap 'kill $unit 2>/dev/null; rm -f "$told"' EXIT
trap 'exit 130' INT TERM
SOMA_TIERS_BESIDE=unit "$1" -m pytest tests/dataplane tests/rehearsal tests/engine
others=$?
wait $unit
ended=$?
cat "$told"
[ $others = 0 ] || exit $others
exit $ended
