"""A file server on loopback that can misbehave, and remembers what it was asked.

with FileServer(tmp_path / "published") as server:
    server.misbehave("a.wav", Fault(stop_after=100))
    download(..., url=server.url)
    assert server.ranges("a.wav") == [None, "bytes=100-"]
"""

import re
import ssl
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import unquote, urlsplit


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """How to answer requests for one file instead of as it should be."""

    times: float = 1
    """Requests treated so; infinity for all."""

    status: int | None = None
    """Answer with this, and no file."""

    headers: dict[str, str] = field(default_factory=dict)

    stop_after: int | None = None
    """Send so many bytes of the body and close the connection."""

    stall_after: int | None = None
    """Send so many bytes of the body and then nothing, with the connection open."""

    promise: int | None = None
    """Say that the body is so many bytes longer than it is; negative: send so many fewer."""

    flip: int | None = None
    """Turn over the byte of the file at this position."""

    ignore_range: bool = False
    """Send the whole file with 200."""

    shift_range: int = 0
    """Begin so many bytes after the asked one."""

    no_length: bool = False
    """Say nothing of the length."""

    meet: threading.Barrier | None = None
    """Answer when as many requests have come as it takes."""


class FileServer:
    """Serves the files below a folder; it answers inside its `with` block."""

    def __init__(
        self, root: Path, *, prefix: str = "files", certificate: Path | None = None
    ) -> None:
        """Serve a folder; encrypted where there is a certificate, its key in the same file."""
        self.root = root
        self.requests: list[tuple[str, dict[str, str]]] = []
        """Path below the address and headers, in the order of arrival."""

        self.most_at_once = 0
        self._at_once = 0
        self._prefix = prefix
        self._faults: dict[str, list[Fault]] = {}
        self._lock = threading.Lock()
        self.closing = threading.Event()
        self.stalled = threading.Event()
        """Set when somebody waits for a body that does not come."""

        self._http = _Server(self)
        self.host = f"127.0.0.1:{self._http.server_port}"
        self.url = f"http{'s' if certificate else ''}://{self.host}/{prefix}/"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._http.socket = context.wrap_socket(self._http.socket, server_side=True)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.closing.set()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def misbehave(self, path: str, *faults: Fault) -> None:
        """Treat the next requests for a file in these ways, one after the other."""
        self._faults[path] = [one for fault in faults for one in _repeated(fault)]

    def paths(self) -> list[str]:
        """What was asked for."""
        return [path for path, _ in self.requests]

    def ranges(self, path: str) -> list[str | None]:
        """The `Range` of every request for a file."""
        return [headers.get("Range") for asked, headers in self.requests if asked == path]

    def arrived(self, target: str, headers: dict[str, str]) -> tuple[str, Fault]:
        """Note a request; its path, and what to do."""
        path = unquote(urlsplit(target).path).removeprefix(f"/{self._prefix}/")
        with self._lock:
            self.requests.append((path, headers))
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            waiting = self._faults.get(path, [])
            if not waiting:
                return path, Fault()
            return path, waiting[0] if waiting[0].times == float("inf") else waiting.pop(0)

    def left(self) -> None:
        """Note that a request was dealt with."""
        with self._lock:
            self._at_once -= 1


def _repeated(fault: Fault) -> list[Fault]:
    return [fault] if fault.times == float("inf") else [fault] * int(fault.times)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, owner: FileServer) -> None:
        self.owner = owner
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request, client_address):
        """A client that went away is no failure of the server."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        owner = self.server.owner
        path, fault = owner.arrived(self.path, dict(self.headers))
        try:
            self._answer(owner, path, fault)
        finally:
            owner.left()

    def _answer(self, owner: FileServer, path: str, fault: Fault) -> None:
        if fault.meet is not None:
            fault.meet.wait(5)
        file = owner.root / path
        if fault.status is not None or not file.is_file():
            self.send_response(fault.status or 404)
            self._headers({"Content-Length": "0", **fault.headers})
            return
        content = bytearray(file.read_bytes())
        if fault.flip is not None:
            content[fault.flip] ^= 0xFF
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(asked[1]) if asked and not fault.ignore_range else 0
        if start >= len(content) > 0:
            self.send_response(416)
            self._headers({"Content-Length": "0", "Content-Range": f"bytes */{len(content)}"})
            return
        start += fault.shift_range if asked else 0
        body = bytes(content[start:])
        length = len(body) + (fault.promise or 0)
        headers = {} if fault.no_length else {"Content-Length": str(length)}
        if asked and not fault.ignore_range:
            total = start + length
            headers["Content-Range"] = f"bytes {start}-{total - 1}/{total}"
        self.send_response(206 if asked and not fault.ignore_range else 200)
        self._headers(headers | fault.headers)
        self._send(owner, body[: max(0, length)], fault)

    def _headers(self, headers: dict[str, str]) -> None:
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _send(self, owner: FileServer, body: bytes, fault: Fault) -> None:
        if fault.stall_after is not None:
            self.wfile.write(body[: fault.stall_after])
            owner.stalled.set()
            owner.closing.wait(30)
        else:
            self.wfile.write(body[: fault.stop_after])

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""
