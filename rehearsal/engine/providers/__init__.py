"""What providers would compute while the program runs: ids and outputs of the resource types that the program uses.

Generated values (passwords, keys, certificates) are kept in the region's state and given back on the next run; a
changed input that would make a provider replace the resource makes a new one. AWS is a simulated account. Other
packages are refused by name.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from rehearsal.engine import property_path as at
from rehearsal.engine.model import Value
from rehearsal.engine.providers import kubernetes, random, tls
from rehearsal.engine.providers.answer import Answer, Recorded, Request
from rehearsal.errors import RehearsalError

Provider = Callable[[str, str, dict[str, Value], Recorded | None], Answer]
"""(type, name, inputs, what the state holds of it) to id, inputs and outputs."""

PACKAGES: Mapping[str, Provider] = {"kubernetes": kubernetes.answer, "random": random.answer, "tls": tls.answer}
"""Those whose resources know nothing of one another."""
AWS = "aws"
"""The package whose resources are in one account together."""
PROVIDER_TYPE = "pulumi:providers:"


class Account(Protocol):
    """A simulated account of AWS (providers/aws.py)."""

    def configure(self, request: Request) -> None: ...

    def answer(self, request: Request, provider: Mapping[str, Value], recorded: Recorded | None) -> Answer: ...

    def finish(self) -> None: ...


@dataclass
class Providers:
    """Answers for one run of the program."""

    recorded: Mapping[str, Recorded] = field(default_factory=dict)
    """By URN: what the state holds of resources that remember something."""
    open_account: Callable[[], Account] = field(kw_only=True)
    """Asked for once there is something of AWS: a program without pays nothing for it."""
    _account: Account | None = None
    _configured: dict[str, dict[str, Value]] = field(default_factory=dict)
    """Inputs of the provider resources so far, by URN."""

    def answer(self, request: Request) -> Answer:
        """The id and outputs of a resource; RehearsalError for a type that this engine does not imitate."""
        package = request.type.removeprefix(PROVIDER_TYPE).split(":")[0]
        if package not in (AWS, *PACKAGES):
            raise RehearsalError(f"the in-process engine does not imitate {request.type}; use the Pulumi CLI")
        if request.type.startswith(PROVIDER_TYPE):
            return self._configure(package, request)
        before = next((self.recorded[urn] for urn in (request.urn, *request.aliases) if urn in self.recorded), None)
        if before is not None:
            request = replace(request, inputs=at.kept(request.ignore_changes, before.inputs, request.inputs))
        if package == AWS:
            return self._opened().answer(request, self._configured.get(request.provider or "", {}), before)
        return PACKAGES[package](request.type, request.name, request.inputs, before)

    def finish(self) -> None:
        """What providers have to say of the whole program, once it has ended. RehearsalError."""
        if self._account is not None:
            self._account.finish()

    def _opened(self) -> Account:
        if self._account is None:
            self._account = self.open_account()
        return self._account

    def _configure(self, package: str, request: Request) -> Answer:
        if package == AWS:
            self._opened().configure(request)
        self._configured[request.urn] = request.inputs
        return Answer(request.name, request.inputs, request.inputs)
