"""A policy pack asked over its real protocol, in its own process; and packs that cannot be asked."""

import datetime
import re
import sys
import textwrap
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from policies.high_availability import RULES
from rehearsal import packs, paths
from rehearsal.engine.model import UNKNOWN, PlannedResource, Secret
from rehearsal.errors import RehearsalError
from tests.unit.policy_region import ADVICE, Region

PACK = paths.CHECKOUT / "policies" / "high-availability"
PROJECT = "somafractalmemory"
ADVISORY = {ADVICE, "node-types", "private-services", "time-to-write"}
"""Policies whose breach is no outage by itself."""


@pytest.fixture(scope="module")
def pack() -> Iterator[packs.Pack]:
    """One process for all tests of the module, as for all regions of a run."""
    with packs.Pack(PACK, PROJECT, "us-east") as running:
        yield running


@pytest.fixture
def region() -> Region:
    return Region()


def test_the_packs_of_the_checkout_are_found() -> None:
    assert PACK in packs.directories(paths.CHECKOUT)


def test_a_sound_region_passes_and_every_policy_is_named(pack: packs.Pack, region: Region) -> None:
    report = pack.ask(region.planned(), "us-east")
    assert report.violations == ()
    assert (report.pack, report.version) == ("high-availability", "1.0.0")
    assert len(report.policies) == len(RULES)
    for policy in report.policies:
        assert policy.level == ("advisory" if policy.name in ADVISORY else "mandatory")
        assert policy.severity in {"medium", "high", "critical"}
        assert policy.description
        assert policy.remedy
    assert {p.name: p.parameters for p in report.policies}["enough-replicas"] == {"min_replicas": 3}


def test_a_broken_region_is_refused_with_every_fault(pack: packs.Pack, region: Region) -> None:
    region.set("memory-service", "spec.replicas", 2)
    region.set("qdrant-budget", "spec.maxUnavailable", 2)
    report = pack.ask(region.planned(), "us-east")
    assert report.violations == report.mandatory
    assert [(v.policy, v.urn.rpartition("::")[2], v.message) for v in report.violations] == [
        ("enough-replicas", "memory-service", "Deployment memory-service runs 2 pods, at least 3 are required"),
        ("disruption-budgets", "qdrant-budget", "qdrant lets StatefulSet qdrant fall to 1 of 3 pods; a majority is 2"),
    ]
    assert report.failed == ("enough-replicas", "disruption-budgets")


def test_regions_asked_one_after_the_other_do_not_mix(pack: packs.Pack, region: Region) -> None:
    broken = Region()
    broken.drop("qdrant-budget")
    assert pack.ask(broken.planned(), "us-east").failed == ("disruption-budgets",)
    assert pack.ask(region.planned(), "us-west").violations == ()
    assert pack.ask(broken.planned(), "us-east").failed == ("disruption-budgets",)


def test_unknown_and_secret_inputs_are_sent_as_the_engine_sends_them(pack: packs.Pack, region: Region) -> None:
    region.set("memory-service", "spec.replicas", UNKNOWN)
    region.set("qdrant-budget", "spec.maxUnavailable", Secret(2))
    region.set("postgresql", "spec.instances", Secret("hunter2"))
    report = pack.ask(region.planned(), "us-east")
    messages = {(v.policy, v.urn.rpartition("::")[2]): v.message for v in report.violations}
    assert messages["readable", "memory-service"] == "memory-service: spec.replicas cannot be known yet"
    assert "fall to 1 of 3 pods" in messages["disruption-budgets", "qdrant-budget"]
    assert messages["readable", "postgresql"] == "postgresql: instances is not a whole number"
    assert "hunter2" not in str(report)


def test_outputs_of_a_cluster_that_is_not_there_yet_hide_nothing(pack: packs.Pack, region: Region) -> None:
    region.set("qdrant-budget", "spec.maxUnavailable", 2)
    planned = [replace(resource, outputs={"unrelated": UNKNOWN}) for resource in region.planned()]
    assert pack.ask(planned, "us-east").failed == ("disruption-budgets",)


def test_values_reach_every_policy_that_declares_them(pack: packs.Pack, region: Region) -> None:
    report = pack.ask(region.planned(), "us-east", values={"min_replicas": 5, "zones": ["zone-a", "zone-b", "zone-c"]})
    assert report.failed == ("enough-replicas", "autoscaler-minimum")
    parameters = {policy.name: dict(policy.parameters) for policy in report.policies}
    assert parameters["enough-replicas"] == {"min_replicas": 5}
    assert parameters["zone-spread"] == {"zones": ["zone-a", "zone-b", "zone-c"]}
    assert parameters["probes"] == {}


