"""Qdrant's API keys: what nodes take, what clients show, and how both change without a call that is refused.

A node takes two full keys, the present one and the one before (`service.alt_api_key`), and for reading any token that
was signed with either of them (`service.jwt_rbac`): Qdrant has no second place for a `read_only_api_key`, so readers
show a token where another cluster has that key (qdrant/qdrant:src/common/auth/mod.rs@004845e, AuthKeys).
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi import Output, ResourceOptions
from pulumi_kubernetes import core
from pulumi_random import RandomPassword

from components import objects
from components.placement import Placement

SECRET = "qdrant-api-keys"  # noqa: S105  (the name of an object)
"""What clients show."""
NODE_SECRET = "qdrant-node-keys"  # noqa: S105 (a name)
"""What nodes take: the same, and those before."""
VERSION_ANNOTATION = "soma.io/qdrant-keys"
"""Of pods that read the keys only when they start: another version makes new pods."""


@dataclass(frozen=True)
class Keys:
    """What nodes take, beside tokens."""

    present: Output[str]
    previous: Output[str] | None
    """The one before, once there has been one."""
    reading: Output[str] | None
    """Reads alone: what regions of release 0.1.0 showed in place of the token. It goes with the first change."""

    @classmethod
    def made(cls, name: str, version: int, parent: pulumi.Resource) -> "Keys":
        """Generates those of a version, which counts from 1."""

        def key(kind: str) -> Output[str]:
            # Letters and digits: the key stands in a YAML and in an HAProxy file without quoting.
            return RandomPassword(
                f"{name}-{kind}", length=40, special=False, opts=ResourceOptions(parent=parent)
            ).result

        if version == 1:
            return cls(key("api-key"), None, key("read-only-api-key"))
        before = f"api-key-{version - 1}" if version > 2 else "api-key"
        return cls(key(f"api-key-{version}"), key(before), None)


def node_secret(
    name: str, placement: Placement, labels: dict[str, str], keys: Keys, own: ResourceOptions
) -> core.v1.Secret:
    """`local.yaml`, which Qdrant reads beside its own configuration when it starts."""
    return core.v1.Secret(
        f"{name}-node-keys",
        metadata=objects.untyped(objects.metadata(NODE_SECRET, placement, labels)),
        string_data={
            "local.yaml": Output.all(keys.present, keys.previous, keys.reading).apply(lambda all_: configuration(*all_))
        },
        opts=own,
    )


def client_secret(
    name: str,
    placement: Placement,
    labels: dict[str, str],
    keys: Keys,
    own: ResourceOptions,
    taken: Sequence[pulumi.Resource],
) -> core.v1.Secret:
    """`api-key`, `read-only-api-key` and `gateway.cfg`, for HAProxy.

    It changes after `taken`, every node's new start: clients never show what a node does not take.
    """
    key = keys.present
    return core.v1.Secret(
        f"{name}-api-keys",
        metadata=objects.untyped(objects.metadata(SECRET, placement, labels)),
        string_data={
            "api-key": key,
            "read-only-api-key": key.apply(read_only_token),
            # A file of HAProxy's own with a variable of its own: an environment could be read in the process list.
            "gateway.cfg": Output.concat("global\n    set-var proc.qdrant_api_key str(", key, ")\n"),
        },
        opts=ResourceOptions.merge(own, ResourceOptions(depends_on=list(taken))),
    )


def configuration(present: str, previous: str | None, reading: str | None) -> str:
    """`config/local.yaml`."""
    keys = {"api_key": present, "alt_api_key": previous, "read_only_api_key": reading}
    lines = [f"  {name}: {key}" for name, key in keys.items() if key is not None]
    return "\n".join(["service:", *lines, "  jwt_rbac: true", ""])


def read_only_token(key: str) -> str:
    """What reads everything and changes nothing: a JSON Web Token (RFC 7519) that `key` signs with HS256.

    It has no end of its own and goes with the key (src/common/auth/jwt_parser.rs: all claims are optional; the claim
    `access` is "r" for reading all collections: lib/storage/src/rbac/mod.rs, GlobalAccessMode).
    """
    parts = [_coded(json.dumps(part, separators=(",", ":")).encode()) for part in _TOKEN]
    signed = ".".join(parts)
    return f"{signed}.{_coded(hmac.digest(key.encode(), signed.encode(), hashlib.sha256))}"


_TOKEN = ({"alg": "HS256", "typ": "JWT"}, {"access": "r"})
"""Header and claims."""


def _coded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()
