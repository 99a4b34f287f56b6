"""What goes through on its way to and from an object store is counted and compared."""

import hashlib

import pytest

from components.files.object_store import multipart
from components.files.qdrant_shards import ChangedError, Seen


def seen(content: bytes) -> Seen:
    found = Seen()
    assert b"".join(found.through([content[:3], content[3:]])) == content
    return found


def test_what_came_whole_is_accepted() -> None:
    seen(b"snapshot").compare(8, hashlib.sha256(b"snapshot").hexdigest().upper(), "x")


@pytest.mark.parametrize(
    ("size", "content"), [(9, b"snapshot"), (8, b"snapshoT")], ids=["another size", "other content"]
)
def test_what_did_not_is_refused(size: int, content: bytes) -> None:
    with pytest.raises(ChangedError, match="came, "):
        seen(content).compare(size, hashlib.sha256(b"snapshot").hexdigest(), "x")


def test_a_form_is_as_long_as_it_says() -> None:
    length, body = multipart("0.snapshot", [b"ab", b"c"], 3)
    text = b"".join(body)
    assert len(text) == length
    assert b'name="file"; filename="0.snapshot"' in text
    assert text.endswith(b"--\r\n")
