"""`python -m dashboards --prometheus URL`: a region's dashboards as one HTML page, without Grafana."""

import argparse
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from dashboards.errors import DashboardError
from dashboards.page import Page, drawn
from dashboards.prometheus import EXAMPLE, Prometheus
from observability.scope import scope
from promotion.errors import PromotionError
from promotion.files import Checkout
from promotion.terminal import ended, say
from settings import Settings, SettingsError


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code: 0 when the page is written, 1 when refused, 130 when interrupted."""
    options = _parser().parse_args(arguments)
    return ended(lambda: _write(options), DashboardError, PromotionError, SettingsError)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m dashboards", description=__doc__)
    parser.add_argument("--prometheus", metavar="URL", default="", help=f"who has the figures, such as {EXAMPLE}")
    parser.add_argument("--stack", default="", help="the region's stack (default: home's)")
    parser.add_argument(
        "-o", "--output", type=Path, default=Path("dashboards.html"), help="the page (default: %(default)s)"
    )
    parser.add_argument(
        "--minutes", type=float, help="how long before the end it begins (default: what each dashboard says)"
    )
    parser.add_argument(
        "--end", default="", metavar="TIME", help="of the page, such as 2026-01-31T14:00Z (default: now)"
    )
    parser.add_argument("--directory", type=Path, default=Path(), help="the project's checkout (default: here)")
    return parser


def _write(options: argparse.Namespace) -> None:
    if not options.prometheus:
        raise DashboardError(f"name the Prometheus that has the figures: make dashboards PROMETHEUS={EXAMPLE}")
    prometheus = Prometheus(options.prometheus)
    region = scope(_settings(options.directory, options.stack))
    if not region.dashboards:
        raise DashboardError(f"{region.region} has no dashboards: name some in grafana.dashboards")
    page = drawn(region, prometheus, _end(options.end), _seconds(options.minutes), prometheus.url)
    try:
        options.output.write_text(page.html, encoding="utf-8")
    except OSError as error:
        raise DashboardError(f"cannot write {options.output}: {error.strerror}: name another place with -o") from None
    say(f"{options.output}: {_summary(page)}")


def _settings(directory: Path, stack: str) -> Settings:
    regions = Checkout(directory).settings()
    if stack and stack not in regions:
        raise DashboardError(f"no stack {stack!r}: there are {', '.join(regions)}")
    return regions[stack] if stack else next(settings for settings in regions.values() if settings.is_home)


def _seconds(minutes: float | None) -> float | None:
    if minutes is None:
        return None
    if not 1 <= minutes < 60 * 24 * 366:
        raise DashboardError(f"--minutes {minutes:g}: from 1 to a year of them can be shown")
    return minutes * 60


def _end(text: str) -> float:
    if not text:
        return time.time()
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise DashboardError(f"--end {text}: no moment; write it like 2026-01-31T14:00Z") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _summary(page: Page) -> str:
    return f"{len(page.panels)} panels of {page.region}, {len(page.empty)} with nothing to draw"


if __name__ == "__main__":
    sys.exit(main())
