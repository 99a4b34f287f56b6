"""The random provider: passwords and strings, made once by `secrets` and kept in the state.

Any changed input makes a new value, as in the provider, where every argument forces a replacement
(pulumi.com/registry/packages/random). Left out: bcryptHash, which stays unknown.
"""

import secrets
import string
from collections.abc import Mapping
from random import SystemRandom

from rehearsal.engine.model import Secret, Value, revealed
from rehearsal.engine.providers.answer import Answer, Recorded
from rehearsal.errors import RehearsalError

PASSWORD = "random:index/randomPassword:RandomPassword"  # noqa: S105
STRING = "random:index/randomString:RandomString"
SPECIAL = "!@#$%&*()-_=+[]{}<>:?"
"""The provider's own set where `overrideSpecial` says nothing."""
CLASSES = {
    "lower": (string.ascii_lowercase, "minLower"),
    "upper": (string.ascii_uppercase, "minUpper"),
    "numeric": (string.digits, "minNumeric"),
    "special": (SPECIAL, "minSpecial"),
}
"""Switch (default true) to its characters and the input that asks for a least number of them."""


def answer(type_: str, name: str, inputs: dict[str, Value], recorded: Recorded | None) -> Answer:
    """The recorded value while the inputs are the same, else a new one."""
    if type_ not in (PASSWORD, STRING):
        raise RehearsalError(f"the in-process engine does not imitate {type_} ({name}); use the Pulumi CLI")
    if recorded is not None and recorded.inputs == inputs:
        outputs = recorded.outputs
    else:
        text = generate(revealed(inputs))
        outputs = {**inputs, "result": Secret(text) if type_ == PASSWORD else text}
    identity = "none" if type_ == PASSWORD else str(outputs["result"])
    return Answer(identity, inputs, outputs, complete=False)


def generate(inputs: Mapping[str, Value]) -> str:
    """A text of `length` characters that has at least so many of each class as asked."""
    length = int(inputs["length"])
    everything, chosen = "", list[str]()
    for switch, (characters, least) in CLASSES.items():
        if not inputs.get(switch, True):
            continue
        if switch == "special":
            characters = str(inputs.get("overrideSpecial") or characters)
        everything += characters
        chosen += [secrets.choice(characters) for _ in range(int(inputs.get(least) or 0))]
    if not everything or len(chosen) > length:
        raise RehearsalError(f"no random text of {length} characters fits the classes that are asked for")
    chosen += [secrets.choice(everything) for _ in range(length - len(chosen))]
    SystemRandom().shuffle(chosen)
    return "".join(chosen)
