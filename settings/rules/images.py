"""Images that nobody publishes for the operator have to be named."""

from collections.abc import Iterator

from settings.draft import Draft, Finding
from settings.faults import ABSENT
from settings.rules.rule import Check, place, rule


@rule("images.redis_gateway")
def our_images_are_named(draft: Draft) -> Iterator[Finding]:
    if draft.settings.images.redis_gateway is None:
        yield Finding(
            place("images.redis_gateway"),
            ABSENT,
            "missing: nobody publishes this image; build images/redis-gateway, push it, and name it here with its tag",
        )


RULES: tuple[Check, ...] = (our_images_are_named,)
