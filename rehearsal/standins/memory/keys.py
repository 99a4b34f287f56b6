"""PostgreSQL and Redis as the service uses them: both written, Redis read first, errors left to the caller."""

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Protocol, TypeVar

import psycopg2
import redis
from psycopg2.extensions import make_dsn
from psycopg2.extras import Json

from rehearsal.standins.memory import statements

Result = TypeVar("Result")


class Keys(Protocol):
    """What both stores and their combination can do; values are JSON."""

    def set(self, key: str, value: Any) -> None: ...
    def get(self, key: str) -> Any: ...
    def delete(self, key: str) -> None: ...
    def matching(self, pattern: str) -> Iterator[str]: ...
    def set_fields(self, key: str, fields: dict[str, str]) -> None: ...
    def healthy(self) -> bool: ...


class Postgres:
    """One connection for all threads, so that their statements queue; a failed statement is tried once more."""

    def __init__(self, url: str, tls: dict[str, str]) -> None:
        self._url, self._tls = url, tls
        self._connection: Any = None
        self._execute(lambda cursor: cursor.execute(statements.TABLE))
        with suppress(psycopg2.Error):  # the service swallows it, too
            self._execute(lambda cursor: [cursor.execute(text) for text in (statements.EXTENSION, statements.INDEX)])

    def _cursor(self) -> Any:
        if self._connection is None or self._connection.closed:
            self._connection = psycopg2.connect(make_dsn(self._url, **self._tls))
            self._connection.autocommit = True
        return self._connection.cursor()

    def _execute(self, statement: Callable[[Any], Result]) -> Result:
        try:
            with self._cursor() as cursor:
                return statement(cursor)
        except (psycopg2.InterfaceError, psycopg2.OperationalError):
            if self._connection is not None:
                self._connection.close()
            self._connection = None
            with self._cursor() as cursor:
                return statement(cursor)

    def set(self, key: str, value: Any) -> None:
        self._execute(lambda cursor: cursor.execute(statements.WRITE, (key, Json(value))))

    def get(self, key: str) -> Any:
        row = self._execute(lambda cursor: [cursor.execute(statements.READ, (key,)), cursor.fetchone()][1])
        return None if row is None else row[0]

    def delete(self, key: str) -> None:
        self._execute(lambda cursor: cursor.execute(statements.DELETE, (key,)))

    def matching(self, pattern: str) -> Iterator[str]:
        like = pattern.replace("*", "%")
        rows = self._execute(lambda cursor: [cursor.execute(statements.KEYS, (like,)), cursor.fetchall()][1])
        return (str(key) for (key,) in rows)

    def set_fields(self, key: str, fields: dict[str, str]) -> None:
        self.set(key, fields)

    def healthy(self) -> bool:
        try:
            self._execute(lambda cursor: cursor.execute("SELECT 1;"))
        except psycopg2.Error:
            return False
        return True


class Redis:
    """redis-py without password, timeouts, retries or a notion of a cluster."""

    def __init__(self, host: str, port: int) -> None:
        self.client = redis.Redis(connection_pool=redis.ConnectionPool(host=host, port=port, db=0))

    def set(self, key: str, value: Any) -> None:
        self.client.set(key, json.dumps(value))

    def get(self, key: str) -> Any:
        found: Any = self.client.get(key)
        return None if found is None else json.loads(found)

    def delete(self, key: str) -> None:
        self.client.delete(key)

    def matching(self, pattern: str) -> Iterator[str]:
        return (key.decode() for key in self.client.scan_iter(pattern))

    def set_fields(self, key: str, fields: dict[str, str]) -> None:
        self.client.hset(key, mapping={**fields})

    def fields(self, key: str) -> Any:
        return self.client.hgetall(key)

    def healthy(self) -> bool:
        try:
            return bool(self.client.ping())
        except redis.ConnectionError:
            return False


class Both:
    """PostgreSQL with Redis before it."""

    def __init__(self, postgres: Postgres, cache: Redis) -> None:
        self._postgres, self._cache = postgres, cache

    def set(self, key: str, value: Any) -> None:
        self._postgres.set(key, value)
        self._cache.set(key, value)

    def get(self, key: str) -> Any:
        found = self._cache.get(key)
        return self._postgres.get(key) if found is None else found

    def delete(self, key: str) -> None:
        self._postgres.delete(key)
        self._cache.delete(key)

    def matching(self, pattern: str) -> Iterator[str]:
        return iter(dict.fromkeys([*self._postgres.matching(pattern), *self._cache.matching(pattern)]))

    def set_fields(self, key: str, fields: dict[str, str]) -> None:
        self._postgres.set_fields(key, fields)
        self._cache.set_fields(key, fields)

    def healthy(self) -> bool:
        return self._postgres.healthy() and self._cache.healthy()