def test_a_policy_can_be_advisory_or_disabled_and_its_values_configured(pack: packs.Pack, region: Region) -> None:
    region.set("memory-service", "spec.replicas", 2)
    broken = region.planned()
    advisory = pack.ask(broken, "us-east", {"all": "advisory"})
    assert [v.level for v in advisory.violations] == ["advisory"]
    assert advisory.mandatory == ()
    only = pack.ask(broken, "us-east", {"all": "disabled", "probes": "mandatory"})
    assert [policy.name for policy in only.policies] == ["probes"]
    assert only.violations == ()
    lower = pack.ask(broken, "us-east", {"enough-replicas": {"min_replicas": 2, "enforcementLevel": "advisory"}})
    assert lower.violations == ()


def test_a_configuration_that_does_not_fit_is_refused(pack: packs.Pack) -> None:
    with pytest.raises(RehearsalError, match=r"enough-replicas\.min_replicas = 0: must be 1 or more"):
        pack.ask([], "us-east", {"enough-replicas": {"min_replicas": 0}})


def test_the_process_ends_with_its_pack(region: Region) -> None:
    with packs.Pack(PACK, PROJECT, "us-east") as running:
        process = running._process
        assert process.poll() is None
    assert process.poll() is not None


def test_the_process_ends_when_whoever_asks_it_dies() -> None:
    with packs.Pack(PACK, PROJECT, "us-east") as running:
        assert running._process.stdin is not None
        running._process.stdin.close()
        assert running._process.wait(timeout=10) == 0


def test_a_pack_that_died_is_an_error_at_once(region: Region) -> None:
    with packs.Pack(PACK, PROJECT, "us-east") as running:
        running._process.kill()
        running._process.wait()
        started = time.monotonic()
        with pytest.raises(RehearsalError, match=r"the policy pack high-availability failed \(UNAVAILABLE\)"):
            running.ask(region.planned(), "us-east")
        assert time.monotonic() - started < 10


def write_pack(folder: Path, program: str, virtualenv: str = sys.prefix) -> Path:
    (folder / "__main__.py").write_text(textwrap.dedent(program), encoding="utf-8")
    options = f"{{name: python, options: {{virtualenv: {virtualenv}}}}}"
    (folder / "PulumiPolicy.yaml").write_text(f"runtime: {options}\n", encoding="utf-8")
    return folder


def serving(check: str) -> str:
    """A program that serves one policy with this body."""
    return f"""
        import sys
        from pulumi_policy import EnforcementLevel, PolicyPack, ResourceValidationPolicy

        def validate(args, report):
            {check}

        PolicyPack("sample", [ResourceValidationPolicy(
            name="one", description="The rule.", validate=validate, enforcement_level=EnforcementLevel.ADVISORY)])
        """


def test_a_message_without_urn_is_about_the_resource_that_was_asked_about(tmp_path: Path, region: Region) -> None:
    planned = region.planned()[:1]
    report = packs.ask(write_pack(tmp_path, serving("report('bad')")), planned, PROJECT, "us-east")
    assert [(v.pack, v.policy, v.level, v.urn, v.message) for v in report.violations] == [
        ("sample", "one", "advisory", planned[0].urn, "bad")
    ]


def test_a_pack_sees_options_provider_and_protection(tmp_path: Path, region: Region) -> None:
    provider = next(r for r in region.planned() if r.name == "provider")
    asked = PlannedResource(
        "kubernetes:core/v1:Secret", "s", "urn:s", None, {"__defaults": [], "n": 1},
        protect=True, provider=provider.urn, ignore_changes=("spec",), timeouts={"create": 60.0},
    )  # fmt: skip
    check = "report(repr((args.opts.protect, list(args.opts.ignore_changes), args.opts.custom_timeouts.create_seconds,"
    check += " args.provider.name if args.provider else None, dict(args.props))))"
    report = packs.ask(write_pack(tmp_path, serving(check)), [provider, asked], PROJECT, "us-east")
    assert report.violations[1].message == "(True, ['spec'], 60.0, 'provider', {'n': 1.0})"


def test_a_pack_gets_none_of_the_callers_pulumi_settings(
    tmp_path: Path, region: Region, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "hunter2")
    check = "report(' '.join(sorted(name for name in __import__('os').environ if name.startswith('PULUMI_'))))"
    report = packs.ask(write_pack(tmp_path, serving(check)), region.planned()[:1], PROJECT, "us-east")
    assert report.violations[0].message == "PULUMI_CONFIG PULUMI_DRY_RUN PULUMI_PROJECT PULUMI_STACK"
    assert 0 < report.seconds < 60


