"""Runs a Pulumi program on the SDK's mock runtime and records what it describes. One run a process, or a thread."""

import asyncio
import logging
import os
import runpy
import sys
import threading
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pulumi
from google.protobuf import empty_pb2
from pulumi.runtime import mocks, run_in_stack, set_all_config, settings

from rehearsal.aws.endpoint import Endpoint
from rehearsal.engine.model import Plan, Value
from rehearsal.engine.monitor import Monitor
from rehearsal.engine.providers import Account, Providers, Recorded
from rehearsal.engine.providers.answer import Elsewhere
from rehearsal.errors import RehearsalError

ORGANIZATION = "organization"
"""What the CLI's file backend calls it (`organization/project/stack`)."""
Program = Callable[[], object]


@dataclass(frozen=True)
class Evaluation:
    """What one run of the program is told."""

    project: str
    stack: str
    config: Mapping[str, str] = field(default_factory=dict)
    """Full key to text."""
    preview: bool = True
    recorded: Mapping[str, Recorded] = field(default_factory=dict)
    """By URN: generated resources of the last update."""
    stacks: Mapping[str, Mapping[str, Value] | None] = field(default_factory=dict)
    """Stack to its outputs, None or absent where it has none yet."""
    elsewhere: Sequence[Elsewhere] = ()
    """What is on AWS already and not of this stack."""
    cluster: Endpoint | None = None
    """The API server that EKS clusters of this stack hand out; None: an address that nobody listens at."""


def run(program: Program, evaluation: Evaluation) -> Plan:
    """The plan that the program describes.

    Raises RehearsalError with the program's own words (pulumi.RunError), or with the error and the last line of the
    program that led to it. Runs in a thread of its own, so that the SDK's context of one run ends with it.
    """
    outcome: list[Plan | Exception] = []

    def work() -> None:
        try:
            outcome.append(_run(program, evaluation))
        except Exception as error:  # noqa: BLE001  (any error of the program, told to the caller below)
            outcome.append(error)

    thread = threading.Thread(target=work, name=f"program {evaluation.stack}")
    thread.start()
    thread.join()
    if isinstance(outcome[0], Exception):
        raise _told(outcome[0]) from None
    return outcome[0]


def directory(path: Path) -> Program:
    """The program of a directory: its `__main__.py`, run there, as the CLI does."""

    def start() -> None:
        os.chdir(path)
        sys.path.insert(0, str(path))
        runpy.run_path(str(path / "__main__.py"), run_name="__main__")

    return start


def drained(program: Program) -> Callable[[], Awaitable[None]]:
    """A program that ends with all that it has begun.

    The SDK awaits that as well, but looks through everything that is left each time that one of it is done: a quarter
    of an evaluation's time. What it finds done it takes as ever, failures too.
    """

    async def run() -> None:
        program()
        while begun := [task for task in _outputs() if not task.done()]:
            await asyncio.wait(begun)

    return run


def _outputs() -> set[asyncio.Task[Any]]:
    """What the SDK awaits at the end of a program."""
    return cast(Any, settings.SETTINGS).outputs


def _account(evaluation: Evaluation) -> Account:
    from rehearsal.engine.providers import aws  # here: a program without AWS need not wait until it is imported

    return aws.Account(evaluation.cluster, evaluation.elsewhere, evaluation.config.get("aws:region", ""))


def _run(program: Program, evaluation: Evaluation) -> Plan:
    providers = Providers(evaluation.recorded, open_account=lambda: _account(evaluation))
    monitor = Monitor(evaluation.project, evaluation.stack, providers, evaluation.stacks, evaluation.preview)
    settings.configure(
        mocks.MockSettings(
            monitor=monitor,
            monitor_features=set(monitor.GetDeploymentInfo(empty_pb2.Empty()).supportedFeatures),
            engine=mocks.MockEngine(logging.getLogger("pulumi.program")),
            project=evaluation.project,
            stack=evaluation.stack,
            dry_run=evaluation.preview,
            organization=ORGANIZATION,
            callbacks=None,
        )
    )
    settings.set_root_resource(cast(Any, None))
    _outputs().clear()  # tasks that a failed run left, of a loop that is closed
    set_all_config(dict(evaluation.config), [])
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # a run that fails leaves tasks behind; that is no news
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    # one thread: resources arrive in the order in which the program makes them
    executor = ThreadPoolExecutor(1)
    loop.set_default_executor(executor)
    try:
        loop.run_until_complete(run_in_stack(drained(program)))
    finally:
        executor.shutdown()
        loop.close()
    providers.finish()
    return Plan(evaluation.stack, tuple(monitor.recorded.values()), monitor.outputs)


def _told(error: Exception) -> RehearsalError:
    """The error for people: its words, and where in the program, without the SDK's frames."""
    for known in _chain(error):
        if isinstance(known, RehearsalError):
            return known
        if isinstance(known, pulumi.RunError):
            return RehearsalError(str(known))
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_program(frame.filename)]
    where = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno}: {frames[-1].line})" if frames else ""
    text = str(error).strip()
    return RehearsalError(f"the program failed: {type(error).__name__}{': ' + text if text else ''}{where}")


def _chain(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in found:
        found.append(current)
        current = current.__cause__ or current.__context__
    return found


def _is_program(file: str) -> bool:
    return "site-packages" not in file and not file.startswith(("<", sys.base_prefix)) and file != __file__
