"""How the tests ask make."""

import sys
from typing import Final

READY: Final = (f"VENV={sys.prefix}", f"--old-file={sys.prefix}/.complete")
"""Arguments by which make takes the environment that runs the tests, and prepares none."""