def test_a_pack_that_fails_is_an_error_with_what_it_said(tmp_path: Path, region: Region) -> None:
    program = serving("print('looked at it', file=sys.stderr, flush=True); raise ValueError('cannot')")
    with pytest.raises(RehearsalError) as caught:
        packs.ask(write_pack(tmp_path, program), region.planned(), PROJECT, "us-east")
    assert "failed (UNKNOWN): Exception calling application: cannot" in str(caught.value)
    assert "looked at it" in str(caught.value)


def test_a_pack_that_ends_at_once_is_an_error_with_what_it_said(tmp_path: Path) -> None:
    with pytest.raises(RehearsalError, match=r"ended before it said its port; it said:(.|\n)*no such thing"):
        packs.Pack(write_pack(tmp_path, "raise SystemExit('no such thing')"), PROJECT, "us-east")


def test_a_pack_that_prints_before_it_serves_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RehearsalError, match="printed something before its port"):
        packs.Pack(write_pack(tmp_path, "print('loading')" + serving("pass").replace("\n        ", "\n")), PROJECT, "x")


def test_a_pack_that_never_says_its_port_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packs, "START_SECONDS", 1.0)
    started = time.monotonic()
    with pytest.raises(RehearsalError, match="said no port within 1 s, and said nothing"):
        packs.Pack(write_pack(tmp_path, "import time; time.sleep(600)"), PROJECT, "us-east")
    assert time.monotonic() - started < 30


EXCEPTION = """
exceptions:
- pack: high-availability
  policy: disruption-budgets
  urn: "urn:pulumi:us-east::somafractalmemory::*::qdrant-budget"
  reason: of a test
  owner: tests
  expires: {expires}
"""


def with_exceptions(folder: Path, content: str) -> Path:
    """The pack with an exceptions file of its own."""
    (folder / "exceptions.yaml").write_text(content, encoding="utf-8")
    program = f"""
        from pathlib import Path
        from policies import edge, exceptions, high_availability as pack

        exceptions.FILE = Path({str(folder / "exceptions.yaml")!r})
        edge.run(pack.NAME, pack.DESCRIPTION, pack.RULES)
        """
    return write_pack(folder, program)


def test_an_exception_is_kept_to_by_the_pack(tmp_path: Path, region: Region) -> None:
    region.set("qdrant-budget", "spec.maxUnavailable", 2)
    soon = (datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=30)).date()
    with packs.Pack(with_exceptions(tmp_path, EXCEPTION.format(expires=soon)), PROJECT, "us-east") as pack:
        assert pack.ask(region.planned(), "us-east").violations == ()
        assert pack.ask(Region().planned(), "us-east").failed == ("exceptions",)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (EXCEPTION.format(expires="2020-01-01"), r"of tests, expired on 2020-01-01"),
        (EXCEPTION.format(expires="2099-01-01"), r"expires in more than a year"),
        (EXCEPTION.format(expires="2020-01-01").replace("budgets", "bugdets"), r"has no policy disruption-bugdets"),
    ],
)
def test_an_exception_that_does_not_hold_is_said(tmp_path: Path, region: Region, content: str, said: str) -> None:
    region.set("qdrant-budget", "spec.maxUnavailable", 2)
    directory = with_exceptions(tmp_path, content)
    if "expired" in said:
        report = packs.ask(directory, region.planned(), PROJECT, "us-east")
        assert report.failed == ("disruption-budgets", "exceptions")
        assert re.search(said, report.violations[-1].message)
    else:
        with pytest.raises(RehearsalError, match=f"ended before it said its port; it said:(.|\n)*{said}"):
            packs.ask(directory, region.planned(), PROJECT, "us-east")


def test_a_folder_without_a_pack_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RehearsalError, match="is no policy pack"):
        packs.Pack(tmp_path, PROJECT, "us-east")


def test_a_pack_without_an_environment_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(RehearsalError, match="run `make setup` first"):
        packs.Pack(write_pack(tmp_path, "", virtualenv="nowhere"), PROJECT, "us-east")


def test_a_pack_whose_file_names_no_environment_is_refused(tmp_path: Path) -> None:
    (tmp_path / "PulumiPolicy.yaml").write_text("runtime: python\n", encoding="utf-8")
    with pytest.raises(RehearsalError, match=r"runtime\.options\.virtualenv is needed"):
        packs.Pack(tmp_path, PROJECT, "us-east")
