"""Evaluates a program in a process of its own: the request on standard input, the plan on a pipe made for it.

Neither a program that prints nor one that leaves threads, imports or a changed directory behind disturbs the caller,
and no secret touches a file or an argument list.
"""

import gc
import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

from rehearsal import paths
from rehearsal.aws.endpoint import Endpoint
from rehearsal.engine import codec, program, wire
from rehearsal.engine.model import Plan
from rehearsal.engine.program import Evaluation
from rehearsal.engine.providers.answer import Elsewhere, Recorded
from rehearsal.errors import RehearsalError

LIMIT_SECONDS = 600.0
"""A program that describes its resources for longer hangs."""
_TOLD: set[str] = set()
"""Lines that programs printed to this process."""


def evaluate(directory: Path, request: "dict[str, Any]") -> Plan:
    """The plan of the program in a directory. `request` comes from `ask`. Raises RehearsalError in plain words."""
    reader, writer = os.pipe()
    try:
        with subprocess.Popen(
            [sys.executable, "-m", "rehearsal.engine.evaluate", str(directory.resolve()), str(writer)],
            cwd=paths.CHECKOUT,
            env=_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=(writer,),
        ) as process:
            os.close(writer)
            writer = -1
            return _converse(process, request, reader)
    finally:
        for descriptor in (reader, writer):
            if descriptor >= 0:
                os.close(descriptor)


def ask(
    project: str,
    stack: str,
    config: "dict[str, str]",
    preview: bool,
    recorded: "dict[str, Recorded]",
    stacks: "dict[str, dict[str, Any] | None]",
    elsewhere: Sequence[Elsewhere] = (),
    cluster: Endpoint | None = None,
) -> dict[str, Any]:
    """What the program is told, as JSON (see program.Evaluation)."""
    return {
        "project": project,
        "stack": stack,
        "config": config,
        "preview": preview,
        "recorded": {
            urn: {"inputs": wire.marked(known.inputs), "outputs": wire.marked(known.outputs)}
            for urn, known in recorded.items()
        },
        "stacks": {name: wire.marked(outputs) for name, outputs in stacks.items()},
        "elsewhere": [wire.marked(asdict(one)) for one in elsewhere],
        "cluster": cluster and asdict(cluster),
    }


def _converse(process: "subprocess.Popen[bytes]", request: dict[str, Any], reader: int) -> Plan:
    answered: list[bytes] = []

    def read() -> None:
        with open(reader, "rb", closefd=False) as pipe:
            answered.append(pipe.read())

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    try:
        printed, _ = process.communicate(json.dumps(request).encode(), timeout=LIMIT_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        raise RehearsalError(
            f"the program of {request['stack']} still ran after {LIMIT_SECONDS:.0f} s: ended"
        ) from None
    except BaseException:
        process.kill()
        raise
    thread.join()
    if not answered[0]:
        last = printed.decode(errors="replace").strip().splitlines()[-1:]
        raise RehearsalError(f"the program of {request['stack']} ended without a plan{': ' + last[0] if last else ''}")
    answer = cast(dict[str, Any], json.loads(answered[0]))
    if "error" in answer:
        raise RehearsalError(str(answer["error"]))
    _tell(printed.decode(errors="replace"))
    return codec.decode_plan(answer)


def _tell(printed: str) -> None:
    """What a program printed, but for lines of an earlier evaluation: a run evaluates a region many times."""
    lines = printed.splitlines(keepends=True)
    sys.stderr.write("".join(line for line in lines if line not in _TOLD))
    _TOLD.update(lines)


def _environment() -> dict[str, str]:
    """Ours without Pulumi's own variables and KUBECONFIG, which the SDKs would take for stated inputs."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PULUMI_", "KUBECONFIG"))}
    if kept.pop("PYTHONDONTWRITEBYTECODE", ""):
        # Whoever wants none in the tree need not compile the program again for every evaluation.
        kept["PYTHONPYCACHEPREFIX"] = str(paths.cache() / "bytecode")
    path = os.pathsep.join(part for part in (str(paths.CHECKOUT), os.environ.get("PYTHONPATH")) if part)
    return {**kept, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}


def evaluation(request: dict[str, Any]) -> Evaluation:
    """Undoes `ask`."""
    recorded = cast(dict[str, dict[str, Any]], request["recorded"])
    return Evaluation(
        project=request["project"],
        stack=request["stack"],
        config=request["config"],
        preview=request["preview"],
        recorded={
            urn: Recorded(wire.unmarked(known["inputs"]), wire.unmarked(known["outputs"]))
            for urn, known in recorded.items()
        },
        stacks={name: wire.unmarked(outputs) for name, outputs in request["stacks"].items()},
        elsewhere=tuple(Elsewhere(**wire.unmarked(one)) for one in request["elsewhere"]),
        cluster=Endpoint(**request["cluster"]) if request["cluster"] else None,
    )


def _child(directory: Path, descriptor: int) -> None:
    request = cast(dict[str, Any], json.load(sys.stdin))
    answer: dict[str, Any]
    try:
        answer = codec.encode_plan(program.run(program.directory(directory), evaluation(request)))
    except RehearsalError as error:
        answer = {"error": str(error)}
    with open(descriptor, "w") as pipe:
        pipe.write(json.dumps(answer))


if __name__ == "__main__":
    # Ends with its answer: looking for garbage among the SDKs' many objects would be a tenth of its time.
    gc.disable()
    _child(Path(sys.argv[1]), int(sys.argv[2]))
    # So would be taking the SDKs apart. What the program printed goes out first; a thread that it left is not awaited.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
