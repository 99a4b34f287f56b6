"""The recorder tells the truth about options, parents, providers and secrets, and notices what it should."""

import asyncio

import pulumi
import pulumi_kubernetes as kubernetes
import pytest
from pulumi_random import RandomPassword

from rehearsal.engine.model import UNKNOWN, Secret
from tests.unit.recorder import record


class Box(pulumi.ComponentResource):
    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("test:box:Box", name, {}, opts)
        self.provider = kubernetes.Provider(f"{name}-provider", opts=pulumi.ResourceOptions(parent=self))
        self.password = RandomPassword(f"{name}-password", length=8, opts=pulumi.ResourceOptions(parent=self))
        self.secret = kubernetes.core.v1.Secret(
            f"{name}-secret",
            metadata={"name": "s", "labels": {"some_label": "x"}},
            string_data={"password": self.password.result},
            opts=pulumi.ResourceOptions(
                parent=self, provider=self.provider, protect=True, ignore_changes=["spec.replicas"]
            ),
        )
        self.register_outputs({})


def test_options_parents_and_providers_are_kept() -> None:
    run = record(lambda: (Box("a"), None)[1])
    secret = run.one("Secret", "s")
    assert secret.protect
    assert secret.ignore_changes == ("spec.replicas",)
    assert secret.parent == "urn:pulumi:test::somafractalmemory::test:box:Box::a"
    assert secret.urn == "urn:pulumi:test::somafractalmemory::test:box:Box$kubernetes:core/v1:Secret::a-secret"
    assert secret.provider is not None
    assert secret.provider.endswith("::a-provider")
    assert any(urn.endswith("::a-password") for urn in secret.depends_on)


def test_keys_of_plain_maps_stay_as_they_were_written() -> None:
    assert record(lambda: (Box("a"), None)[1]).one("Secret", "s").metadata["labels"] == {"some_label": "x"}


def test_secrets_stay_marked_and_are_found_in_the_clear() -> None:
    def program() -> None:
        box = Box("a")
        pulumi.export("hidden", box.password.result)
        pulumi.export("leaked", pulumi.Output.unsecret(box.password.result))

    run = record(program)
    assert run.one("Secret", "s").inputs["stringData"] == Secret({"password": "<password a-password>"})
    assert run.outputs["hidden"] == Secret("<password a-password>")
    assert run.generated_secrets() == {"<password a-password>"}
    assert run.in_the_clear("<password a-password>") == ["output leaked"]


def test_two_resources_of_one_name_are_refused() -> None:
    def program() -> None:
        pulumi.ComponentResource("test:box:Twin", "twin")
        pulumi.ComponentResource("test:box:Twin", "twin")

    with pytest.raises(AssertionError, match="two resources are called"):
        record(program)


def test_what_is_registered_late_is_there_when_the_run_has_drained() -> None:
    async def later() -> str:
        await asyncio.sleep(0.05)
        return "late"

    def program() -> None:
        pulumi.Output.from_input(later()).apply(lambda name: Box(name) and None)

    assert record(program).one("Secret", "s").name == "late-secret"


def test_in_a_preview_computed_values_are_unknown() -> None:
    run = record(lambda: pulumi.export("password", Box("a").password.result), preview=True)
    assert run.outputs["password"] in (UNKNOWN, Secret(UNKNOWN))


def test_an_error_of_the_program_is_an_error_of_the_run() -> None:
    def program() -> None:
        raise pulumi.RunError("said so")

    with pytest.raises(pulumi.RunError, match="said so"):
        record(program)


def test_a_run_leaves_nothing_behind_for_the_next() -> None:
    first = record(lambda: pulumi.export("a", 1), config={"key": "value"})
    second = record(lambda: pulumi.export("seen", pulumi.Config("somafractalmemory").get("key")))
    assert first.outputs == {"a": 1}
    assert second.outputs == {}
