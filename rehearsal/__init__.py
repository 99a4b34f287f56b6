"""Runs the stacks on this machine: embedded control planes, the engines, stand-ins and the summary."""
