"""Real nodes: one in each zone, with kubelet and containerd, all in a network namespace of their own.

Root on Linux is needed. What it took to run on one machine without a virtual one stands in each module.
"""
