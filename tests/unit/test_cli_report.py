"""What the Pulumi CLI says becomes the engines' own words."""

from typing import Any

from pulumi.automation.events import EngineEvent

from rehearsal.engine import cli_report
from rehearsal.engine.model import MASK, UNKNOWN, Change, Secret, has_unknown, masked

STACK = "urn:pulumi:us-east::somafractalmemory::pulumi:pulumi:Stack::somafractalmemory-us-east"
REGION = "urn:pulumi:us-east::somafractalmemory::soma:region:Region::us-east"
PROVIDER = "urn:pulumi:us-east::somafractalmemory::soma:region:Region$pulumi:providers:kubernetes::us-east-provider"
SECRET = "urn:pulumi:us-east::somafractalmemory::soma:region:Region$kubernetes:core/v1:Secret::us-east-keys"
RANDOM = "urn:pulumi:us-east::somafractalmemory::pulumi:providers:random::default_4_21_4"


def _secret_state(**changed: Any) -> dict[str, Any]:
    return {
        "urn": SECRET,
        "custom": True,
        "type": "kubernetes:core/v1:Secret",
        "inputs": {"kind": "Secret", "stringData": {"key": MASK}, "__defaults": []},
        "parent": REGION,
        "protect": True,
        "dependencies": [REGION],
        "provider": f"{PROVIDER}::8e1b",
        "propertyDependencies": {"stringData": [RANDOM], "kind": []},
        "ignoreChanges": ["spec.replicas"],
        **changed,
    }


def _event(**document: Any) -> EngineEvent:
    return EngineEvent.from_json({"sequence": 1, "timestamp": 1, **document})


def _diagnostic(message: str, urn: str = STACK, severity: str = "error") -> EngineEvent:
    return _event(diagnosticEvent={"message": message, "urn": urn, "severity": severity, "color": "never"})


def test_a_state_keeps_parent_provider_options_and_dependencies() -> None:
    (resource,) = cli_report.resources([_secret_state()])
    assert (resource.type, resource.name) == ("kubernetes:core/v1:Secret", "us-east-keys")
    assert (resource.parent, resource.provider, resource.protect) == (REGION, PROVIDER, True)
    assert resource.depends_on == tuple(sorted((REGION, RANDOM)))
    assert resource.ignore_changes == ("spec.replicas",)


def test_the_stack_and_providers_of_the_engine_are_no_resources_of_the_program() -> None:
    root = {"urn": STACK, "type": "pulumi:pulumi:Stack", "custom": False}
    default = {"urn": RANDOM, "type": "pulumi:providers:random", "custom": True}
    component = {"urn": REGION, "type": "soma:region:Region", "custom": False, "parent": STACK}
    (resource,) = cli_report.resources([root, default, component])
    assert (resource.urn, resource.parent, resource.provider) == (REGION, None, None)


def test_what_awaits_deletion_after_a_replacement_is_not_counted_twice() -> None:
    assert len(cli_report.resources([_secret_state(), _secret_state(delete=True)])) == 1


def test_a_resource_of_a_provider_that_the_engine_adds_names_none() -> None:
    (resource,) = cli_report.resources([_secret_state(provider=f"{RANDOM}::04da6b54-80e4-46f7-96ec-b56ff0331ba9")])
    assert resource.provider is None


def test_secrets_stay_secret_in_a_preview_and_in_an_export() -> None:
    signature = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "v1:abc"}
    read = cli_report.value({"preview": MASK, "export": [signature]})
    assert isinstance(read["preview"], Secret)
    assert isinstance(read["export"][0], Secret)
    assert masked(read) == {"preview": MASK, "export": [MASK]}


def test_what_only_the_update_knows_is_unknown() -> None:
    read = cli_report.value({"id": "04da6b54-80e4-46f7-96ec-b56ff0331ba9", "name": "a"})
    assert read == {"id": UNKNOWN, "name": "a"}
    assert has_unknown(read)


def test_defaults_that_a_bridged_provider_notes_are_no_inputs() -> None:
    (resource,) = cli_report.resources([_secret_state()])
    assert set(resource.inputs) == {"kind", "stringData"}


def test_a_replacement_is_one_step_however_many_the_engine_makes_of_it() -> None:
    told = [
        ("create-replacement", SECRET, ("metadata.name",)),
        ("replace", SECRET, ()),
        ("delete-replaced", SECRET, ()),
        ("same", REGION, ()),
        ("create", STACK, ()),
    ]
    replaced, same = cli_report.steps(told)
    assert (replaced.change, replaced.reasons) == (Change.REPLACE, ("metadata.name",))
    assert (same.change, same.type, same.name) == (Change.SAME, "soma:region:Region", "us-east")


def test_what_is_done_about_a_resource_that_was_read_again_is_its_step() -> None:
    """As `preview --refresh` of 3.260 tells it: of a resource that is gone, and of one that is as it was."""
    told = [
        ("refresh", SECRET, ("metadata",)),
        ("refresh", REGION, ()),
        ("same", REGION, ()),
        ("create", SECRET, ()),
    ]
    made, same = cli_report.steps(told)
    assert (made.change, made.reasons) == (Change.CREATE, ())
    assert (same.name, same.change) == ("us-east", Change.SAME)


def test_an_event_tells_which_inputs_differ() -> None:
    metadata = {"op": "update", "urn": SECRET, "type": "x", "detailedDiff": {"data.key": {"diffKind": "update"}}}
    announced = cli_report.step_of(_event(resourcePreEvent={"metadata": metadata}))
    assert announced == ("update", SECRET, ("data.key",))
    assert cli_report.step_of(_diagnostic("no step")) is None


def test_errors_are_told_once_without_colours_and_without_the_engine_s_echo() -> None:
    told = [
        _diagnostic("Pulumi.us-east.yaml\n  memory.image = ''   missing<{%reset%}>"),
        _diagnostic("an unhandled error occurred: program exited with non-zero exit code: 1"),
        _diagnostic("cannot create", urn=SECRET),
        _diagnostic("cannot create", urn=SECRET),
        _diagnostic("using pulumi-resource-random from $PATH", severity="warning"),
        _diagnostic("update failed"),
    ]
    assert cli_report.errors(told) == [
        "Pulumi.us-east.yaml\n  memory.image = ''   missing",
        "us-east-keys: cannot create",
    ]


def test_a_violation_names_pack_policy_level_and_resource() -> None:
    said = {
        "policyName": "zone-spread",
        "policyPackName": "high-availability",
        "policyPackVersion": "1.0.0",
        "enforcementLevel": "mandatory",
        "resourceUrn": SECRET,
        "message": "<{%reset%}>Pods are spread.<{%reset%}>\nnot spread\n",
        "color": "raw",
    }
    (violation,) = cli_report.violations([_event(policyEvent=said), _diagnostic("else")])
    assert (violation.pack, violation.policy, violation.urn) == ("high-availability", "zone-spread", SECRET)
    assert violation.mandatory
    assert violation.message == "not spread"
