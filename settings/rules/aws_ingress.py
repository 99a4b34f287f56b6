"""What a region on AWS states of an ingress controller that is not the program's."""

from collections.abc import Iterator
from typing import Final

from settings.draft import Draft, Finding
from settings.faults import ABSENT
from settings.rules.aws import on_aws
from settings.rules.rule import Check, place, repeated

BLOCK: Final = ("aws", "ingress_controller")
SERVICE: Final = "nginx-ingress"
PORTS: Final = ("http_port", "https_port", "health_port")


@on_aws("aws.ingress_controller", "services.installed", "ingress.enabled")
def it_is_described_where_it_is_yours(draft: Draft) -> Iterator[Finding]:
    if draft.stated(BLOCK) in (ABSENT, None, {}):
        return
    if not draft.settings.ingress.enabled:
        yield draft.finding(BLOCK, "without effect where ingress.enabled is false: remove it")
    elif SERVICE in draft.settings.services_to_install:
        yield draft.finding(
            BLOCK,
            f'without effect on the one that the program installs: add "{SERVICE}" to services.installed where yours '
            "is there already, or remove this",
        )


@on_aws(*(f"aws.ingress_controller.{port}" for port in PORTS))
def its_pods_have_a_port_for_each_use(draft: Draft) -> Iterator[Finding]:
    controller = draft.settings.aws.ingress_controller
    for index, first in repeated(getattr(controller, port) for port in PORTS):
        yield draft.finding(
            place(f"aws.ingress_controller.{PORTS[index]}"),
            f"is {PORTS[first]} too: state the port of the controller's pods for each of them",
        )


RULES: tuple[Check, ...] = (
    it_is_described_where_it_is_yours,
    its_pods_have_a_port_for_each_use,
)
