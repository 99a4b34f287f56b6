"""What PostgreSQL runs to have a WAL file archived or restored: it asks the sidecar and answers as that does.

CloudNativePG's `manager wal-archive` and `manager wal-restore`. A file of its own: PostgreSQL's user may not read the
checkout.
"""

import json
import socket
import sys


def ask(address: str, *words: str) -> tuple[int, str]:
    """Exit code, and what the program printed."""
    with socket.socket(socket.AF_UNIX) as channel:
        channel.connect(address)
        channel.sendall(json.dumps(words).encode() + b"\n")
        code, said = json.loads(channel.makefile().read())
        return int(code), str(said)


if __name__ == "__main__":
    status, text = ask(*sys.argv[1:])
    sys.stderr.write(text)
    sys.exit(status)
