"""`python -m settings` prints the configuration table; --write FILE puts it into a document, --check FILE compares."""

import argparse
import sys
from pathlib import Path

from settings.table import StaleError, markdown, with_table


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m settings", description=__doc__)
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--check", type=Path, metavar="FILE", help="exit 1 when the table in the document is stale")
    action.add_argument("--write", type=Path, metavar="FILE", help="renew the table in the document")
    chosen = parser.parse_args(arguments)
    document: Path | None = chosen.check or chosen.write
    if document is None:
        sys.stdout.write(markdown() + "\n")
        return 0
    try:
        before = document.read_text()
        after = with_table(before)
    except (OSError, StaleError) as error:
        sys.stderr.write(f"{document}: {error.strerror if isinstance(error, OSError) else error}\n")
        return 1
    if chosen.write:
        document.write_text(after)
    elif before != after:
        sys.stderr.write(f"{document}: the table is not that of the settings any more: run `make docs`\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
