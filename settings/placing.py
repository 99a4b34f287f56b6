"""Stack files and Pulumi.yaml, put in place whole."""

import os
import shutil
import tempfile
from pathlib import Path


def put(file: Path, text: str) -> None:
    """Puts the text in place of what a file holds, at once: nobody reads half of it, and a full disk leaves the file as
    it was. Its mode stays, and so does a symbolic link to it. Raises OSError.
    """
    place = file.resolve()
    descriptor, name = tempfile.mkstemp(dir=place.parent, prefix=f".{place.name}.")
    new = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as written:
            written.write(text)
            written.flush()
            os.fsync(written.fileno())
        shutil.copymode(place, new)
        new.replace(place)
    finally:
        new.unlink(missing_ok=True)
