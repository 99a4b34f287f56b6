"""`python -m capacity`."""

import sys

from capacity.command import main

if __name__ == "__main__":
    sys.exit(main())
