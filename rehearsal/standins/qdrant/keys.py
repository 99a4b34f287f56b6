"""What a key may do: the rules of src/common/auth (AuthKeys, jwt_parser.rs) and lib/storage/src/rbac.

Left out: tokens for single collections, those that end (`exp`) or depend on a point (`value_exists`), and the words of
each refusal of a token.
"""

import base64
import hashlib
import hmac
import json
from typing import Any, Literal, cast

from .options import Options

Access = Literal["full", "read"]


def access(options: Options, key: str) -> Access | None:
    """What `key` opens; None where it opens nothing. Compared in constant time, as there."""
    full = [one for one in (options.api_key, options.alt_api_key) if one]
    if any(hmac.compare_digest(one.encode(), key.encode()) for one in full):
        return "full"
    reading = options.read_only_api_key
    if reading and hmac.compare_digest(reading.encode(), key.encode()):
        return "read"
    for secret in full if options.jwt_rbac else []:
        granted = _granted(key, secret)
        if granted is not None:
            return granted
    return None


def guarded(options: Options) -> bool:
    """Whether there is any key at all: without one everybody may do everything."""
    return any((options.api_key, options.alt_api_key, options.read_only_api_key))


def _granted(token: str, secret: str) -> Access | None:
    """Of a token that `secret` signed with HS256; a claim `access` that is missing grants everything."""
    signed, _, signature = token.rpartition(".")
    try:
        header, claims = (_decoded(part) for part in signed.split("."))
        right = hmac.digest(secret.encode(), signed.encode(), hashlib.sha256)
        if header.get("alg") != "HS256" or not hmac.compare_digest(right, _bytes(signature)):
            return None
    except ValueError:
        return None
    granted: dict[str, Access] = {"r": "read", "m": "full"}
    return granted.get(str(claims.get("access", "m")))


def _decoded(part: str) -> dict[str, Any]:
    value = json.loads(_bytes(part))
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return cast(dict[str, Any], value)


def _bytes(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
