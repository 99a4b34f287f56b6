"""Types of names: what Kubernetes, DNS and container registries accept, each with a remedy when it is broken."""

import re
from collections.abc import Callable
from typing import Annotated

from settings.model import checked

LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
"""RFC 1123 label, as Kubernetes checks it (apimachinery/pkg/util/validation)."""

LABEL_VALUE = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")
"""Value of a Kubernetes label, for example of topology.kubernetes.io/zone."""

IMAGE = re.compile(
    r"(?:(?P<registry>(?:[A-Za-z0-9-]+\.)+[A-Za-z0-9-]+(?::[0-9]+)?|[A-Za-z0-9-]+:[0-9]+|localhost)/)?"
    r"(?P<path>[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)
"""Image reference (distribution/reference)."""

LONGEST_IMAGE = 255
"""Registry and path together (distribution/reference, NameTotalLengthMax)."""

MOVING_TAGS = ("latest", "main", "master", "edge", "nightly", "stable", "dev")
"""Tags that publishers move from build to build."""

POSTGRESQL_TAG = re.compile(r"(?P<major>[1-9][0-9]?)(?:[._-].*)?")
"""A tag from which CloudNativePG reads PostgreSQL's version (docs/src/container_images.md, v1.30.0)."""

IDENTIFIER = re.compile(r"[a-z_][a-z0-9_]*")
RATE = re.compile(r"[1-9][0-9]{0,8}r/[sm]")
"""Rate of NGINX's limit_req_zone."""


def label(longest: int) -> Callable[[str], str]:
    """A DNS label of at most `longest` characters: the rest of Kubernetes' 63 is for what is added to it."""

    def check(name: str) -> str:
        if not LABEL.fullmatch(name):
            guess = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:longest].strip("-")
            remedy = f', such as "{guess}"' if guess else ""
            raise ValueError(f"not a DNS label: use lower-case letters, digits and inner hyphens{remedy}")
        if len(name) > longest:
            raise ValueError(f"{len(name)} characters are too long for Kubernetes' limits: use at most {longest}")
        return name

    return check


def dns_name(name: str) -> str:
    """A host name of at least two labels (RFC 1123); wildcards, schemes, ports and addresses are refused."""
    labels = name.split(".")
    if "://" in name or "/" in name or ":" in name:
        raise ValueError('not a DNS name: leave out scheme, port and path, as in "memory.example.com"')
    if len(name) > 253 or len(labels) < 2 or not all(LABEL.fullmatch(part) and len(part) <= 63 for part in labels):
        raise ValueError('not a DNS name: write a full host name in lower case, such as "memory.example.com"')
    if len(name) > 63:
        raise ValueError(
            "longer than the 63 characters of a Kubernetes label, which names its objects: use a shorter one"
        )
    if labels[-1].isdecimal():
        raise ValueError('an address, not a DNS name: write a host name such as "memory.example.com"')
    return name


def object_name(name: str) -> str:
    """Name of a Kubernetes object: DNS labels with dots between."""
    if len(name) > 253 or not all(LABEL.fullmatch(part) for part in name.split(".")):
        raise ValueError("not a name of a Kubernetes object: use lower-case letters, digits, hyphens and dots")
    return name


def annotation_key(key: str) -> str:
    """Key of a Kubernetes annotation: a name, or a DNS name, a slash and a name (apimachinery, IsQualifiedName)."""
    prefix, slash, name = key.rpartition("/")
    domain = not slash or (len(prefix) <= 253 and all(LABEL.fullmatch(part) for part in prefix.lower().split(".")))
    if not domain or len(name) > 63 or not LABEL_VALUE.fullmatch(name):
        raise ValueError(
            "not a key of a Kubernetes annotation: write a name of at most 63 letters, digits, hyphens, dots and "
            'underscores, or a DNS name, "/" and such a name'
        )
    return key


def label_value(value: str) -> str:
    """Value of a Kubernetes label."""
    if len(value) > 63 or not LABEL_VALUE.fullmatch(value):
        raise ValueError("not a value of a Kubernetes label: at most 63 letters, digits, hyphens, dots and underscores")
    return value


def pinned_image(name: str) -> str:
    """An image with a tag that does not move, or a digest: what runs is what was tested."""
    match = IMAGE.fullmatch(name)
    if match is None:
        raise ValueError('not a name of an image: write it like "ghcr.io/owner/name:1.2.3"')
    length = match.end("path")
    if length > LONGEST_IMAGE:
        raise ValueError(
            f"{length} characters are too long for a registry: use at most {LONGEST_IMAGE}, the tag not counted"
        )
    if match["digest"] is None and match["tag"] is None:
        raise ValueError(f'no tag: pin one, as in "{name}:1.2.3", or a digest')
    if match["digest"] is None and match["tag"].lower() in MOVING_TAGS:
        raise ValueError(f'"{match["tag"]}" moves: pin a tag that says what runs, or a digest')
    return name


def postgresql_image(name: str) -> str:
    """An image of PostgreSQL: the operator has to see its major version, and refuses a digest alone."""
    pinned_image(name)
    match = IMAGE.fullmatch(name)
    tag = match["tag"] if match else None
    if tag is None:
        raise ValueError(
            'no tag: CloudNativePG reads the version from it; write both, as in "…/postgresql:18.4@sha256:…"'
        )
    if not POSTGRESQL_TAG.fullmatch(tag):
        raise ValueError(f'"{tag}" does not begin with a version of PostgreSQL: use a tag such as "18.4-system-trixie"')
    return name


def postgresql_major(image: str) -> int:
    """PostgreSQL's major version, of an image that `postgresql_image` takes."""
    match = IMAGE.fullmatch(image)
    version = POSTGRESQL_TAG.fullmatch(match["tag"] or "") if match else None
    if version is None:
        raise ValueError(f"{image} says no version of PostgreSQL")
    return int(version["major"])


def identifier(name: str) -> str:
    """A PostgreSQL name that needs no quotes."""
    if len(name) > 63 or not IDENTIFIER.fullmatch(name):
        raise ValueError("not a plain PostgreSQL name: use at most 63 lower-case letters, digits and underscores")
    return name


def path(value: str) -> str:
    """A path of a URL."""
    if not value.startswith("/") or re.search(r"[\s?#{}\"';]", value):
        guess = "/" + re.sub(r"[\s?#{}\"';]", "", value).lstrip("/")
        raise ValueError(f'not a path: it starts with "/" and has no query, as in "{guess}"')
    return value


def rate(value: str) -> str:
    """Requests a second or a minute."""
    if not RATE.fullmatch(value):
        raise ValueError('not a rate: write requests a second or a minute, as in "100r/s" or "600r/m"')
    return value


def reason(check: Callable[[str], str], text: str) -> str | None:
    """Why a check refuses a text; None where it does not."""
    try:
        check(text)
    except ValueError as error:
        return str(error)
    return None


Label = Annotated[str, checked(label(63))]
RegionName = Annotated[str, checked(label(20))]
NamespaceName = Annotated[str, checked(label(30))]
ZoneName = Annotated[str, checked(label(30))]
DnsName = Annotated[str, checked(dns_name)]
ObjectName = Annotated[str, checked(object_name)]
Image = Annotated[str, checked(pinned_image)]
PostgreSQLImage = Annotated[str, checked(postgresql_image)]
Identifier = Annotated[str, checked(identifier)]
UrlPath = Annotated[str, checked(path)]
Rate = Annotated[str, checked(rate)]
ZoneValue = Annotated[str, checked(label_value)]
