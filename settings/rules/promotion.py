"""The record of a promotion: whole, about regions that there are, and in the stack that it is about."""

from collections.abc import Iterator

from settings.draft import Draft, Finding
from settings.faults import ABSENT
from settings.rules.rule import Check, place, rule

_PARTS = ("home", "former", "step")
_COMMAND = "python -m promotion writes and removes it"


@rule("promotion")
def a_record_is_whole(draft: Draft) -> Iterator[Finding]:
    promotion = draft.settings.promotion
    stated = [part for part in (*_PARTS, "token") if getattr(promotion, part) is not None]
    for part in _PARTS if stated else ():
        if part not in stated:
            yield Finding(("promotion", part), ABSENT, f"missing beside promotion.{stated[0]}: {_COMMAND}")


@rule("promotion", "multiregion.regions[*].name")
def it_names_two_regions_and_this_is_one(draft: Draft) -> Iterator[Finding]:
    promotion, known = draft.settings.promotion, draft.settings.regions
    for part in ("home", "former"):
        name = getattr(promotion, part)
        if name is not None and name not in known:
            yield draft.finding(("promotion", part), f"not in the list of regions ({', '.join(known)})")
    if promotion.home is None or promotion.former is None or promotion.step is None:
        return
    if promotion.home == promotion.former:
        yield draft.finding(place("promotion.former"), "is promotion.home too: a promotion has two regions")
    about = promotion.home if promotion.step == "promote" else promotion.former
    if draft.stack != about:
        yield draft.finding(
            place("promotion.step"), f"is for the stack {about}, not for this one: remove it ({_COMMAND})"
        )
    if promotion.token is not None and promotion.step != "promote":
        yield draft.finding(place("promotion.token"), "only the region that is promoted has one: remove it")


RULES: tuple[Check, ...] = (a_record_is_whole, it_names_two_regions_and_this_is_one)
