"""The stand-in's work: watches Clusters, Poolers and what belongs to them, and brings them to what they declare."""

import base64
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from rehearsal.kube import Client, Conflict, Invalid, Manifest
from rehearsal.standins.cnpg import credentials, names, objects, pods, pooler, topology
from rehearsal.standins.cnpg.decision import Decision, Held, Instance, Wanted, decide
from rehearsal.standins.cnpg.instance.layout import NO_ROOM_FOR_WAL
from rehearsal.standins.cnpg.reports import Reports
from rehearsal.standins.cnpg.status import cluster_status
from rehearsal.standins.informer import Informer, Key, key_of
from rehearsal.standins.log import note
from rehearsal.standins.loop import Loop
from rehearsal.standins.writer import Writer

MANAGER = "rehearsal-cnpg"
ROLES = "rehearsal-cnpg-roles"
"""Labels of roles have a manager of their own: server-side apply by the one that made the pod would drop its spec."""
MISSING_SECONDS = 1.0
"""How soon to look again for a secret that the spec names and nobody has made yet."""
REPORT_SECONDS = 2.0
"""How often real instances are asked how they are."""


class Operator:
    """The stand-in of one region."""

    def __init__(self, client: Client, region: str, real: bool = False) -> None:
        """`real`: the pods run, with the instance manager in their images, and say how they are."""
        del region
        self._client = client
        self._reports = Reports(client) if real else None
        self._writer = Writer(client, MANAGER)
        self._roles = Writer(client, ROLES)
        self._clusters = Informer(client, names.API, "Cluster")
        self._poolers = Informer(client, names.API, "Pooler")
        self._pods = Informer(client, "v1", "Pod", names.CLUSTER)
        self._claims = Informer(client, "v1", "PersistentVolumeClaim", names.CLUSTER)
        self._deployments = Informer(client, "apps/v1", "Deployment", names.POOLER)
        self._nodes = Informer(client, "v1", "Node")
        self._cordoned: dict[str, bool] = {}
        self.informers = (self._clusters, self._poolers, self._pods, self._claims, self._deployments, self._nodes)
        self._cluster_loop = Loop(MANAGER, self._cluster)
        self._pooler_loop = Loop(MANAGER, self._pooler)
        self.loops = (self._cluster_loop, self._pooler_loop)
        self._connect()

    def _connect(self) -> None:
        self._clusters.listen(self._cluster_changed)
        self._poolers.listen(lambda obj: self._pooler_loop.put(key_of(obj)))
        self._pods.listen(lambda obj: self._cluster_loop.put((key_of(obj)[0], _label(obj, names.CLUSTER))))
        self._claims.listen(self._claim_changed)
        self._deployments.listen(lambda obj: self._pooler_loop.put((key_of(obj)[0], _label(obj, names.POOLER))))
        self._nodes.listen(self._node_changed)
        self._clusters.relisted += [self._writer.forget_all, self._roles.forget_all]

    def _cluster_changed(self, cluster: Manifest) -> None:
        key = key_of(cluster)
        self._cluster_loop.put(key)
        for obj in self._poolers.all(key[0]):
            if obj["spec"]["cluster"]["name"] == key[1]:
                self._pooler_loop.put(key_of(obj))

    def _claim_changed(self, claim: Manifest) -> None:
        if self._claims.get(key_of(claim)) is None:
            self._writer.forget(claim)  # deleted: to be written again when an instance wants it
        self._cluster_loop.put((key_of(claim)[0], _label(claim, names.CLUSTER)))

    def _node_changed(self, node: Manifest) -> None:
        """Only a change of the cordon matters; nodes report their health all the time."""
        name, cordoned = node["metadata"]["name"], bool((node.get("spec") or {}).get("unschedulable"))
        before = self._cordoned.get(name, False)
        self._cordoned[name] = cordoned  # first: the loop, which is another thread, looks at it at once
        if before != cordoned:
            for cluster in self._clusters.all():
                self._cluster_loop.put(key_of(cluster))

    # Clusters

    def _cluster(self, key: Key) -> float | None:
        cluster = self._clusters.get(key)
        if cluster is None or cluster["metadata"].get("deletionTimestamp"):
            return None  # owner references do the rest
        missing = self._missing(key[0], objects.secrets_needed(cluster))
        if missing:
            phase, reason = names.PHASE_CANNOT_CREATE, f"missing secret {', '.join(missing)}"
            held = (cluster.get("status") or {}).get("currentPrimary") or ""
            self._report(cluster, Decision(held, phase, reason), self._instances(cluster))
            return MISSING_SECONDS
        unplayed = objects.unplayed(cluster)
        if unplayed:
            self._report(cluster, Decision("", names.PHASE_CANNOT_CREATE, unplayed), self._instances(cluster))
            return None
        self._surroundings(cluster)
        instances = self._instances(cluster)
        wanted = replace(wanted_of(cluster), real=self._reports is not None)
        decision = decide(wanted, instances, _held(cluster), datetime.now(UTC))
        soon = self._report(cluster, decision, instances)
        self._carry_out(cluster, decision)
        self._label_roles(cluster, decision.primary, instances)
        return decision.look_again or soon or (REPORT_SECONDS if wanted.real else None)

    def _missing(self, namespace: str, needed: Iterable[str]) -> list[str]:
        return [name for name in sorted(needed) if self._client.find("v1", "Secret", name, namespace) is None]

    def _surroundings(self, cluster: Manifest) -> None:
        account = objects.service_account(cluster)
        budgets = objects.budgets(cluster)
        for obj in [*self._secrets(cluster), *([account] if account else []), *objects.services(cluster), *budgets]:
            self._writer.apply(obj)
        kept = {budget["metadata"]["name"] for budget in budgets}
        for name in set(objects.budget_names(cluster)) - kept:
            self._writer.delete("policy/v1", "PodDisruptionBudget", name, cluster["metadata"]["namespace"])

    def _secrets(self, cluster: Manifest) -> list[Manifest]:
        """Those that nobody gave. With real servers they have values, are made once, and can be read by the pods."""
        if self._reports is None:
            return objects.secrets(cluster)
        namespace = cluster["metadata"]["namespace"]

        def read(name: str) -> dict[str, str] | None:
            found = self._client.find("v1", "Secret", name, namespace)
            if found is None:
                return None
            return {key: base64.b64decode(value).decode() for key, value in (found.get("data") or {}).items()}

        return [*credentials.missing(cluster, read), *objects.access(cluster)]

    def _instances(self, cluster: Manifest) -> tuple[Instance, ...]:
        """An instance exists as long as its pod does or its claims do and are not being deleted."""
        namespace, name = key_of(cluster)
        wanted = pods.fingerprint(cluster)
        found = {
            _label(pod, names.INSTANCE): pod
            for pod in self._pods.labelled(namespace, names.CLUSTER, name)
            if _label(pod, names.POD_ROLE) == "instance"
        }
        running = {each for each, pod in found.items() if not pod["metadata"].get("deletionTimestamp")}
        claims: dict[str, bool] = {}
        for claim in self._claims.labelled(namespace, names.CLUSTER, name):
            instance = _label(claim, names.INSTANCE)
            claims[instance] = claims.get(instance, True) and not claim["metadata"].get("deletionTimestamp")
        kept = running | {each for each, stays in claims.items() if stays}
        serials = sorted(int(each.rpartition("-")[2]) for each in kept if each)
        made = [self._instance(pods.instance_name(cluster, serial), serial, found, wanted) for serial in serials]
        if self._reports is None:
            return tuple(made)
        reports = self._reports.ask(namespace, [each.name for each in made if each.has_pod])
        return tuple(replace(each, report=reports.get(each.name)) for each in made)

    def _instance(self, name: str, serial: int, found: dict[str, Manifest], wanted: str) -> Instance:
        pod = found.get(name)
        if pod is None:
            return Instance(serial, name, has_pod=False, gone=True, ready=False)
        metadata = pod["metadata"]
        alive = not metadata.get("deletionTimestamp") and not _ended(pod)
        return Instance(
            serial,
            name,
            has_pod=alive,
            ready=alive and _ready(pod),
            outdated=(metadata.get("annotations") or {}).get(names.SPEC_HASH) != wanted,
            leaving=self._cordoned.get(str(pod["spec"].get("nodeName") or ""), False),
            full=alive and _full(pod),
        )

    def _report(self, cluster: Manifest, decision: Decision, instances: tuple[Instance, ...]) -> float | None:
        """Writes the status; seconds after which a promotion or a demotion goes on."""
        addresses, now = self._addresses(cluster) if self._reports else None, datetime.now(UTC)
        played = None
        if self._reports is None:
            primary = next((one for one in instances if one.name == decision.primary), None)
            played = topology.play(cluster, primary is not None and primary.ready, now)
            if played.phase and decision.phase in (names.PHASE_HEALTHY, names.PHASE_WAITING):
                decision = replace(decision, phase=played.phase, reason=played.reason)
        status = cluster_status(cluster, decision, instances, now, addresses, played)
        before = (cluster.get("status") or {}).get("currentPrimary")
        answer = self._writer.status(cluster, status)
        if answer is not None:
            self._clusters.put(answer)
        if before and before != decision.primary:
            note(MANAGER, f"{'/'.join(key_of(cluster))}: {decision.reason}")
        return None if played is None else played.look_again

    def _addresses(self, cluster: Manifest) -> dict[str, str]:
        namespace, name = key_of(cluster)
        found = self._pods.labelled(namespace, names.CLUSTER, name)
        return {key_of(pod)[1]: str(ip) for pod in found if (ip := (pod.get("status") or {}).get("podIP"))}

    def _carry_out(self, cluster: Manifest, decision: Decision) -> None:
        namespace = cluster["metadata"]["namespace"]
        for serial in decision.make:
            for claim in pods.claims(cluster, serial):
                self._claim(claim)
            self._make_pod(pods.pod(cluster, serial))
        for name in self._ended_pods(cluster) + list(decision.replace):
            self._writer.delete("v1", "Pod", name, namespace)
        for name in decision.remove:
            self._writer.delete("v1", "Pod", name, namespace)
            for suffix in (names.DATA_SUFFIX, names.WAL_SUFFIX):
                self._writer.delete("v1", "PersistentVolumeClaim", name + suffix, namespace)
        if not decision.make and not decision.remove:  # existing claims follow the declared size
            for instance in self._instances(cluster):
                for claim in pods.claims(cluster, instance.serial):
                    self._claim(claim)

    def _claim(self, claim: Manifest) -> None:
        try:
            self._writer.apply(claim)
        except Invalid as error:  # a claim cannot shrink, and grows only where its class lets it
            note(MANAGER, f"{claim['metadata']['namespace']}/{claim['metadata']['name']}: {error}")

    def _make_pod(self, pod: Manifest) -> None:
        try:
            made = self._client.create(pod, field_manager=MANAGER)
        except Conflict:
            return  # it is there already, or the earlier one is still being deleted: its end calls us again
        self._pods.put(made)
        note(MANAGER, f"{pod['metadata']['namespace']}/{pod['metadata']['name']}: Pod created")

    def _ended_pods(self, cluster: Manifest) -> list[str]:
        """Pods that were evicted by their node or ended: deleted, to be made again."""
        namespace, name = key_of(cluster)
        found = self._pods.labelled(namespace, names.CLUSTER, name)
        instances = [pod for pod in found if _label(pod, names.POD_ROLE) == "instance"]
        return [key_of(pod)[1] for pod in instances if _ended(pod) and not pod["metadata"].get("deletionTimestamp")]

    def _label_roles(self, cluster: Manifest, primary: str, instances: tuple[Instance, ...]) -> None:
        """Each instance's pod says whether it is the primary: services and budgets select by it.

        A real one is called so when it is, not when it is to be: until then the service has nobody behind it.
        """
        namespace, name = key_of(cluster)
        found = [pod for pod in self._pods.labelled(namespace, names.CLUSTER, name) if _label(pod, names.INSTANCE)]
        reports = {each.name: each.report for each in instances}
        for pod in sorted(found, key=lambda each: key_of(each)[1] == primary):  # first nobody, then the one
            named = key_of(pod)[1] == primary
            if self._reports is not None and named:
                report = reports.get(primary)
                named = report.primary if report else _label(pod, names.INSTANCE_ROLE) == names.PRIMARY
            role = names.PRIMARY if named else names.REPLICA
            if _label(pod, names.INSTANCE_ROLE) == role or pod["metadata"].get("deletionTimestamp"):
                continue
            metadata = {"name": key_of(pod)[1], "namespace": namespace, "uid": pod["metadata"]["uid"]}
            labels = {names.INSTANCE_ROLE: role, names.ROLE: role}
            self._roles.forget(pod)
            answer = self._roles.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {**metadata, "labels": labels}})
            if answer is not None:
                self._pods.put(answer)

    # Poolers

    def _pooler(self, key: Key) -> float | None:
        obj = self._poolers.get(key)
        if obj is None or obj["metadata"].get("deletionTimestamp"):
            return None
        cluster = self._clusters.get((key[0], obj["spec"]["cluster"]["name"]))
        deployment = self._deployments.get(key)
        instances = int(((deployment or {}).get("status") or {}).get("replicas") or 0)
        missing = self._pooler_waits_for(obj, cluster)
        if cluster is None or missing:
            self._writer.status(obj, pooler.status(obj, instances, missing))
            return MISSING_SECONDS if cluster is not None else None
        account = pooler.service_account(obj)
        access = pooler.access(obj, cluster) if self._reports else []
        for part in [*([account] if account else []), *access, pooler.deployment(obj, cluster), pooler.service(obj)]:
            self._writer.apply(part)
        self._writer.status(obj, pooler.status(obj, instances, ""))
        return None

    def _pooler_waits_for(self, obj: Manifest, cluster: Manifest | None) -> str:
        if cluster is None:
            return f'Cluster "{obj["spec"]["cluster"]["name"]}" not found'
        missing = self._missing(obj["metadata"]["namespace"], pooler.secrets_needed(obj, cluster))
        return f'Secret "{missing[0]}" not found' if missing else ""


