"""The application's password as PostgreSQL keeps it."""

import base64
import hashlib
import hmac

_ITERATIONS = 4096
"""PostgreSQL's own number (runtime-config-connection, scram_iterations)."""


def verifier(user: str, password: str) -> str:
    """What PostgreSQL keeps of a password (catalog-pg-authid; RFC 5803): always the same.

    Its salt is no secret. That it follows from the user gives nobody anything: a salt guards passwords that people
    choose against tables made ahead, and this one is made at random.
    """
    salt = hashlib.sha256(user.encode()).digest()[:16]
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _ITERATIONS)
    stored = hashlib.sha256(_keyed(salted, b"Client Key")).digest()
    return f"SCRAM-SHA-256${_ITERATIONS}:{_text(salt)}${_text(stored)}:{_text(_keyed(salted, b'Server Key'))}"


def _keyed(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, "sha256")


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()
