"""Writes docs/policies.md and the pages under docs/policies/: `python -m policies [--write docs | --check docs]`."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from policies.pages import FOLDER, OVERVIEW, pages


def stale(folder: Path) -> Iterator[str]:
    """Pages in a folder that are not what the rules say, and those of no pack."""
    expected = pages()
    for name, text in expected.items():
        page = folder / name
        if not page.exists() or page.read_text(encoding="utf-8") != text:
            yield f"{page} is not what the rules say: run `make docs`"
    for page in sorted((folder / FOLDER).glob("*.md")):
        if page.relative_to(folder).as_posix() not in expected:
            yield f"{page} is of no pack: remove it"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m policies", description="The policies as pages of Markdown.")
    parser.add_argument("--write", type=Path, metavar="FOLDER", help="write the pages into docs/")
    parser.add_argument("--check", type=Path, metavar="FOLDER", help="fail when the pages of docs/ are others")
    options = parser.parse_args(arguments)
    if options.write is not None:
        for name, text in pages().items():
            page = options.write / name
            page.parent.mkdir(parents=True, exist_ok=True)
            page.write_text(text, encoding="utf-8")
    elif options.check is None:
        sys.stdout.write(pages()[OVERVIEW])
    else:
        faults = list(stale(options.check))
        sys.stderr.writelines(f"{fault}\n" for fault in faults)
        return 1 if faults else 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
