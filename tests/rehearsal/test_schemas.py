"""Definitions installed into a real API server."""

import secrets
from pathlib import Path

import pytest

from rehearsal import kube, schemas
from rehearsal.errors import RehearsalError
from rehearsal.kube import Client

DEFINITION = """\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: gateways.{group}
spec:
  group: {group}
  names:
    kind: Gateway
    plural: gateways
  scope: Namespaced
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            required: [size]
            properties:
              size: {{type: integer, minimum: 1}}
"""


@pytest.fixture
def group() -> str:
    return f"g{secrets.token_hex(4)}.example.com"


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(schemas.PATH_VARIABLE, str(tmp_path))
    return tmp_path


def gateway(group: str, **spec: object) -> kube.Manifest:
    return {"apiVersion": f"{group}/v1", "kind": "Gateway", "metadata": {"name": "a"}, "spec": spec}


def test_a_kind_with_a_schema_is_validated(admin: Client, group: str, directory: Path) -> None:
    (directory / f"{group}_gateways.yaml").write_text(DEFINITION.format(group=group))
    assert schemas.ensure_kinds(admin, [(f"{group}/v1", "Gateway")]) == []
    with pytest.raises(kube.Invalid, match="should be greater than or equal to 1"):
        admin.apply(gateway(group, size=0), "test")
    assert admin.apply(gateway(group, size=1), "test")["spec"] == {"size": 1}


def test_a_kind_without_a_schema_is_accepted_and_named_every_time(admin: Client, group: str) -> None:
    kinds = [(f"{group}/v1", "Gateway"), ("v1", "ConfigMap")]
    assert schemas.ensure_kinds(admin, kinds) == [f"Gateway ({group}/v1)"]
    assert admin.apply(gateway(group, whatever={"deep": [1]}), "test")["spec"] == {"whatever": {"deep": [1]}}
    assert schemas.ensure_kinds(admin, kinds) == [f"Gateway ({group}/v1)"]


def test_a_schema_that_is_found_later_takes_the_place_of_the_invented_one(
    admin: Client, group: str, directory: Path
) -> None:
    kinds = [(f"{group}/v1", "Gateway")]
    assert schemas.ensure_kinds(admin, kinds) != []
    (directory / f"{group}_gateways.yaml").write_text(DEFINITION.format(group=group))
    assert schemas.ensure_kinds(admin, kinds) == []
    assert schemas.ensure_kinds(admin, kinds) == []


def test_kinds_of_kubernetes_own_groups_are_never_invented(admin: Client) -> None:
    assert schemas.ensure_kinds(admin, [("apps/v9", "Deployment"), ("policy/v1", "Nonsense")]) == []
    with pytest.raises(kube.UnknownKind):
        admin.resource("policy/v1", "Nonsense")


def test_a_faulty_definition_is_named_by_its_file(admin: Client, group: str, directory: Path) -> None:
    file = directory / f"{group}_gateways.yaml"
    file.write_text(DEFINITION.format(group=group).replace("storage: true", "storage: false"))
    with pytest.raises(RehearsalError, match=file.name):
        schemas.ensure_kinds(admin, [(f"{group}/v1", "Gateway")])
