"""`python -m components` prints the page about the components; --write FILE puts it there, --check FILE compares."""

import argparse
import sys
from pathlib import Path

from components.reference import page
from settings.pages import delivered


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m components", description=__doc__)
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--check", type=Path, metavar="FILE", help="exit 1 when the page is not what the code says")
    action.add_argument("--write", type=Path, metavar="FILE", help="write the page")
    chosen = parser.parse_args(arguments)
    return delivered(page, chosen.write, chosen.check, "the components say")


if __name__ == "__main__":
    sys.exit(main())
