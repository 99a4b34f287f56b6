#!/bin/sh
# Stands where the official image has its entrypoint.
exec python3 -m rehearsal.standins.qdrant "$@"
