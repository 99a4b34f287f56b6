"""The search for secrets itself: what it looks for, and that it finds what was planted without repeating it."""

import base64
import json
from pathlib import Path

import pytest

from rehearsal.engine import wire
from rehearsal.engine.model import Secret
from tests.dataplane.cluster.secrets import Place, in_the_clear, needles, search

PASSWORD = "Qm7xT2bV9kLp4RwZ8sYdHc3N"
KEY = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj"
CERTIFICATE = "MIIDdzCCAl+gAwIBAgIEbGzVnzANBgkqhkiG9w0BAQsFADBsMRAwDgYDVQQGEwdV"


def secret(name: str, **data: str) -> dict[str, object]:
    coded = {key.replace("_", "."): base64.b64encode(text.encode()).decode() for key, text in data.items()}
    return {"metadata": {"name": name}, "data": coded}


WANTED = needles(
    [
        secret("app", password=PASSWORD, username="a-user-with-a-long-name", pgpass=f"pooler:5432:*:soma:{PASSWORD}\n"),
        secret("tls", tls_key=f"-----BEGIN PRIVATE KEY-----\n{KEY}\n-----END PRIVATE KEY-----\n", tls_crt=CERTIFICATE),
    ]
)


@pytest.mark.parametrize(
    "text",
    [
        f"connecting to postgresql://soma:{PASSWORD}@pooler/memory",
        json.dumps({"env": [{"name": "PASSWORD", "value": PASSWORD}]}),
        base64.b64encode(PASSWORD.encode()).decode(),
        f"key: |\n  {KEY[:40]}\n  {KEY[40:]}\n",
        json.dumps({"key": f"{KEY[:40]}\n{KEY[40:]}\n"}),
        f"redis-cli\n-a\n{PASSWORD}",
    ],
)
def test_a_secret_is_found_and_not_repeated(text: str) -> None:
    found = search(WANTED, [Place("log of a/b", "nothing here"), Place("log of a/c", text)])
    assert {one.place for one in found} == {"log of a/c"}
    assert PASSWORD not in "".join(map(str, found))
    assert KEY not in "".join(map(str, found))


@pytest.mark.parametrize("text", ["a-user-with-a-long-name", CERTIFICATE, "pooler:5432:*:soma", "PRIVATE KEY"])
def test_what_is_public_is_no_secret(text: str) -> None:
    assert search(WANTED, [Place("anywhere", text)]) == []


def test_the_public_part_of_a_key_is_no_secret() -> None:
    """A certificate carries it, and base64 may show it alike."""
    assert search(WANTED, [Place("certificate", KEY[24:])]) == []


def test_a_token_that_was_given_is_looked_for_as_a_whole() -> None:
    wanted = needles([secret("token", token="given-by-hand"), secret("other", flag="on")])
    assert search(wanted, [Place("log", "Authorization: Bearer given-by-hand")])
    assert search(wanted, [Place("log", "given by hand, on and on")]) == []


def test_a_state_file_holds_secrets_under_their_mark_alone(tmp_path: Path) -> None:
    marked, clear = tmp_path / "a.json", tmp_path / "a.journal"
    marked.write_text(json.dumps(wire.marked({"stringData": Secret({"password": PASSWORD})})))
    clear.write_text(json.dumps({"data": {"file": [PASSWORD]}}) + "\n")
    assert search(WANTED, [Place("state", in_the_clear(marked))]) == []
    assert search(WANTED, [Place("state", in_the_clear(clear))])
