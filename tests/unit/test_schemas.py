"""Custom resource definitions: found by what their files say, invented where there is none."""

from pathlib import Path

import pytest

from rehearsal import schemas
from rehearsal.errors import RehearsalError

DEFINITION = """---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  annotations:
    controller-gen.kubebuilder.io/version: v0.21.0
  name: gateways.example.com
spec:
  group: example.com
  names:
    kind: Gateway
    listKind: GatewayList
    plural: gateways
    singular: gateway
  scope: Namespaced
  versions:
  - name: v1
    schema:
      openAPIV3Schema:
        properties:
          spec:
            properties:
              name: {type: string}
    served: true
  - additionalPrinterColumns:
    - jsonPath: .spec.cluster.name
      name: Cluster
      type: string
    name: v1beta1
    served: true
"""


def test_a_definition_is_known_by_its_kind_in_every_version(tmp_path: Path) -> None:
    (tmp_path / "example.com_gateways.yaml").write_text(DEFINITION)
    found = schemas.definitions([tmp_path])
    assert set(found) == {("example.com/v1", "Gateway"), ("example.com/v1beta1", "Gateway")}
    assert {definition.name for definition in found.values()} == {"gateways.example.com"}


def test_the_first_directory_of_the_search_path_wins(tmp_path: Path) -> None:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "example.com_gateways.yaml").write_text(DEFINITION)
    found = schemas.definitions([tmp_path / "first", tmp_path / "second"])
    assert {definition.file.parent.name for definition in found.values()} == {"first"}


def test_files_that_are_no_definitions_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "a_b.yaml").write_text("kind: Something\n")
    assert schemas.definitions([tmp_path]) == {}


def test_a_named_directory_that_is_not_there_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(schemas.PATH_VARIABLE, str(tmp_path / "typo"))
    with pytest.raises(RehearsalError, match="typo is no directory"):
        schemas.search_path()


def test_the_users_directories_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(schemas.PATH_VARIABLE, str(tmp_path))
    assert schemas.search_path()[0] == tmp_path


@pytest.mark.parametrize(
    ("kind", "plural"),
    [
        ("Policy", "policies"),
        ("Gateway", "gateways"),
        ("Ingress", "ingresses"),
        ("VirtualServer", "virtualservers"),
        ("PodMonitor", "podmonitors"),
    ],
)
def test_plurals_are_formed_as_controller_gen_forms_them(kind: str, plural: str) -> None:
    assert schemas.plural_of(kind) == plural


@pytest.mark.parametrize(
    ("kind", "scope"), [("Cluster", "Namespaced"), ("ClusterIssuer", "Cluster"), ("Certificate", "Namespaced")]
)
def test_invented_definitions_accept_everything_in_the_likely_scope(kind: str, scope: str) -> None:
    made = schemas.permissive(("example.com/v1", kind))
    assert made["spec"]["scope"] == scope
    version = made["spec"]["versions"][0]
    assert version["schema"]["openAPIV3Schema"]["x-kubernetes-preserve-unknown-fields"] is True
    assert "status" in version["subresources"]
