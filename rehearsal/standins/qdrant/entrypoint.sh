#!/usr/bin/env bash
# Starts the stand-in where Qdrant's image has its tools/entrypoint.sh: in /qdrant, with this folder as /qdrant/standin.
exec python3 -m standin "$@"