def wanted_of(cluster: Manifest) -> Wanted:
    """What a Cluster's specification asks for."""
    spec = cluster["spec"]
    synchronous = names.section(spec, "postgresql", "synchronous")
    return Wanted(
        cluster=cluster["metadata"]["name"],
        instances=int(spec["instances"]),
        failover_delay=float(spec.get("failoverDelay") or 0),
        in_place=spec.get("primaryUpdateMethod", "restart") == "restart",
        supervised=spec.get("primaryUpdateStrategy") == "supervised",
        quorum=int(synchronous.get("number") or 0) if synchronous.get("failoverQuorum") else 0,
    )


def _held(cluster: Manifest) -> Held:
    status: dict[str, Any] = cluster.get("status") or {}
    since = status.get("currentPrimaryFailingSinceTimestamp")
    target = status.get("targetPrimary")
    return Held(
        primary=str((target if target != names.PENDING else "") or status.get("currentPrimary") or ""),
        failing_since=datetime.fromisoformat(since) if since else None,
        phase=str(status.get("phase") or ""),
    )


def _label(obj: Manifest, label: str) -> str:
    return str((obj["metadata"].get("labels") or {}).get(label) or "")


def _ready(pod: Manifest) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or []
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def _ended(pod: Manifest) -> bool:
    return (pod.get("status") or {}).get("phase") in {"Failed", "Succeeded"}


def _full(pod: Manifest) -> bool:
    """Whether PostgreSQL's container ended for want of room (cluster_status.go, isWALSpaceAvailableOnPod)."""
    for status in (pod.get("status") or {}).get("containerStatuses") or []:
        if status["name"] == "postgres":
            states = [status.get("state"), None if status.get("ready") else status.get("lastState")]
            codes = [((each or {}).get("terminated") or {}).get("exitCode") for each in states]
            return NO_ROOM_FOR_WAL in codes
    return False
