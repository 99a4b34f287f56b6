"""The Job that puts Qdrant's copies where they should be, and the CronJob that reports where they are.

The Job runs again when what it depends on changes: nodes, copies, a drain. The CronJob moves nothing unless
`qdrant.rebalance.moves` says so, and fails where there is something to move, so that somebody is told.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi import CustomTimeouts, Input, Output, ResourceOptions
from pulumi_kubernetes import batch, core, networking, rbac

from components import objects, qdrant_scripts, rights
from components.objects import Manifest
from components.placement import Placement
from components.qdrant_scripts import FILES, KEY
from components.qdrant_services import HTTP

NAME = "qdrant-rebalancer"
"""Label of the pods that move shards, and their ServiceAccount."""
JOB, REPORT = "qdrant-rebalance", "qdrant-report"

_LABELS = {kind: objects.labels(NAME, "setup", kind) for kind in (JOB, REPORT)}
_SETUP = objects.labels(NAME, "setup")
_RUN_SECONDS = 6 * 3600
"""For one run: moving shards takes as long as there is data, and the next run goes on where one was ended."""
_FILES = ("api_server.py", "qdrant_rest.py", "qdrant_state.py", "rebalance_plan.py", "rebalance.py")


@dataclass(frozen=True)
class RebalancerArgs:
    """What the rebalancer needs to know."""

    placement: Placement
    image: str
    """Python 3 with its standard library."""
    nodes: Mapping[str, str]
    """URL of each pod by its name, by ordinals."""
    keep: int
    """Nodes that stay: those with lower ordinals."""
    replication_factor: int
    collections: tuple[str, ...]
    """The service's own; others keep the copies that they have."""
    secret_name: str
    """Secret with `api-key`."""
    peer_pods: Mapping[str, str]
    """Labels of the peers' pods."""
    schedule: str
    """When to report, as a cron expression."""
    moves: bool
    """Whether a report moves what it finds."""


def rebalance(name: str, args: RebalancerArgs, own: ResourceOptions, after: Sequence[pulumi.Resource]) -> batch.v1.Job:
    """Both, with what they share; gives back the Job, which is done once every copy is in its place."""
    allowed = _account(name, args, own)
    networking.v1.NetworkPolicy(
        f"{name}-rebalancer-network",
        metadata=objects.untyped(objects.metadata(NAME, args.placement, _SETUP)),
        spec=objects.untyped(network_policy_spec(args)),
        opts=own,
    )
    _report(name, args, own, allowed)
    metadata = objects.untyped(objects.metadata(object_name(args), args.placement, _LABELS[JOB]))
    files = core.v1.ConfigMap(f"{name}-rebalance-files", metadata=metadata, data=_files(args), opts=own)
    return batch.v1.Job(
        f"{name}-rebalance",
        metadata=metadata,
        spec=objects.untyped(job_spec(args)),
        opts=ResourceOptions.merge(
            own,
            ResourceOptions(
                depends_on=[files, *allowed, *after], custom_timeouts=CustomTimeouts(create=f"{_RUN_SECONDS}s")
            ),
        ),
    )


def _account(name: str, args: RebalancerArgs, own: ResourceOptions) -> list[pulumi.Resource]:
    """Reading pods, and the zones of nodes: all that it may ask of the API server (docs/decisions/0008)."""
    placement = args.placement
    pods = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}
    account, binding = rights.account(f"{name}-rebalancer", NAME, pods, placement, _SETUP, own)
    # Nodes belong to no namespace: the name carries this one's, so that two regions can share a cluster.
    everywhere: Input[str] = Output.concat(placement.namespace, "-", NAME)
    zones = rbac.v1.ClusterRole(
        f"{name}-rebalancer-zones",
        metadata=objects.untyped({"name": everywhere, "labels": _SETUP}),
        rules=[objects.untyped({"apiGroups": [""], "resources": ["nodes"], "verbs": ["get"]})],
        opts=own,
    )
    zones_binding = rbac.v1.ClusterRoleBinding(
        f"{name}-rebalancer-zones-binding",
        metadata=objects.untyped({"name": everywhere, "labels": _SETUP}),
        role_ref=objects.untyped({"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": everywhere}),
        subjects=[objects.untyped(rights.subject(NAME, placement))],
        opts=ResourceOptions.merge(own, ResourceOptions(depends_on=[account, zones])),
    )
    return [binding, zones_binding]


def _report(name: str, args: RebalancerArgs, own: ResourceOptions, allowed: Sequence[pulumi.Resource]) -> None:
    metadata = objects.untyped(objects.metadata(REPORT, args.placement, _LABELS[REPORT]))
    files = core.v1.ConfigMap(f"{name}-report-files", metadata=metadata, data=_files(args), opts=own)
    batch.v1.CronJob(
        f"{name}-report",
        metadata=metadata,
        spec=objects.untyped(report_spec(args)),
        opts=ResourceOptions.merge(own, ResourceOptions(depends_on=[files, *allowed])),
    )


def _files(args: RebalancerArgs) -> dict[str, str]:
    plan = {
        "nodes": dict(args.nodes),
        "keep": args.keep,
        "replication_factor": args.replication_factor,
        "collections": list(args.collections),
    }
    # The order of the nodes says which ones stay.
    return {**{name: objects.script(name) for name in _FILES}, "plan.json": json.dumps(plan, indent=2)}


def object_name(args: RebalancerArgs) -> str:
    """Changes with everything that the Job does, so that a change runs it again and nothing else does."""
    return f"{JOB}-{objects.content_hash([_files(args), _pod(args, JOB, '', moves=True)])}"


def job_spec(args: RebalancerArgs) -> Manifest:
    """Spec of the Job."""
    pod = _pod(args, JOB, object_name(args), moves=True)
    return objects.job(_RUN_SECONDS, {"metadata": {"labels": _LABELS[JOB]}, "spec": pod})


def report_spec(args: RebalancerArgs) -> Manifest:
    """Spec of the CronJob. A move that was under way in a run that ended goes on in Qdrant, and the next one waits."""
    annotations = {"soma.io/files": objects.content_hash(_files(args))}
    template: Manifest = {
        "metadata": {"labels": _LABELS[REPORT], "annotations": annotations},
        "spec": _pod(args, REPORT, REPORT, moves=args.moves),
    }
    return objects.cron_job(args.schedule, _RUN_SECONDS, template)


def network_policy_spec(args: RebalancerArgs) -> Manifest:
    """Qdrant, and the API server, which no selector finds."""
    return {
        "podSelector": {"matchLabels": objects.every(NAME)},
        "policyTypes": ["Ingress", "Egress"],
        "egress": [
            objects.allow_to([objects.pods(args.peer_pods)], HTTP),
            objects.allow_to_api_server(args.placement.api_server_ranges),
        ],
    }


def _pod(args: RebalancerArgs, kind: str, files: str, moves: bool) -> Manifest:
    container = qdrant_scripts.container(
        kind,
        args.image,
        "rebalance",
        {"REBALANCE_FILE": f"{FILES}/plan.json", **KEY, "MOVES": "true" if moves else "false"},
        objects.small_resources("50m", "64Mi", "1", "256Mi"),
    )
    # It asks the API server for the zones of nodes.
    named = {"serviceAccountName": NAME, "automountServiceAccountToken": True}
    return {**qdrant_scripts.pod(container, files, args.secret_name), **named}
