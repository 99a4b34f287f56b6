"""How pages are made from templates: escaped, complete, and with the same looks (base.css)."""

import functools
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import jinja2
from markupsafe import Markup

TEMPLATES: Final = Path(__file__).with_name("templates")


@functools.cache
def environment(*templates: Path) -> jinja2.Environment:
    """Templates of these directories, then those here."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader([*templates, TEMPLATES]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["code"] = _code
    made.filters["words"] = _words
    made.filters["moment"] = moment
    return made


def _code(text: str) -> Markup:
    """Between backticks is code."""
    parts = (
        Markup("<code>{}</code>").format(_words(part)) if number % 2 else _words(part)
        for number, part in enumerate(text.split("`"))
    )
    return Markup("").join(parts)


def _words(text: str) -> Markup:
    """Lines may end between the words of a name, such as an alert's."""
    return Markup("<wbr>").join(re.findall(r"[A-Z]*[^A-Z/_.]*[/_.]?", text))


def moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")
