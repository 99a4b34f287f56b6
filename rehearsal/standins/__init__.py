"""Plays what a cloud or an operator would do in the rehearsal; `STANDINS` says so to whoever reads the summary."""

STANDINS: tuple[str, ...] = (
    "load balancer: Services of type LoadBalancer get a documentation address; no packet flows",
    "ingress controller: Ingress, VirtualServer and Policy get their status; no request is routed",
    "CloudNativePG operator: Cluster and Pooler get pods, volumes, budgets, services, one primary; no PostgreSQL runs",
    "EBS CSI driver: claims get a volume in the zone of their pod (host-path ones as well); there is no disk",
    "metrics-server: usage is a share of the requests, or what ConfigMap kube-system/rehearsal-usage says",
)
"""One line a stand-in: what it plays and what it leaves out."""
