"""The comment: what it tells of each region, what it must not let happen, and that it is one, written in place."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from delivery import __main__ as command
from delivery import comment, documents, github, markdown
from delivery.documents import Told
from delivery.errors import DeliveryError
from delivery.github import BOT, Repository
from delivery.order import Stages
from tests.unit import delivery_fakes
from tests.unit.delivery_fakes import Fakes

STAGES: Stages = (("us-west",), ("us-east",))
COMMIT = "0123456789abcdef0123456789abcdef01234567"
HOME = Told(
    "us-east",
    "home",
    COMMIT,
    steps=(
        ("create", "kubernetes:core/v1:Service", "us-east-new", ()),
        ("update", "kubernetes:apps/v1:StatefulSet", "us-east-qdrant", ("spec.template", "metadata")),
    ),
    violations=(("advisory", "security", "kept-logs", "us-east-logs", "kept for 1 day"),),
    packs=("security",),
)
STANDBY = Told("us-west", "standby", COMMIT, packs=("security",))


def rendered(*told: Told) -> str:
    return comment.preview(told, STAGES, COMMIT)


def summary(text: str, region: str) -> list[str]:
    (line,) = [line for line in text.splitlines() if line.startswith(f"| <code>{region}</code>")]
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_every_region_has_its_row_and_the_order_is_told() -> None:
    text = rendered(HOME, STANDBY)
    assert text.startswith(comment.MARK)
    assert "After the merge, one after the other: **us-west**, then **us-east**." in text
    assert summary(text, "us-east") == [
        "<code>us-east</code>", "home", "1", "1", "", "", "✅, 1 advised", "✅", "✅",
    ]  # fmt: skip
    assert summary(text, "us-west")[2:6] == ["", "", "", ""]


def test_one_region_that_failed_is_told_and_the_other_is_shown() -> None:
    failed = replace(STANDBY, errors=("us-west: no valid credential sources",))
    text = rendered(HOME, failed)
    assert summary(text, "us-west")[-1] == "❌ **failed**"
    assert "no valid credential sources" in text
    assert summary(text, "us-east")[-1] == "✅"
    assert "us-east-new" in markdown_text(text)


def test_what_would_be_refused_is_counted_and_told_in_full() -> None:
    violation = ("mandatory", "security", "tokens", "us-west-edge", "gets a token")
    lost = "would delete urn:x: nobody approved it"
    text = rendered(replace(STANDBY, violations=(violation,), refused=(lost,)))
    assert summary(text, "us-west")[6:8] == ["❌ **1 refused**", "❌ **1 lost**"]
    assert lost in markdown_text(text)
    assert "gets a token" in text


@pytest.mark.parametrize("count", [0, 1, 12])
def test_it_fits_however_much_there_is_to_say(count: int) -> None:
    """And each region has its row, with the worst of its changes before the rest."""
    steps = tuple(("create", f"type:{n}" * 20, f"name|{n}" * 20, ("*" * 90,) * 9) for n in range(3000))
    steps += (("delete", "kubernetes:apps/v1:StatefulSet", "the-worst", ()),)
    violations = tuple(("mandatory", "p", "q", "r" * 300, "&<>" * 900) for _ in range(5))
    every = [
        Told(f"region-{n}", "standby", COMMIT, steps, violations, warnings=("w" * 9000,), errors=("e" * 9000,))
        for n in range(count)
    ]
    text = rendered(*every)
    assert len(text) <= 65_536
    for one in every:
        assert summary(text, one.region)
    assert text.count("more, which the log of the job has") == count
    if count == 1:
        assert len(text) > 60_000
        assert text.index("the-worst") < text.index("name&#124;0")


def test_of_two_regions_both_get_their_share() -> None:
    steps = tuple(("update", "t" * 100, "n" * 100, ()) for _ in range(3000))
    text = rendered(replace(HOME, steps=steps), replace(STANDBY, steps=steps))
    shown = [part.count("| update |") for part in text.split("<details")[1:]]
    assert len(shown) == 2
    assert min(shown) > 100
    assert max(shown) < 1.1 * min(shown)


def markdown_text(text: str) -> str:
    """As a reader sees character references."""
    import html

    return html.unescape(text)


HOSTILE = [
    "</code></details><img src=x onerror=alert(1)>",
    "a | b | c",
    "`rm -rf`",
    "[click](https://example.com)",
    "![x](https://example.com/x.png)",
    "https://example.com www.example.com",
    "@somebody and org/team #1 GH-1 0123456789abcdef",
    "*b* _i_ ~s~ # h\n## second\n- list\n\n<!-- ",
    "line\r\nline\x00\x1b[31m\u202e",
    "</pre><script>",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_what_a_branch_says_does_nothing_but_say_it(text: str) -> None:
    """In a line no character is left that means something, outside `code` neither; in a block no tag is."""
    for shown in (markdown.code(text), markdown.words(text)):
        bare = shown.removeprefix("<code>").removesuffix("</code>")
        assert re.fullmatch(r"(?:[A-Za-z0-9 ,/-]|&#\d+;|[^\x00-\x7f])*", bare)
        assert not any(character in bare for character in "\n\r\u202e\x1b")
    inside = markdown.block(text).removeprefix("<pre>").removesuffix("</pre>")
    assert not re.search(r"[<>]", inside)
    told = Told(
        "us-west", "standby", COMMIT, (("update", text, text, (text,)),), (("advisory", text, text, text, text),)
    )
    whole = rendered(replace(told, errors=(text,), warnings=(text,), refused=(text,)))
    opened, closed = re.findall(r"<(\w+)", whole), re.findall(r"</(\w+)>", whole)
    assert sorted(opened) == sorted(closed)
    assert set(opened) == {"code", "details", "summary", "pre"}
    rows = [line for line in whole.splitlines() if line.startswith("| update |")]
    assert [line.count("|") for line in rows] == [5]


def test_a_document_keeps_what_was_told_and_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI")
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "open sesame")
    documents.write(replace(HOME, errors=("s3://wJalrXUtnFEMI@bucket", "with open sesame")), tmp_path)
    (told,) = documents.read(tmp_path, {"us-east": "home"}, COMMIT)
    assert told == replace(HOME, errors=("s3://[secret]@bucket", "with [secret]"))


def test_a_region_without_a_document_or_with_that_of_another_commit_has_failed(tmp_path: Path) -> None:
    documents.write(replace(HOME, commit="f" * 40), tmp_path)
    home, standby = documents.read(tmp_path, {"us-east": "home", "us-west": "standby"}, COMMIT)
    assert home.errors == ("the preview is of another commit, ffffffffffff",)
    assert standby.errors == ("no preview arrived: the log of its job says why",)
    (tmp_path / "us-west.json").write_text("[]")
    with pytest.raises(DeliveryError, match="preview again"):
        documents.read(tmp_path, {"us-west": "standby"}, COMMIT)


class Github:
    """What GitHub holds of one repository, two on a page."""

    def __init__(self, *comments: dict[str, Any]) -> None:
        self.held = [{"id": number, "number": number, **one} for number, one in enumerate(comments)]
        self.written: list[tuple[str, str]] = []

    def answer(self, request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            page = int(request.url.params.get("page", "1"))
            following = f'<{request.url.copy_set_param("page", str(page + 1))}>; rel="next"'
            more = {"Link": following} if len(self.held) > 2 * page else {}
            return httpx.Response(200, json=self.held[2 * page - 2 : 2 * page], headers=more)
        document = json.loads(request.content)
        self.written.append((f"{request.method} {request.url.path}", document.get("body", document.get("state"))))
        if request.method == "POST":
            self.held.append({"id": len(self.held), "number": len(self.held), "user": {"login": BOT}, **document})
            return httpx.Response(201, json=self.held[-1])
        number = int(request.url.path.rpartition("/")[2])
        self.held[number].update(document)
        return httpx.Response(200, json=self.held[number])

    def repository(self) -> Repository:
        client = httpx.Client(base_url="https://api.example.com", transport=httpx.MockTransport(self.answer))
        return Repository("org/repo", client)


def by(login: str, body: str) -> dict[str, Any]:
    return {"user": {"login": login}, "body": body}


def test_there_is_one_comment_however_often_it_is_told() -> None:
    held = Github(*(by("somebody", "words") for _ in range(5)))
    repository = held.repository()
    first, second = f"{comment.MARK}\nfirst", f"{comment.MARK}\nsecond"
    assert repository.comment(7, comment.MARK, first) == "commented"
    assert repository.comment(7, comment.MARK, first) == "the comment says it already"
    assert repository.comment(7, comment.MARK, second) == "the comment was written again"
    assert held.written == [
        ("POST /repos/org/repo/issues/7/comments", first),
        ("PATCH /repos/org/repo/issues/comments/5", second),
    ]


def test_another_ones_comment_with_the_mark_is_left_alone() -> None:
    held = Github(by("somebody", f"{comment.MARK}\nours?"), by(BOT, f"quoted: {comment.MARK}"))
    assert held.repository().comment(7, comment.MARK, f"{comment.MARK}\ntext") == "commented"


def test_drift_is_one_issue_which_is_closed_when_nothing_differs() -> None:
    held = Github({**by(BOT, comment.DRIFT_MARK), "pull_request": {}})
    repository = held.repository()
    assert repository.issue(comment.DRIFT_MARK, "t", None) == "no issue is open"
    assert repository.issue(comment.DRIFT_MARK, "t", f"{comment.DRIFT_MARK}\na") == "issue 1 was opened"
    assert repository.issue(comment.DRIFT_MARK, "t", f"{comment.DRIFT_MARK}\nb") == "issue 1 says it"
    assert repository.issue(comment.DRIFT_MARK, "t", None) == "issue 1 was closed"
    assert [what for what, _ in held.written] == [
        "POST /repos/org/repo/issues",
        "PATCH /repos/org/repo/issues/1",
        "PATCH /repos/org/repo/issues/1",
    ]
    assert held.written[-1][1] == "closed"


@pytest.mark.parametrize(("status", "words"), [(403, "has the token the right"), (500, "GitHub answers 500")])
def test_what_github_refuses_is_said_without_the_token(status: int, words: str) -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(status, text="secret"))
    client = httpx.Client(
        base_url="https://api.example.com", transport=transport, headers={"Authorization": "Bearer t0k"}
    )
    with pytest.raises(DeliveryError, match=words) as told:
        Repository("org/repo", client).comment(1, comment.MARK, "text")
    assert "t0k" not in str(told.value)


def test_github_that_does_not_answer_is_a_sentence() -> None:
    def nobody(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no route", request=request)

    client = httpx.Client(base_url="https://api.example.com", transport=httpx.MockTransport(nobody))
    with pytest.raises(DeliveryError, match="GitHub does not answer: ConnectError: run this again"):
        Repository("org/repo", client).comment(1, comment.MARK, "text")


class Repo:
    """A repository with one file, as far as a pull request for it asks."""

    def __init__(self, text: str, branch: bool) -> None:
        self.sha = github._blob(text)
        self.refs = [{"ref": "refs/heads/update/lock"}] if branch else []
        self.pulls: list[dict[str, Any]] = [{"number": 4}] if branch else []
        self.asked: list[str] = []

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(f"{request.method} {request.url.path.removeprefix('/repos/org/repo')}")
        answers: dict[str, Any] = {
            "GET ": {"default_branch": "main"},
            "GET /contents/requirements.lock": {"sha": self.sha},
            "GET /git/ref/heads/main": {"object": {"sha": "tip"}},
            "GET /git/matching-refs/heads/update/lock": self.refs,
            "GET /pulls": self.pulls,
            "POST /pulls": {"number": 5},
        }
        return httpx.Response(200, json=answers.get(self.asked[-1], {}))

    def propose(self, text: str) -> str:
        client = httpx.Client(base_url="https://api.example.com", transport=httpx.MockTransport(self.answer))
        return Repository("org/repo", client).propose("requirements.lock", text, "update/lock", "title", "why")


def test_a_lock_file_that_is_new_is_one_pull_request() -> None:
    first, again = Repo("old", branch=False), Repo("old", branch=True)
    assert first.propose("new") == "pull request 5 was opened"
    assert first.asked[4:] == ["POST /git/refs", "PUT /contents/requirements.lock", "GET /pulls", "POST /pulls"]
    assert again.propose("new") == "pull request 4 was written again"
    assert again.asked[4:] == [
        "PATCH /git/refs/heads/update/lock", "PUT /contents/requirements.lock", "GET /pulls",
    ]  # fmt: skip


def test_a_lock_file_that_is_the_same_asks_nobody() -> None:
    assert github._blob("hello\n") == "ce013625030ba8dba906f756967f9e9ca394464a"  # what `git hash-object` says
    same = Repo("same", branch=False)
    assert same.propose("same") == "requirements.lock is up to date"
    assert [asked for asked in same.asked if not asked.startswith("GET")] == []


Run = Callable[..., int]


@pytest.fixture
def fakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fakes:
    for name in ("GITHUB_TOKEN", "GITHUB_REPOSITORY"):
        monkeypatch.delenv(name, raising=False)
    return delivery_fakes.make(tmp_path, ("us-east", "us-west"), "us-east", monkeypatch)


@pytest.fixture
def run(fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(command.signal, "signal", lambda *_: None)
    folder = ["--directory", str(fakes.checkout), "--folder", str(fakes.place / "previews")]
    return lambda *arguments: command.main([*folder, *arguments])


EDGE = "urn:pulumi:us-west::soma::kubernetes:core/v1:Service::edge"
UPDATED = {"op": "update", "urn": EDGE, "diffReasons": ["spec"]}


def test_previews_are_told_as_one_text_on_a_machine_without_a_token(
    fakes: Fakes, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    fakes.stack("us-west", preview={"steps": [UPDATED, {"op": "same", "urn": f"{EDGE}-2"}]})
    fakes.stack("us-east", preview={"code": 255, "stderr": "error: failed to sign in"})
    assert run("preview") == 1
    capsys.readouterr()
    assert run("comment") == 0
    text = capsys.readouterr().out
    assert summary(text, "us-west")[3] == "1"
    assert summary(text, "us-east")[-1] == "❌ **failed**"
    assert "failed to sign in" in text
    assert not any("--refresh" in asked for asked in fakes.asked())


def test_a_stack_that_was_never_made_is_a_sentence(fakes: Fakes, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    fakes.stack("us-west", preview={"code": 255, "stderr": "error: no stack named 'us-west' found"})
    assert run("preview", "us-west") == 1
    assert "us-west: there is no such stack in this backend: pulumi stack init us-west" in capsys.readouterr().out


def test_without_the_cli_every_region_says_so(
    fakes: Fakes, run: Run, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "bin" / "pulumi").unlink()
    assert run("preview") == 1
    assert capsys.readouterr().out.count("the Pulumi CLI is not on PATH") == 2


def test_previews_that_refuse_nothing_are_well(fakes: Fakes, run: Run) -> None:
    fakes.stack("us-west", preview={"steps": [UPDATED]})
    assert run("preview") == 0


def test_what_differs_from_what_is_there_is_drift(fakes: Fakes, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("drift") == 0
    capsys.readouterr()
    assert run("issue") == 0
    assert capsys.readouterr().out == "nothing differs\n"
    fakes.stack("us-west", preview={"steps": [UPDATED]})
    assert run("drift") == 1
    capsys.readouterr()
    assert run("issue") == 0
    assert capsys.readouterr().out.startswith(comment.DRIFT_MARK)
    assert all("--refresh" in asked for asked in fakes.asked() if asked[0] == "preview")


def test_a_token_tells_github_instead(fakes: Fakes, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    held = Github()
    monkeypatch.setattr(Repository, "of_environment", lambda: held.repository())
    assert run("preview") == 0
    assert run("comment", "--number", "7") == 0
    ((what, text),) = held.written
    assert what == "POST /repos/org/repo/issues/7/comments"
    assert text.startswith(comment.MARK)


def test_a_pull_request_for_the_lock_file_needs_a_token(
    run: Run, fakes: Fakes, capsys: pytest.CaptureFixture[str]
) -> None:
    (fakes.checkout / "requirements.lock").write_text("")
    assert run("propose") == 1
    assert "GITHUB_TOKEN" in capsys.readouterr().err
