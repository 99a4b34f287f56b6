"""Drills: what the proof of a zone's loss says, tried on the real scheduler and controllers of a region that is up.

Everything is read from API objects. Nodes and kubelets are simulated (KWOK), so durations are those of the control
plane: what a server needs to start, to catch up or to elect is not in them.
"""
