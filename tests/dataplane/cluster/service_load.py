"""Users of the service and a reader of Qdrant, who go on while keys and tokens change."""

import contextlib
import json
import urllib.error
import urllib.request
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.dataplane.cluster.stand import Stand, eventually

END_SECONDS = 120
_FOLDER = "/tmp/users"

_LOAD = """
import json, pathlib, sys, threading, time, urllib.error, urllib.request

ROUNDS = 10
service, tokens = sys.argv[1], json.loads(sys.stdin.readline())
told = {"stored": 0, "read": 0, "longest": 0.0, "errors": [], "taken": [0, 0]}
stop, guard = threading.Event(), threading.Lock()

def ask(url, headers, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"content-type": "application/json", **headers})
    return json.load(urllib.request.urlopen(request, timeout=60))

def as_user(path, body=None):
    for number in [0, 1] * ROUNDS:
        try:
            answer = ask(f"http://{service}{path}", {"authorization": f"Bearer {tokens[number]}"}, body)
        except urllib.error.HTTPError as error:
            if error.code != 403:
                raise
        else:
            told["taken"][number] += 1
            return answer
    raise PermissionError(f"neither token was taken in {ROUNDS} rounds")

def use(count):
    at = f"{count},7,7"
    stored = as_user("/memories", {"coord": at, "payload": {"number": count}, "memory_type": "episodic"})
    told["stored"] += 1
    read = as_user(f"/memories/{at}")
    as_user("/memories/search", {"query": "anything", "top_k": 1})
    if not stored["ok"] or "number" not in json.dumps(read):
        raise ValueError(f"memory {count}: {stored} {read}")

def look(count):
    key = open("/run/secrets/qdrant/read-only-api-key").read()
    ask("http://qdrant:6333/collections/default", {"api-key": key})
    told["read"] += 1

def work(act):
    count = 0
    while not stop.wait(0.1):
        began = time.monotonic()
        try:
            act(count)
        except Exception as error:
            with guard:
                told["errors"].append(f"{time.strftime('%X')} {act.__name__}: {type(error).__name__}: {error}")
        with guard:
            told["longest"] = max(told["longest"], time.monotonic() - began)
        count += 1

stopped = pathlib.Path("stop")
workers = [threading.Thread(target=work, args=(act,)) for act in (use, look)]
for worker in workers:
    worker.start()
while not stopped.exists():
    time.sleep(0.2)
stop.set()
for worker in workers:
    worker.join(60)
pathlib.Path("told.new").write_text(json.dumps(told))
pathlib.Path("told.new").rename("told")
"""
"""A user holds the present token and the next one, and shows the other where the first is refused, some times in turn:
each try may reach another pod, of which some take this token and some that one. A reader shows what its Secret holds
now. Tokens come by standard input: a command line can be read in the process list."""


@dataclass
class Told:
    """What they were told; filled when the load has ended."""

    stored: int = 0
    read: int = 0
    longest: float = 0.0
    errors: list[str] = field(default_factory=list[str])
    taken: list[int] = field(default_factory=list[int])
    """Calls that the service took with the present token, and with the next."""


def ask(port: int, path: str) -> None:
    """A request to a pod of the service that is forwarded here, whatever it answers: it is counted all the same."""
    with contextlib.suppress(urllib.error.HTTPError):
        urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10).read()


@contextmanager
def users(stand: Stand, service: str, tokens: Sequence[str]) -> Generator[Told]:
    """They call the Service from the toolbox, each call on a connection of its own."""
    told = Told()
    # Beside the command that starts it: a stream of several minutes through the API server may break.
    begin = 'rm -rf "$0" && mkdir "$0" && cd "$0" && cat >given && { python3 -c "$1" "$2" <given >said 2>&1 & }'
    stand.tool("sh", "-c", begin, _FOLDER, _LOAD, service, text=json.dumps(list(tokens)) + "\n")
    try:
        yield told
    finally:
        stand.tool("touch", f"{_FOLDER}/stop")
    answer = 'cat "$0/told" 2>/dev/null || { cat "$0/said"; exit 1; }'
    said = eventually("the load has ended", lambda: stand.tool("sh", "-c", answer, _FOLDER), END_SECONDS)
    told.__dict__.update(json.loads(said))
    stand.tool("rm", "-rf", _FOLDER)
