"""The memory service's statements as tests send them, and what its table has to make of them.

The statements are those of the stand-in of the service; the table is the schema Job's.
"""

from collections.abc import Callable
from typing import Any

from rehearsal.standins.memory import statements

STARTERS = 20
"""Processes that start at once."""
STARTS = (statements.TABLE, statements.EXTENSION)
"""What each of the service's processes runs when it starts. Its third statement is a syntax error everywhere, which it
swallows."""
SEED = """INSERT INTO kv_store SELECT format('tenant-%s:(%s.0, 2.0):%s', n % 50, n, part), '{}'
          FROM generate_series(1, 20000) n, unnest('{data,meta}'::text[]) part"""
"""Enough that a scan of everything would cost more than an index."""
UNSEED = "DELETE FROM kv_store WHERE key ~ '^tenant-[0-9]+:'"
OF_ONE_NAMESPACE = 400
"""Keys that SCAN finds."""


PATTERN_INDEX, PRIMARY_KEY = "_key_idx", "_pkey"
"""Ends of the names of a partition's indexes on the key: that with the pattern operators, and the one that serves
prefixes only where the database's collation is C."""


def bound(statement: str, *values: str) -> str:
    """A statement with its values written out, as psycopg2 sends it."""
    return statement.replace("%s", "{}").format(*(_literal(value) for value in values))


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


SCAN = bound(statements.KEYS, "tenant-7:%:meta")
READ = bound(statements.READ, "tenant-7:(7.0, 2.0):data")


def assert_plans(explain: Callable[[str], Any], partitions: int, indexes: tuple[str, ...]) -> None:
    """A key is looked for in one partition, a prefix by one of these indexes in each; `indexes` are ends of names.

    `explain` answers a statement's plan as EXPLAIN (FORMAT JSON) tells it.
    """
    (one,) = _scans(explain(READ))
    assert one["Node Type"] == "Index Scan", one
    many = _scans(explain(SCAN))
    assert {scan["Relation Name"] for scan in many} == {f"kv_store_p{part}" for part in range(partitions)}
    for scan in many:
        (index,) = scan.get("Plans") or [scan]
        assert "Index" in index["Node Type"], index
        assert index["Index Name"].endswith(indexes), index


def _scans(plan: Any) -> list[dict[str, Any]]:
    """The plan's nodes that read a partition."""
    found: list[dict[str, Any]] = []
    left = [each["Plan"] for each in plan]
    while left:
        node = left.pop()
        if "Relation Name" in node:
            found.append(node)
        else:
            left += node.get("Plans", [])
    return found
