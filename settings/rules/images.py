"""Images that nobody publishes for the operator have to be named."""

from collections.abc import Iterator

from settings.draft import Draft, Finding
from settings.faults import ABSENT
from settings.rules.rule import Check, place, rule

OURS = ("postgresql_gateway", "redis_gateway")
"""Keys of the settings; the folders under images/ have the same names with hyphens."""


def _named(key: str) -> Check:
    """A rule by itself, so that a fault of one image hides nothing of another."""
    folder = key.replace("_", "-")

    @rule(f"images.{key}")
    def our_image_is_named(draft: Draft) -> Iterator[Finding]:
        if getattr(draft.settings.images, key) is None:
            yield Finding(
                place(f"images.{key}"),
                ABSENT,
                f"missing: nobody publishes this image; build images/{folder}, push it, and name it here with its tag",
            )

    return our_image_is_named


RULES: tuple[Check, ...] = tuple(map(_named, OURS))
