"""Measures what the capacity model needs to know of PostgreSQL, Redis and a process of the service, on real servers.

`python -m rehearsal.calibration` writes `capacity/calibration.json`; docs/capacity.md shows what it found.
"""
