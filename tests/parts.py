"""Parts of a tier, for machines beside each other. Each has whole files: what a file brings up is brought up once, and
what a folder below a tier brings up for its files once by each part that has any of them.

`make test-unit ARGS=--durations=0 | .venv/bin/python -m tests.parts` weighs a tier's files anew, by what pytest prints.
"""

import json
import re
import sys
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Final

FILE: Final = Path(__file__).with_name("seconds.json")
"""Seconds of files that take long, by path. Only what they are beside each other counts."""
LONG: Final = 10
TEST: Final = 0.2
SET_UP: Final = 5
"""Seconds of a test, and of what a file brings up, where nobody measured them."""
OF_A_TIER: Final = len(("tests", "unit", "test_it.py"))
_LINE: Final = re.compile(r"^([\d.]+)s (call|setup|teardown) +([\w./-]+\.py)::", re.MULTILINE)


def of(text: str) -> tuple[int, int]:
    """`2/3`: the second of three. ValueError for anything else."""
    found = re.fullmatch(r"([1-9]\d*)/([1-9]\d*)", text)
    if found is None or int(found[1]) > int(found[2]):
        raise ValueError(f"{text!r} is no part: write it like 2/3, the second of three")
    return int(found[1]), int(found[2])


def files(tests: Mapping[str, int], part: int, parts: int, known: Mapping[str, float]) -> set[str]:
    """Those of one part, given how many tests each file has, and the seconds of some: the heaviest first, each to the
    lightest part so far.
    """
    weights = {file: weight(number, known.get(file, 0)) for file, number in tests.items()}
    loads = [0.0] * parts
    mine: set[str] = set()
    for file, seconds in sorted(weights.items(), key=lambda one: (-one[1], one[0])):
        lightest = loads.index(min(loads))
        loads[lightest] += seconds
        if lightest == part - 1:
            mine.add(file)
    return mine


def weight(tests: int, known: float) -> float:
    """Seconds of a file; those that are known may be of its slowest tests alone."""
    return max(known, SET_UP) + tests * TEST


def known() -> dict[str, float]:
    """Seconds by path from the root of the checkout."""
    return json.loads(FILE.read_text(encoding="utf-8"))


def weighed(printed: str, before: Mapping[str, float]) -> dict[str, float]:
    """Seconds of the files that pytest told the durations of, and those of the other tiers as before."""
    found: defaultdict[str, float] = defaultdict(float)
    set_up: defaultdict[str, float] = defaultdict(float)
    for seconds, phase, file in _LINE.findall(printed):
        found[file] += float(seconds)
        if phase == "setup":
            set_up[file] = max(set_up[file], float(seconds))
    for file in found:
        if len(Path(file).parts) > OF_A_TIER:  # what its folder brings up is told of the first of its files alone
            found[file] += max(set_up[one] for one in found if Path(one).parent == Path(file).parent) - set_up[file]
    tiers = {Path(file).parent for file in found}
    others = {file: seconds for file, seconds in before.items() if Path(file).parent not in tiers}
    long = {file: round(seconds) for file, seconds in found.items() if seconds >= LONG}
    return dict(sorted({**others, **long}.items()))


if __name__ == "__main__":
    FILE.write_text(json.dumps(weighed(sys.stdin.read(), known()), indent=1) + "\n", encoding="utf-8")
