"""An object store through the rclone beside this program (`rclone rcd --rc-serve`), which signs the calls.

Its remote is called `store`. Everything is streamed: nothing is as large as memory, or lies on a disk here. Shapes:
rclone.org/rc, fs/operations/rc.go. Standard library only.
"""

import http.client
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from typing import IO, Any

CHUNK = 1 << 20
SECONDS = 3600.0
"""Between two signs of life of a large upload: the store puts the parts together at its end, and Qdrant answers once a
snapshot is whole, or taken over.
"""
READY_SECONDS = 60.0
_BOUNDARY = "soma-snapshot-part"


class ObjectStore:
    """A bucket. `url` is rclone's; paths are those within the bucket."""

    def __init__(self, url: str, bucket: str) -> None:
        self._url, self._fs = url.rstrip("/"), f"store:{bucket}"

    def await_ready(self) -> None:
        """Waits until rclone answers; OSError when it does not."""
        end = time.monotonic() + READY_SECONDS
        while True:
            try:
                self._call("rc/noop", {})
                return
            except OSError:
                if time.monotonic() > end:
                    raise
            time.sleep(0.5)

    def put(self, path: str, chunks: Iterable[bytes], size: int) -> None:
        """Writes an object of so many bytes. OSError where the store or the stream fails; nothing is there then."""
        folder, _, name = path.rpartition("/")
        query = urllib.parse.urlencode({"fs": self._fs, "remote": folder})
        status, text = send_file(f"{self._url}/operations/uploadfile?{query}", {}, "file", name, chunks, size)
        if status != 200:
            raise OSError(f"{path} was not written: {_error(text)}")

    def size(self, path: str) -> int | None:
        """Bytes of an object, None where there is none."""
        item = self._call("operations/stat", {"fs": self._fs, "remote": path})["item"]
        return None if item is None or item["IsDir"] else int(item["Size"])

    def folders(self, path: str) -> list[str]:
        """Names of the folders in a folder, in order; none where it is not there."""
        try:
            found = self._call("operations/list", {"fs": self._fs, "remote": path, "opt": {"dirsOnly": True}})["list"]
        except urllib.error.HTTPError as error:
            if error.code == 404 or "directory not found" in _error(error.read()):
                return []
            raise
        return sorted(item["Name"] for item in found)

    def open(self, path: str) -> IO[bytes]:
        """An object to be read. OSError where there is none."""
        quoted = urllib.parse.quote(f"[{self._fs}]/{path}", safe="[]:/")
        return urllib.request.urlopen(f"{self._url}/{quoted}", timeout=SECONDS)

    def _call(self, command: str, body: Any) -> Any:
        request = urllib.request.Request(
            f"{self._url}/{command}", json.dumps(body).encode(), {"content-type": "application/json"}, method="POST"
        )
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            return json.load(answer)


def send_file(
    url: str, headers: Mapping[str, str], field: str, name: str, chunks: Iterable[bytes], size: int
) -> tuple[int, bytes]:
    """Status and text of the answer to a form with one file of so many bytes, sent as they come."""
    parts = urllib.parse.urlsplit(url)
    length, body = multipart(name, chunks, size, field)
    form = {"content-type": f"multipart/form-data; boundary={_BOUNDARY}", "content-length": str(length)}
    with closing(http.client.HTTPConnection(parts.netloc, timeout=SECONDS)) as connection:
        connection.request("POST", f"{parts.path}?{parts.query}", body, {**headers, **form})
        answer = connection.getresponse()
        return answer.status, answer.read()


def multipart(name: str, chunks: Iterable[bytes], size: int, field: str = "file") -> tuple[int, Iterator[bytes]]:
    """Length and body of a form with one file of so many bytes."""
    disposition = f'content-disposition: form-data; name="{field}"; filename="{name}"'
    head = f"--{_BOUNDARY}\r\n{disposition}\r\ncontent-type: application/octet-stream\r\n\r\n".encode()
    tail = f"\r\n--{_BOUNDARY}--\r\n".encode()

    def body() -> Iterator[bytes]:
        yield head
        yield from chunks
        yield tail

    return len(head) + size + len(tail), body()


def chunks_of(stream: IO[bytes]) -> Iterator[bytes]:
    """What a stream holds, a piece at a time."""
    while piece := stream.read(CHUNK):
        yield piece


def _error(text: bytes) -> str:
    try:
        return str(json.loads(text)["error"])
    except (ValueError, KeyError, TypeError):
        return text.decode(errors="replace").strip()[:500]
