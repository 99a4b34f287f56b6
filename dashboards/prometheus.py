"""What Prometheus answers (prometheus.io/docs/prometheus/latest/querying/api)."""

import http.client
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from dashboards.errors import DashboardError, PanelError
from dashboards.window import Window

EXAMPLE: Final = "http://127.0.0.1:9090"
_TIMEOUT: Final = 60
_SHOWN: Final = 200
"""Characters of an answer that is none."""


@dataclass(frozen=True)
class Series:
    """Labels, and moments with their values; a value may be NaN or infinite."""

    labels: Mapping[str, str]
    points: Sequence[tuple[float, float]]


class Source(Protocol):
    """Who answers queries. PanelError where one is refused, DashboardError where nobody answers."""

    def query(self, expr: str, at: float) -> list[Series]:
        """Values at a moment, one each."""
        ...

    def query_range(self, expr: str, window: Window) -> list[Series]:
        """Values over time."""
        ...

    def label_values(self, label: str, match: str | None, window: Window) -> list[str]:
        """Values of a label, of the series that match, in alphabetical order."""
        ...


class Prometheus:
    """A server at an address without a password, such as one that kubectl forwards."""

    def __init__(self, url: str) -> None:
        if not _is_address(url):
            raise DashboardError(f"{_without_password(url)} is no address of Prometheus: give one like {EXAMPLE}")
        self.url = url.rstrip("/")

    def query(self, expr: str, at: float) -> list[Series]:
        data = self._ask("query", {"query": expr, "time": f"{at:.3f}"})
        if data["resultType"] == "scalar":
            return [Series({}, (_point(data["result"]),))]
        if data["resultType"] != "vector":
            raise PanelError(f"`{expr}` has no value at a moment, but a {data['resultType']}")
        return [Series(one["metric"], (_point(one["value"]),)) for one in data["result"]]

    def query_range(self, expr: str, window: Window) -> list[Series]:
        times = {"start": f"{window.start:.3f}", "end": f"{window.end:.3f}", "step": str(window.step)}
        data = self._ask("query_range", {"query": expr, **times})
        return [Series(one["metric"], tuple(map(_point, one["values"]))) for one in data["result"]]

    def label_values(self, label: str, match: str | None, window: Window) -> list[str]:
        asked = {"start": f"{window.start:.3f}", "end": f"{window.end:.3f}", **({"match[]": match} if match else {})}
        path = f"label/{urllib.parse.quote(label)}/values?{urllib.parse.urlencode(asked)}"
        return sorted(self._ask(path))

    def _ask(self, path: str, form: Mapping[str, str] | None = None) -> Any:
        """The `data` of an answer; a form is posted, for queries may be longer than an address."""
        body = None if form is None else urllib.parse.urlencode(form).encode()
        request = urllib.request.Request(f"{self.url}/api/v1/{path}", data=body)
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT) as response:
                return self._read(response.read(), response.status)["data"]
        except urllib.error.HTTPError as error:
            # What is wrong with a query stands in the body.
            document = self._read(error.read(), error.code)
            query = f"`{form['query']}`" if form else path
            raise PanelError(f"Prometheus refuses {query}: {document.get('error', error.reason)}") from None
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", None) or error
            raise DashboardError(f"{self.url} does not answer ({reason}): is this Prometheus, and is it up?") from None

    def _read(self, body: bytes, status: int) -> dict[str, Any]:
        try:
            document = json.loads(body)
        except ValueError:
            document = None
        if isinstance(document, dict) and ("data" in document or "error" in document):
            return document
        said = body.decode(errors="replace").strip()[:_SHOWN].split("\n")[0]
        raise DashboardError(f"{self.url} is no Prometheus: it answers {status} {said!r}; give one like {EXAMPLE}")


def _point(pair: Sequence[Any]) -> tuple[float, float]:
    return float(pair[0]), float(pair[1])


def _is_address(url: str) -> bool:
    try:
        parts = urllib.parse.urlsplit(url)
        known = parts.port is None or parts.port > 0
    except ValueError:
        return False
    return known and parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc


def _without_password(url: str) -> str:
    before, at, after = url.rpartition("@")
    return f"{before.split('//')[0]}//…{at}{after}" if at else repr(url)
