"""The real stacks, each run once a session."""

import gc
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

import hypothesis
import pytest
from pulumi.runtime import resource
from pulumi.runtime.proto import source_pb2

from tests.unit.recorded import Recorded
from tests.unit.recorder import record_stack

if TYPE_CHECKING:
    from tests.unit.aws_account import Account
    from tests.unit.moto_account import Moto

# The first text of a fresh checkout takes a second: a table of all characters is made for it.
# Derandomized: every run tries the same examples.
hypothesis.settings.register_profile(
    "patient", deadline=None, derandomize=True, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("patient")

# The SDKs' objects live as long as the process: looking through them again and again would take much of the time.
gc.set_threshold(100_000, 50, 50)

# For each resource the SDK tells the engine all that was called down to it, pytest's own calls too; no test reads it.
cast(Any, resource)._get_stack_trace = source_pb2.StackTrace


@pytest.fixture(scope="session")
def us_east() -> Recorded:
    """The home region, as `pulumi up -s us-east` would register it."""
    return record_stack("us-east")


@pytest.fixture(scope="session")
def us_west(us_east: Recorded) -> Recorded:
    """The standby, reading what home gave out."""
    return record_stack("us-west", stacks={"us-east": us_east.outputs})


@pytest.fixture
def moto() -> Iterator["Moto"]:
    """The account of moto, empty but for a network."""
    from moto import mock_aws  # here: most tests need neither it nor the SDK of AWS

    from tests.unit.moto_account import Moto

    with mock_aws():
        yield Moto()


@pytest.fixture
def ours() -> "Account":
    """The simulated account, with one of everything."""
    from tests.unit.aws_whole import whole

    return whole()
