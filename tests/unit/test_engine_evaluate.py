"""What the in-process engine makes of a program: URNs, options, secrets, refusals and errors in plain words."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
import pulumi_random as random
import pulumi_tls as tls
import pytest
from cryptography import x509
from pulumi import ResourceOptions

from rehearsal.engine.model import Plan, PlannedResource, Secret, masked
from rehearsal.engine.program import Evaluation, run
from rehearsal.engine.providers.answer import Recorded
from rehearsal.errors import RehearsalError

STACK = "urn:pulumi:us-east::soma::"


def plan(program: Callable[[], object], **told: Any) -> Plan:
    return run(program, Evaluation("soma", "us-east", **told))


def only(program: Callable[[], object], **told: Any) -> PlannedResource:
    (resource,) = plan(program, **told).resources
    return resource


def config_map(name: str = "settings", **options: Any) -> kubernetes.core.v1.ConfigMap:
    metadata: Any = {"name": name, "namespace": "soma"}
    return kubernetes.core.v1.ConfigMap(name, metadata=metadata, data={"size": "3"}, opts=ResourceOptions(**options))


class Group(pulumi.ComponentResource):
    def __init__(self, name: str, kind: str = "Group", **options: Any) -> None:
        super().__init__(f"soma:test:{kind}", name, {}, ResourceOptions(**options))


def test_a_urn_names_the_types_of_all_parents() -> None:
    found = plan(lambda: config_map(parent=Group("inner", "Inner", parent=Group("outer", "Outer"))))
    assert [resource.urn for resource in found.resources] == [
        f"{STACK}soma:test:Outer::outer",
        f"{STACK}soma:test:Outer$soma:test:Inner::inner",
        f"{STACK}soma:test:Outer$soma:test:Inner$kubernetes:core/v1:ConfigMap::settings",
    ]
    assert [resource.parent for resource in found.resources] == [None, *(one.urn for one in found.resources[:2])]


def test_two_resources_of_one_urn_are_refused_by_name() -> None:
    def program() -> None:
        for name in ("one", "other"):
            config_map(parent=Group(name))

    with pytest.raises(
        RehearsalError, match=r"Duplicate resource URN '.*Group\$kubernetes:core/v1:ConfigMap::settings'"
    ):
        plan(program)


def test_options_are_recorded() -> None:
    def program() -> None:
        first = config_map("first")
        provider = kubernetes.Provider("cluster")
        config_map(
            "second",
            protect=True,
            depends_on=[first],
            provider=provider,
            ignore_changes=["data.size"],
            retain_on_delete=True,
            custom_timeouts=pulumi.CustomTimeouts(create="1m30s"),
        )

    resource = plan(program).resources[-1]
    assert (resource.protect, resource.ignore_changes, resource.retain_on_delete) == (True, ("data.size",), True)
    assert resource.depends_on == (f"{STACK}kubernetes:core/v1:ConfigMap::first",)
    assert resource.provider == f"{STACK}pulumi:providers:kubernetes::cluster"
    assert resource.timeouts == {"create": 90.0}


def test_inputs_are_camel_case_with_whole_numbers() -> None:
    metadata: Any = {"name": "budget"}
    spec: Any = {"max_unavailable": 1}
    found = only(lambda: kubernetes.policy.v1.PodDisruptionBudget("budget", metadata=metadata, spec=spec))
    assert found.inputs["spec"] == {"maxUnavailable": 1}
    assert isinstance(found.inputs["spec"]["maxUnavailable"], int)


def test_kubernetes_secrets_are_secret_even_where_the_program_forgot() -> None:
    metadata: Any = {"name": "auth"}
    found = only(lambda: kubernetes.core.v1.Secret("auth", metadata=metadata, string_data={"password": "hunter2"}))
    assert masked(found.inputs)["stringData"] == "[secret]"


def test_what_only_the_cluster_knows_is_unknown_also_in_an_update() -> None:
    def program() -> None:
        pulumi.export("status", kubernetes.core.v1.Service("app", metadata=named("app")).status)

    assert repr(plan(program, preview=False).outputs["status"]) == "[unknown]"


def named(name: str) -> Any:
    return {"name": name}


REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "a package": (
        lambda: pulumi.CustomResource("gcp:storage/bucket:Bucket", "backups"),
        "does not imitate gcp:storage/bucket:Bucket; use the Pulumi CLI",
    ),
    "an AWS type": (
        lambda: pulumi.CustomResource("aws:sqs/queue:Queue", "jobs"),
        r"does not imitate aws:sqs/queue:Queue \(jobs\): rehearsal/aws/catalogue.py lists",
    ),
    "a provider": (
        lambda: pulumi.ProviderResource("gcp", "cloud", {}),
        "does not imitate pulumi:providers:gcp; use the Pulumi CLI",
    ),
    "a random type": (lambda: random.RandomPet("pet"), "does not imitate random:index/randomPet:RandomPet"),
    "a chart": (
        lambda: kubernetes.helm.v4.Chart("operator", chart="x"),
        "does not imitate remote components",
    ),
    "a patch": (
        lambda: kubernetes.core.v1.NamespacePatch("patch", metadata=named("soma")),
        "does not imitate kubernetes:core/v1:NamespacePatch",
    ),
    "a release without a name": (
        lambda: kubernetes.helm.v3.Release("operator", chart="x", namespace="soma"),
        "states no name: the in-process engine names nothing by itself",
    ),
    "a name that nobody stated": (
        lambda: kubernetes.core.v1.ConfigMap("nameless"),
        "nameless .* states no metadata.name",
    ),
    "an option": (lambda: config_map(deleted_with=config_map("other")), "does not imitate deleted_with"),
    "an import": (lambda: config_map(import_="soma/settings"), "does not imitate import"),
    "a lookup": (lambda: kubernetes.core.v1.ConfigMap.get("there", "soma/there"), "does not read kubernetes:core/v1"),
    "a function": (lambda: pulumi.runtime.invoke("aws:index/getRegion:getRegion", {}), "calls aws:index/getRegion"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_not_imitated_is_refused_by_name(what: str) -> None:
    program, words = REFUSED[what]
    with pytest.raises(RehearsalError, match=words):
        plan(program)


def test_a_run_error_speaks_in_the_words_of_the_program_alone() -> None:
    def program() -> None:
        raise pulumi.RunError("Pulumi.us-east.yaml\n  memory.image   missing")

    with pytest.raises(RehearsalError) as refused:
        plan(program)
    assert str(refused.value) == "Pulumi.us-east.yaml\n  memory.image   missing"


def test_a_run_error_inside_an_apply_keeps_its_words() -> None:
    def fail(_: object) -> str:
        raise pulumi.RunError("bring us-east up first")

    with pytest.raises(RehearsalError, match=r"^bring us-east up first$"):
        plan(lambda: config_map().metadata.apply(fail))


def test_another_error_names_the_line_of_the_program() -> None:
    def program() -> None:
        raise KeyError("zone-d")

    with pytest.raises(RehearsalError, match=r"KeyError: 'zone-d' \(test_engine_evaluate.py:\d+: raise KeyError"):
        plan(program)


def test_an_error_leaves_no_trace_for_the_next_run() -> None:
    with pytest.raises(RehearsalError):
        plan(lambda: kubernetes.core.v1.ConfigMap("nameless"))
    assert only(config_map).name == "settings"


def test_the_program_reads_its_configuration() -> None:
    def program() -> None:
        config = pulumi.Config()
        pulumi.export("read", [config.require_int("size"), config.require_object("memory")["replicas"]])

    found = plan(program, config={"soma:size": "3", "soma:memory": '{"replicas": 5}'})
    assert found.outputs["read"] == [3, 5]


def test_home_outputs_that_are_not_there_are_unknown_in_a_preview_and_empty_in_an_update() -> None:
    def program() -> None:
        reference = pulumi.StackReference("organization/soma/home")
        pulumi.export("seen", reference.outputs.apply(lambda outputs: sorted(outputs)))

    assert repr(plan(program).outputs["seen"]) == "[unknown]"
    assert plan(program, preview=False).outputs["seen"] == []
    assert plan(program, stacks={"home": {"word": Secret("x")}}).outputs["seen"].value == ["word"]


def test_a_secret_of_another_stack_stays_secret() -> None:
    def program() -> None:
        pulumi.export("word", pulumi.StackReference("organization/soma/home").require_output("word"))

    found = plan(program, stacks={"home": {"word": Secret("x")}})
    assert found.outputs["word"] == Secret("x")


def test_a_renamed_component_takes_its_children_along() -> None:
    def program() -> None:
        group = Group("new", aliases=[pulumi.Alias(name="old")])
        config_map("new-settings", parent=group)

    former = plan(program).resources[-1].aliases
    assert f"{STACK}soma:test:Group$kubernetes:core/v1:ConfigMap::old-settings" in former


def certificates() -> None:
    key = tls.PrivateKey("ca-key", algorithm="ECDSA", ecdsa_curve="P256")
    authority = tls.SelfSignedCert(
        "ca",
        private_key_pem=key.private_key_pem,
        subject=tls.SelfSignedCertSubjectArgs(common_name="soma-ca"),
        is_ca_certificate=True,
        set_subject_key_id=True,
        allowed_uses=["cert_signing", "crl_signing"],
        validity_period_hours=1000,
        early_renewal_hours=100,
    )
    leaf = tls.PrivateKey("leaf-key", algorithm="ECDSA", ecdsa_curve="P256")
    request = tls.CertRequest(
        "request",
        private_key_pem=leaf.private_key_pem,
        subject=tls.CertRequestSubjectArgs(common_name="server"),
        dns_names=["postgresql.us-east.internal"],
    )
    certificate = tls.LocallySignedCert(
        "leaf",
        cert_request_pem=request.cert_request_pem,
        ca_cert_pem=authority.cert_pem,
        ca_private_key_pem=key.private_key_pem,
        allowed_uses=["digital_signature", "server_auth"],
        validity_period_hours=10,
    )
    pulumi.export("ca", authority.cert_pem)
    pulumi.export("leaf", certificate.cert_pem)
    pulumi.export("key", leaf.private_key_pem)


def test_a_leaf_certificate_is_signed_by_its_authority_for_its_hosts() -> None:
    outputs = plan(certificates).outputs
    authority = x509.load_pem_x509_certificate(outputs["ca"].encode())
    leaf = x509.load_pem_x509_certificate(outputs["leaf"].encode())
    leaf.verify_directly_issued_by(authority)
    assert authority.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    hosts = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert hosts.get_values_for_type(x509.DNSName) == ["postgresql.us-east.internal"]
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc == timedelta(hours=10)
    assert isinstance(outputs["key"], Secret)


def recorded(found: Plan) -> dict[str, Recorded]:
    return {one.urn: Recorded(one.inputs, one.outputs) for one in found.resources}


def test_certificates_stay_the_same_while_nothing_changes() -> None:
    first = plan(certificates)
    assert plan(certificates, recorded=recorded(first)).outputs == first.outputs


def test_a_certificate_is_renewed_early_and_what_it_signed_with_it() -> None:
    first = plan(certificates)
    old = recorded(first)
    urn = f"{STACK}tls:index/selfSignedCert:SelfSignedCert::ca"
    soon = (datetime.now(UTC) + timedelta(hours=99)).isoformat()
    old[urn] = Recorded(old[urn].inputs, {**old[urn].outputs, "validityEndTime": soon})
    second = plan(certificates, recorded=old).outputs
    assert second["ca"] != first.outputs["ca"]
    assert second["leaf"] != first.outputs["leaf"]
    assert second["key"] == first.outputs["key"]


def test_a_password_has_the_classes_that_are_asked_for() -> None:
    found = only(
        lambda: random.RandomPassword("p", length=12, min_numeric=3, min_special=2, override_special="-_", upper=False)
    )
    text = found.outputs["result"].value
    assert len(text) == 12
    assert sum(letter.isdigit() for letter in text) >= 3
    assert sum(letter in "-_" for letter in text) >= 2
    assert not any(letter.isupper() for letter in text)
    assert set(text) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_")


def test_a_string_that_no_class_fits_is_refused() -> None:
    with pytest.raises(RehearsalError, match="no random text of 2 characters fits"):
        plan(lambda: random.RandomString("s", length=2, min_lower=3))
