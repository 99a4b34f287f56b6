"""Packs the instance manager into the one file that lies in the images as `/manager`.

`python -m rehearsal.standins.cnpg.archive FILE`
"""

import shutil
import sys
import tempfile
import zipapp
from pathlib import Path

SOURCE = Path(__file__).parent / "instance"
PACKAGE = "instance_manager"


def build(target: Path) -> Path:
    """Writes the archive, executable by everybody; needs python3 on PATH where it runs."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(SOURCE, Path(folder) / PACKAGE, ignore=shutil.ignore_patterns("__pycache__"))
        start = f"import sys\nfrom {PACKAGE}.__main__ import main\n\nsys.exit(main())\n"
        (Path(folder) / "__main__.py").write_text(start)
        zipapp.create_archive(folder, target, "/usr/bin/env python3")
    target.chmod(0o755)
    return target


if __name__ == "__main__":
    build(Path(sys.argv[1]))
