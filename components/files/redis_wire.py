"""Speaks to one node of the Redis Cluster: RESP2 over a socket, a password, pipelines."""

import socket
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Union

Reply = Union[bytes, int, None, "list[Reply]", "RefusedError"]
Word = str | int | bytes


class UnreachableError(Exception):
    """The node does not answer, or not as a node of ours; says why."""


class RefusedError(Exception):
    """The node's own error: `MISCONF Errors writing to the AOF file …`."""


class Link:
    """A connection to a node. `host` is a name, with :port where it is not 6379."""

    def __init__(self, host: str, password_file: Path, seconds: float = 3.0) -> None:
        name, _, port = host.partition(":")
        self.host = host
        try:
            self._socket = socket.create_connection((name, int(port or 6379)), timeout=seconds)
        except OSError as error:
            raise UnreachableError(f"{host} does not answer ({error.strerror or error})") from None
        self._reader = self._socket.makefile("rb")
        refusal = self._authenticate(passwords(password_file))
        if refusal is not None:
            self.close()
            raise UnreachableError(f"{host} refuses the password of {password_file}: {refusal}")

    def _authenticate(self, known: list[str]) -> RefusedError | None:
        """By the first password that the node takes; else what it said to the first one."""
        answers = self.calls([("AUTH", known[0])])
        for password in known[1:]:
            if isinstance(answers[-1], RefusedError):
                answers += self.calls([("AUTH", password)])
        return answers[0] if isinstance(answers[0], RefusedError) and isinstance(answers[-1], RefusedError) else None

    def call(self, *words: Word) -> Reply:
        """The answer to one command. Raises RefusedError with the node's words, UnreachableError when it is gone."""
        (answer,) = self.calls([words])
        if isinstance(answer, RefusedError):
            raise answer
        return answer

    def calls(self, commands: "Sequence[Sequence[Word]]") -> "list[Reply]":
        """The answers to several commands that are sent together; a refusal is an answer."""
        try:
            self._socket.sendall(b"".join(map(_encoded, commands)))
            return [self._read() for _ in commands]
        except (OSError, ValueError, EOFError) as error:
            self.close()
            raise UnreachableError(f"{self.host} does not answer ({error or type(error).__name__})") from None

    def text(self, *words: Word) -> str:
        """The answer to one command as text."""
        answer = self.call(*words)
        return answer.decode(errors="replace") if isinstance(answer, bytes) else str(answer)

    def close(self) -> None:
        self._reader.close()
        self._socket.close()

    def __enter__(self) -> "Link":
        return self

    def __exit__(
        self, kind: "type[BaseException] | None", error: "BaseException | None", trace: "TracebackType | None"
    ):
        self.close()

    def _read(self) -> Reply:
        line = self._reader.readline()
        if not line.endswith(b"\r\n"):
            raise EOFError("it closed the connection")
        kind, rest = line[:1], line[1:-2]
        if kind == b"+":
            return rest
        if kind == b"-":
            return RefusedError(rest.decode(errors="replace"))
        if kind == b":":
            return int(rest)
        if kind == b"$":
            length = int(rest)
            return None if length < 0 else self._exactly(length + 2)[:-2]
        if kind == b"*":
            return [self._read() for _ in range(int(rest))]
        raise ValueError(f"{line[:20]!r} is no answer of a Redis node")

    def _exactly(self, length: int) -> bytes:
        data = self._reader.read(length)
        if len(data) < length:
            raise EOFError("it closed the connection")
        return data


def passwords(password_file: Path) -> list[str]:
    """The password, and the one before where there is one: in a file called `previous` beside it."""
    files = (password_file, password_file.with_name("previous"))
    return [file.read_text().strip() for file in files if file.exists()]


def _encoded(words: "Sequence[Word]") -> bytes:
    parts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)
