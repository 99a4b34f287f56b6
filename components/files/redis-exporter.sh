#!/bin/sh
# Keeps redis_exporter running beside a node of the Redis Cluster, with the password that clients show.
#
# Never ends by itself: while a container of a pod is down the pod is not ready, and with it a Redis node that is well.
# So this waits for the password, starts an exporter that has ended again, and starts it anew when the password has
# changed, for it reads it once.
#
# Environment: REDIS_PASSWORD_FILE (JSON, the password of each address), EXPORTER (default /redis_exporter), and what
# redis_exporter itself takes.
set -u

exporter=
# A signal ends a wait at once, and a sleep not.
pause() {
  sleep "$1" &
  wait $!
}
trap '[ -z "$exporter" ] || kill "$exporter"; exit 0' TERM INT
shown() {
  cat "$REDIS_PASSWORD_FILE" 2>/dev/null
}

while :; do
  until passwords=$(shown) && [ -n "$passwords" ]; do
    pause 2
  done
  "${EXPORTER:-/redis_exporter}" &
  exporter=$!
  while kill -0 "$exporter" 2>/dev/null && [ "$(shown)" = "$passwords" ]; do
    pause 5
  done
  kill "$exporter" 2>/dev/null
  wait "$exporter"
  echo "redis-exporter: the exporter has ended with code $?, it is started again" >&2
  exporter=
  pause 2
done
