"""What the reading of documents refuses: each of these was right once, or nearly, and is stale."""

import pytest

from tests.unit import docs_reading
from tests.unit.docs_pages import Page, slug_of
from tests.unit.docs_reading import mentioned, read
from tests.unit.docs_shell import StaleError

NAMESPACE = "-n somafractalmemory"


def page(text: str, language: str = "console", name: str = "docs/runbooks/example.md") -> Page:
    return Page(name, f"# Example\n\n```{language}\n{text}\n```\n")


STALE = {
    "a target that the Makefile has not": ("make upp", "no target upp"),
    "a variable that it does not use": ("make promote REGION=us-west", "no variable REGION"),
    "an argument that the command behind it does not take": ("make drill ARGS=--zone", "--zone"),
    "a promotion to nowhere": ("make promote", "required: region"),
    "a region that is none": ("make promote TO=us-wset", "us-wset is no region"),
    "a package of another repository": (".venv/bin/python -m promoting us-west", "no package of this repository"),
    "a command that a package has not": (".venv/bin/python -m state detsroy us-west", "invalid choice"),
    "an option that a package has not": (".venv/bin/python -m promotion us-west --force", "unrecognized arguments"),
    "a command of pulumi": ("pulumi upgrade -s us-east", "no command of the CLI"),
    "an option of pulumi": ("pulumi up -s us-east --force", "no flag --force"),
    "a stack": ("pulumi up -s us-esat", "us-esat is no stack"),
    "a key of the settings": ("pulumi config set --path qdrant.nodes 5 -s us-east", "qdrant.nodes = 5   unknown key"),
    "a block of the settings": ("pulumi config set --path qdrnat.replicas 5 -s us-east", "qdrnat is no key"),
    "a value of the settings": ("pulumi config set --path qdrant.replicas 1 -s us-east", "qdrant.replicas = 1"),
    "a path without --path": ("pulumi config set qdrant.replicas 5 -s us-east", "without --path"),
    "a list without such a place": (
        "pulumi config set --path 'ingress.rules[3].host' a.b -s us-east",
        "nothing has a place 3",
    ),
    "a key to remove that is not stated": ("pulumi config rm --path qdrant.drain_to -s us-east", "is not stated"),
    "a secret in the clear": ("pulumi config set --path backups.s3.access_key_id x -s us-east", "with --secret"),
    "an output": ("pulumi stack output backup -s us-east", "no output backup"),
    "a URN": ("pulumi state unprotect urn:pulumi:us-east::somafractalmemory::a:b:C::d -s us-east", "declares nothing"),
    "fewer nodes without a drain": (
        "pulumi config set --path redis.cluster.nodes 5 -s us-east\npulumi up -s us-east\n"
        "pulumi config set --path redis.cluster.nodes 3 -s us-east\npulumi up -s us-east",
        "5 are in use and hold data",
    ),
    "a smaller volume": (
        "pulumi config set --path qdrant.storage 50Gi -s us-east\npulumi up -s us-east",
        "100Gi is there and holds data",
    ),
    "a verb of kubectl": (f"kubectl show pods {NAMESPACE}", "no verb"),
    "an option of kubectl": (f"kubectl get pods {NAMESPACE} --wide", "no flag --wide"),
    "a namespace": ("kubectl get pods -n soma", "no namespace soma"),
    "a kind": (f"kubectl get redisclusters {NAMESPACE}", "nothing here is of the kind"),
    "a Deployment": (f"kubectl rollout restart deployment/memory {NAMESPACE}", "no deployment memory"),
    "a StatefulSet": (f"kubectl rollout status statefulset/redis {NAMESPACE}", "no statefulset redis"),
    "a pod": (f"kubectl exec qdrant-3 {NAMESPACE} -- ls", "no pod qdrant-3"),
    "a container": (f"kubectl logs qdrant-0 {NAMESPACE} -c vectors", "no container vectors"),
    "a label": (f"kubectl get pods {NAMESPACE} -l app=qdrant", "nothing has the labels"),
    "a CronJob": (f"kubectl create job look --from=cronjob/qdrant-rebalance {NAMESPACE}", "no cronjob"),
    "a Job that was never called so": (f"kubectl logs job/redis-setup-… {NAMESPACE}", "no job redis-setup-…"),
    "a Secret": (f"kubectl get secret redis-password {NAMESPACE}", "no secret redis-password"),
    "a key of a Secret": (
        f"kubectl get secret redis-auth {NAMESPACE} -o jsonpath='{{.data.token}}'",
        "no .data.token",
    ),
    "a Cluster": (f"kubectl cnpg status postgresql {NAMESPACE}", "no Cluster postgresql"),
    "a flag before a plugin": (
        f"kubectl --context us-west cnpg status postgresql-us-west {NAMESPACE}",
        "no flags before",
    ),
    "a container of some of the pods": (
        f"kubectl logs -l cnpg.io/cluster=postgresql-us-east -c postgres {NAMESPACE}",
        "has these labels and no container postgres",
    ),
    "an instance": (f"kubectl cnpg promote postgresql-us-east postgresql-us-east-9 {NAMESPACE}", "no instance"),
    "a service of AWS": ("aws eks upgrade-cluster --name somafractalmemory-us-east", "no command of the AWS CLI"),
    "a program": ("redis-cli ping", "no program"),
    "a quote that is left open": ("make promote ARGS='--yes", "No closing quotation"),
}


