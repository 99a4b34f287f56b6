"""Moves the home region: controlled switchover, forced failover and fail-back by one command, `python -m promotion`."""
