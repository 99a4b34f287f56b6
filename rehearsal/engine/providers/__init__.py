"""What providers would compute while the program runs: ids and outputs of the resource types that the program uses.

Generated values (passwords, keys, certificates) are kept in the region's state and given back on the next run; a
changed input that would make a provider replace the resource makes a new one. Other packages are refused by name.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from rehearsal.engine.model import Value
from rehearsal.engine.providers import kubernetes, random, tls
from rehearsal.engine.providers.answer import Answer, Recorded
from rehearsal.errors import RehearsalError

Provider = Callable[[str, str, dict[str, Value], Recorded | None], Answer]
"""(type, name, inputs, what the state holds of it) to id, inputs and outputs."""

PACKAGES: Mapping[str, Provider] = {"kubernetes": kubernetes.answer, "random": random.answer, "tls": tls.answer}
PROVIDER_TYPE = "pulumi:providers:"


@dataclass(frozen=True)
class Providers:
    """Answers for one run of the program."""

    recorded: Mapping[str, Recorded] = field(default_factory=dict)
    """By URN: what the state holds of generated resources."""

    def answer(self, type_: str, name: str, urn: str, inputs: dict[str, Value]) -> Answer:
        """The id and outputs of a resource; RehearsalError for a type that this engine does not imitate."""
        if type_.startswith(PROVIDER_TYPE):
            _known(type_.removeprefix(PROVIDER_TYPE), type_)
            return Answer(name, inputs, inputs)
        return _known(type_.split(":")[0], type_)(type_, name, inputs, self.recorded.get(urn))


def _known(package: str, type_: str) -> Provider:
    provider = PACKAGES.get(package)
    if provider is None:
        raise RehearsalError(f"the in-process engine does not imitate {type_}; use the Pulumi CLI")
    return provider
