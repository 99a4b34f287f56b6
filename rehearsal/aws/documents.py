"""Policy documents: what IAM's parser refuses in them.

docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html. No text of a document is shown in a fault.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, cast

from rehearsal.engine.model import Unknown, Value

VERSIONS: Final = ("2012-10-17", "2008-10-17")
DOCUMENT: Final = frozenset({"Version", "Id", "Statement"})
STATEMENT: Final = frozenset(
    {
        "Sid",
        "Effect",
        "Principal",
        "NotPrincipal",
        "Action",
        "NotAction",
        "Resource",
        "NotResource",
        "Condition",
    }
)
PRINCIPALS: Final = ("AWS", "Service", "Federated", "CanonicalUser")
SID: Final = re.compile(r"[A-Za-z0-9]*")
ACTION: Final = re.compile(r"\*|[a-zA-Z0-9-]+:[A-Za-z0-9*?]+")
RESOURCE: Final = re.compile(r"\*|arn:[^\s]+|arn:\*.*")


@dataclass(frozen=True)
class Sort:
    """What a document is for, which decides what it has to have."""

    word: str
    principal: bool
    """Whether it says who; documents of an identity do not."""
    resource: bool
    """Whether it says on what; trust does not."""
    plain_sids: bool = True


IDENTITY: Final = Sort("policy", principal=False, resource=True)
TRUST: Final = Sort("trust policy", principal=True, resource=False)
KEY: Final = Sort("key policy", principal=True, resource=True, plain_sids=False)
BUCKET: Final = Sort("bucket policy", principal=True, resource=True, plain_sids=False)
ENDPOINT: Final = Sort("endpoint policy", principal=True, resource=True, plain_sids=False)


def read(value: Value) -> Mapping[str, Value] | None:
    """The document of a text or of a mapping; None where it is unknown or is none."""
    if isinstance(value, Mapping):
        return cast(Mapping[str, Value], value)
    try:
        found = json.loads(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return cast("dict[str, Value]", found) if isinstance(found, dict) else None


def statements(value: Value) -> list[Mapping[str, Value]]:
    """The statements of a document, none where it is unknown."""
    found = (read(value) or {}).get("Statement")
    listed = cast(list[Value], found) if isinstance(found, list) else [found]
    return [cast(Mapping[str, Value], one) for one in listed if isinstance(one, Mapping)]


def compact(value: Value) -> str:
    """The document as IAM counts it: without white space."""
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return "".join(text.split())


def faults(value: Value, name: str, sort: Sort) -> Iterator[str]:
    """What is wrong with a document that the property `name` holds."""
    if value is None or isinstance(value, Unknown):
        return
    if isinstance(value, str):
        try:
            json.loads(value)
        except ValueError as error:
            where = f"line {error.lineno}, column {error.colno}" if isinstance(error, json.JSONDecodeError) else "it"
            yield f"{name} is not JSON ({where}): make it by json.dumps"
            return
    document = read(value)
    if document is None:
        yield f"{name} is not a JSON object: a {sort.word} is one with Version and Statement"
        return
    for key in document.keys() - DOCUMENT:
        yield f"{name} has {key}, which no {sort.word} has: it has Version, Id and Statement"
    if document.get("Version") not in VERSIONS:
        yield f'{name} has no Version that AWS knows: write "{VERSIONS[0]}"'
    found = statements(document)
    if not found:
        yield f"{name} has no Statement: a {sort.word} has at least one"
    for index, statement in enumerate(found):
        yield from _statement(statement, f"{name}: statement {index + 1}", sort)


def _statement(statement: Mapping[str, Value], at: str, sort: Sort) -> Iterator[str]:
    for key in statement.keys() - STATEMENT:
        yield f"{at} has {key}, which no statement has"
    if statement.get("Effect") not in ("Allow", "Deny") and not isinstance(statement.get("Effect"), Unknown):
        yield f"{at} has no Effect: write Allow or Deny"
    yield from _one_of(statement, ("Action", "NotAction"), at, True, sort)
    yield from _one_of(statement, ("Resource", "NotResource"), at, sort.resource, sort)
    yield from _one_of(statement, ("Principal", "NotPrincipal"), at, sort.principal, sort)
    for action in texts(statement.get("Action")) + texts(statement.get("NotAction")):
        if not ACTION.fullmatch(action):
            yield f"{at} has an action that is none: write service:Action, as in s3:GetObject"
    for resource in texts(statement.get("Resource")) + texts(statement.get("NotResource")):
        if not RESOURCE.fullmatch(resource):
            yield f"{at} has a resource that is no ARN: write arn:… or *"
    sid = statement.get("Sid")
    if sort.plain_sids and isinstance(sid, str) and not SID.fullmatch(sid):
        yield f"{at} has a Sid with other than letters and digits"
    yield from _principal(statement.get("Principal"), at)
    condition = statement.get("Condition")
    if condition is not None and not isinstance(condition, (Mapping, Unknown)):
        yield f"{at} has a Condition that is no object"


def _one_of(statement: Mapping[str, Value], names: tuple[str, str], at: str, wanted: bool, sort: Sort) -> Iterator[str]:
    stated = [name for name in names if name in statement]
    if wanted and len(stated) != 1:
        yield f"{at} has {' and '.join(stated) or f'neither {names[0]} nor {names[1]}'}: a {sort.word} has one of them"
    if not wanted and stated:
        yield f"{at} has {stated[0]}, which a {sort.word} has not: leave it out"
    for name in stated:
        if statement[name] in ("", [], {}):
            yield f"{at} has an empty {name}"


def _principal(value: Value, at: str) -> Iterator[str]:
    if isinstance(value, str) and value != "*":
        yield f'{at} has a Principal that is neither "*" nor an object: write {{"AWS": …}} or {{"Service": …}}'
    if isinstance(value, Mapping):
        stated = cast(Mapping[str, Value], value)
        for key in stated.keys() - set(PRINCIPALS):
            yield f"{at} has a Principal of {key}: write one of {', '.join(PRINCIPALS)}"
        for service in texts(stated.get("Service")):
            if "." not in service:
                yield f"{at} has a Service that is none: write it like ec2.amazonaws.com"


def texts(value: Value) -> list[str]:
    """The known texts of an element that may be one or a list."""
    listed = cast(list[Value], value) if isinstance(value, list) else [value]
    return [one for one in listed if isinstance(one, str)]


def trusted_services(value: Value) -> set[str] | None:
    """Services that a trust policy lets assume its role; None while that is unknown, or where it trusts everybody."""
    if read(value) is None:
        return None
    found: set[str] = set()
    for statement in statements(value):
        principal = statement.get("Principal")
        if isinstance(principal, Unknown) or principal == "*":
            return None
        if statement.get("Effect") == "Allow" and isinstance(principal, Mapping):
            services = cast(Mapping[str, Value], principal).get("Service")
            if isinstance(services, Unknown):
                return None
            found.update(texts(services))
    return found
