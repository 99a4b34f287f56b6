"""The pages of the programs under examples/."""

import re

from rehearsal import paths

_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def block(example: str) -> str:
    """The one block of commands of an example's page, each on a line."""
    (found,) = _BLOCK.findall((paths.CHECKOUT / "examples" / example / "README.md").read_text())
    return found.replace("\\\n", "")
