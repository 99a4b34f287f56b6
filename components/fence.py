"""The fence that an old home meets by itself when it comes back: the new home says that it was given up.

An old home returns with its objects as they were, so nothing that is declared in it can know better. Its pods ask every
other region (files/memory_probe.py); what they look for is a `generation` of their own region that is higher than the
one they were made with. A region is of the next one as soon as it is given up (promotion/plan.py), and no clone of it
is ever of one that was given up before.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from pulumi import Output

from components.files.memory_probe import proof
from components.memory_pod import FILES_FOLDER
from settings import Settings

FILE: Final = "other-regions"
PORT: Final = 443
"""Of the ingress controllers."""


def asked(settings: Settings) -> tuple[str, ...]:
    """What the probe is told: the region, its generation, and where it finds whom to ask. Not whom: a region that is
    added must not restart the pods of the others.
    """
    own = settings.stack
    return (own, str(settings.generations[own]), f"{FILES_FOLDER}/{FILE}") if len(settings.regions) > 1 else ()


def elsewhere(settings: Settings) -> str:
    """Text of FILE: every other region's `address:port/host`."""
    others, multiregion = [name for name in settings.regions if name != settings.stack], settings.multiregion
    return " ".join(f"{multiregion.ingress_host(name)}:{PORT}/{multiregion.fence_host(name)}" for name in others)


def given_up(settings: Settings) -> dict[str, int]:
    """Region to the generation below which all of it was given up; those alone of which anything was.

    A home that did not answer and left nothing behind is given up with the update that promotes another one: before
    Pulumi.yaml says it, which it does once there is no way back.
    """
    generations, promotion = dict(settings.generations), settings.promotion
    if promotion.step == "promote" and promotion.token is None and promotion.former in generations:
        generations[promotion.former] += 1
    return {region: number for region, number in generations.items() if number > 1}


def said(given: Mapping[str, int], tokens: Sequence[Output[str]]) -> Output[str]:
    """The answer: `region/generation/proof`, for the bearer token of each memory namespace, with spaces between."""

    def lines(known: Sequence[str]) -> str:
        return " ".join(
            f"{region}/{number}/{proof(token, region, number)}" for region, number in given.items() for token in known
        )

    # A proof tells nothing of the token, which is 48 random letters.
    return Output.unsecret(Output.all(*tokens).apply(lines))