@pytest.mark.parametrize(("text", "said"), STALE.values(), ids=STALE.keys())
def test_a_stale_command_is_refused(text: str, said: str) -> None:
    with pytest.raises(StaleError) as caught:
        read(page(text))
    assert said in str(caught.value)
    assert "docs/runbooks/example.md:" in str(caught.value)


GOOD = {
    "commands": "make promote TO=us-west ARGS=--yes   # asks nothing\n.venv/bin/python -m state destroy us-west",
    "a line that goes on": "pulumi config set --path --secret \\\n  backups.s3.access_key_id … -s us-east",
    "a transcript": "$ kubectl get pods -n monitoring\nNAME   READY\nqdrant-9   make believe",
    "what is filled in": f"kubectl exec -it <primary> {NAMESPACE} -c postgres -- psql\nkubectl logs POD {NAMESPACE}",
    "a Job with a hash": f"kubectl logs job/redis-bootstrap-… {NAMESPACE}",
    "a drain": "pulumi config set --path qdrant.replicas 5 -s us-east\npulumi up -s us-east\n"
    "pulumi config set --path qdrant.drain_to 3 -s us-east\npulumi up -s us-east\n"
    "pulumi config rm --path qdrant.drain_to -s us-east\npulumi config set --path qdrant.replicas 3 -s us-east\n"
    "pulumi up -s us-east",
}


@pytest.mark.parametrize("text", GOOD.values(), ids=GOOD.keys())
def test_what_holds_is_taken(text: str) -> None:
    read(page(text))


@pytest.mark.parametrize(
    ("language", "text", "said"),
    [
        ("", "a picture", "no language"),
        ("bash", "make up", "no language"),
        ("text", "make up", "a command in a block of text"),
        ("promql", "up == 2", "the expression of no alert"),
        ("yaml", "qdrant: {nodes: 3}", "unknown key"),
        ("yaml", "qdrant: [", "no YAML"),
        ("yaml", "high_availabilty: {enabled: true}", "no keys of the settings"),
        (
            "yaml",
            "# Pulumi.us-east.yaml\nconfig:\n  somafractalmemory:sharding: {replication_factor: 5}",
            "more copies",
        ),
        ("yaml helm", "a: 1", "is none of"),
        ("yaml original", "sharding: {shards: 8}", "not a block of tests/data/guide.yaml"),
        ("yaml kube-prometheus-stack", "prometheus: {prometheusSpec: {replicas: 9}}", "own values differ in"),
        ("yaml alertmanager", "route: {receiver: a, routes: []}\nreceivers: []", "no receiver a"),
    ],
)
def test_a_block_that_does_not_hold_is_refused(language: str, text: str, said: str) -> None:
    with pytest.raises(StaleError, match=said):
        read(page(text, language))


def test_python_is_run() -> None:
    read(page("from capacity import estimate_resources", "python"))
    with pytest.raises(ImportError):
        read(page("from capacity import estimate_everything", "python"))


def test_a_command_within_a_sentence_may_break_and_leave_out() -> None:
    text = Page("docs/example.md", "Then `kubectl get\npods`, or `make destroy`, which\ntakes a region.\n")
    found = [command for _, command in mentioned(text)]
    assert [command.words for command in found] == [("kubectl", "get", "pods"), ("make", "destroy")]
    for command in found:
        docs_reading.check(command, mention=True)


def test_anchors_are_githubs() -> None:
    found = Page("docs/example.md", "# A `b.c`, and [d](e.md)!\n## Fewer nodes\n## Fewer nodes\n").anchors
    assert found == {"a-bc-and-d", "fewer-nodes", "fewer-nodes-1"}
    assert slug_of("PostgreSQL: back to a moment") == "postgresql-back-to-a-moment"


def test_blocks_of_other_pages_stand_for_themselves() -> None:
    """Two blocks show two ways; in a runbook the second goes on with the first."""
    blocks = "```yaml\nqdrant: {replicas: 5}\n```\n\n```yaml\nsharding: {replication_factor: 5}\n```\n"
    read(Page("docs/runbooks/example.md", blocks))
    with pytest.raises(StaleError, match="more copies than Qdrant nodes"):
        read(Page("docs/example.md", blocks))
