"""A page in Chromium, and what is wrong with how it looks."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from playwright.sync_api import Browser, Page, sync_playwright

from tests.dataplane.conftest import tool

Scheme = Literal["light", "dark"]
_LOOK: Final = Path(__file__).with_name("look.js").read_text()


@dataclass
class Looked:
    """A page that is open, and what the browser told of it."""

    page: Page
    requests: list[str] = field(default_factory=list[str])
    told: list[str] = field(default_factory=list[str])
    """On the console."""

    @property
    def faults(self) -> list[str]:
        """All that a reader would stumble over, in words (look.js)."""
        found: Any = self.page.evaluate(_LOOK)
        return list(found)

    def spoiled(self, style: str) -> list[str]:
        """The same with a style that should not pass, which is taken out again."""
        added = self.page.add_style_tag(content=style)
        found = self.faults
        added.evaluate("style => style.remove()")
        return found


@contextmanager
def browser() -> Generator[Browser]:
    """Debian's Chromium, without a window."""
    with sync_playwright() as started:
        # Root has no sandbox; nothing but our own page is opened.
        opened = started.chromium.launch(executable_path=tool("chromium"), args=["--no-sandbox"])
        yield opened
        opened.close()


@contextmanager
def looked(opened: Browser, file: Path, width: int, scheme: Scheme, **context: Any) -> Generator[Looked]:
    """The file as it looks in a window of this width, in pixels; `context` as Playwright's `new_context` has it."""
    page = opened.new_page(viewport={"width": width, "height": 1000}, color_scheme=scheme, **context)
    seen = Looked(page)
    page.on("request", lambda request: seen.requests.append(request.url))
    page.on("console", lambda message: seen.told.append(message.text))
    page.goto(file.as_uri(), wait_until="load")
    yield seen
    page.close()
