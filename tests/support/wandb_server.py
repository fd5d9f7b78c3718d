"""A small Weights & Biases server on loopback, for tests with the real client.

It answers what wandb 0.31.0 asks while it records a run or works through a sweep: GraphQL, the
line-wise `file_stream`, and uploads. It can be told to fail: with a status, garbage, a dropped
connection, or no answer at all.

    with WandbServer() as server:
        subprocess.run([...], env=server.environment(tmp_path), timeout=60, check=True)
        assert server.runs["my-run"].history == [...]
"""

import base64
import contextlib
import json
import os
import re
import secrets
import socket
import sys
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, TypeAlias
from urllib.parse import unquote, urlsplit

from support.wandb_graphql import Store
from support.wandb_records import RecordedArtifact, RecordedRun
from support.wandb_sweeps import Sweeps

Kind: TypeAlias = Literal["graphql", "file_stream", "upload", "other", "foreign"]
Scope: TypeAlias = Literal["everything", "graphql", "file_stream", "upload"]


@dataclass(frozen=True, slots=True)
class Request:
    """A request that was answered, or deliberately not."""

    kind: Kind
    name: str
    """The GraphQL operation, otherwise method and path. `foreign` is whatever was meant for another
    server and came here because the client takes this one for its proxy."""

    status: int | None
    """None if the connection was dropped or left to hang."""


@dataclass(slots=True)
class _Fault:
    """What to do instead of answering."""

    action: Literal["answer", "drop", "hang"]
    times: float
    """Requests left to treat so."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


class WandbServer:
    """The server; it answers inside its `with` block."""

    def __init__(self) -> None:
        self.api_key = secrets.token_hex(20)
        """Of 40 hexadecimal characters; a request with another key is answered 401."""

        self.requests: list[Request] = []
        self._http = _HttpServer(self)
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        self._store = Store(self.url)
        self._lock = threading.Lock()
        self._faults: dict[Scope, _Fault] = {}
        self._closing = threading.Event()
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
        self._closing.set()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()
        if kind is None and self._http.errors:
            raise RuntimeError("the test server failed") from self._http.errors[0]

    @property
    def runs(self) -> dict[str, RecordedRun]:
        """The runs by id."""
        return self._store.runs

    @property
    def artifacts(self) -> list[RecordedArtifact]:
        """The artifacts of all runs in the order of their creation."""
        return list(self._store.artifacts.values())

    @property
    def sweeps(self) -> Sweeps:
        """The sweeps, and what their trials are to be given."""
        return self._store.sweeps

    def environment(self, folder: Path) -> dict[str, str]:
        """The whole environment for a client's process.

        The client writes below `folder` only and finds no settings or `.netrc` of the person at
        this machine. It sends rows every second instead of every fifteen, and waits one second
        before it tries again; it takes whole seconds only. It takes this server for its proxy, so
        that a request meant for any other address is recorded here as `foreign` and goes nowhere.
        """
        folders = {
            name: folder / name.lower()
            for name in ("HOME", "WANDB_DIR", "WANDB_CACHE_DIR", "WANDB_CONFIG_DIR",
                         "WANDB_DATA_DIR", "WANDB_ARTIFACT_DIR")
        }  # fmt: skip
        for path in folders.values():
            path.mkdir(parents=True, exist_ok=True)
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("WANDB_", "XDG_")) and not name.lower().endswith("_proxy")
        }
        inherited.pop("NETRC", None)
        proxies = ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")
        waits = {
            f"WANDB__{client}_RETRY_WAIT_{limit}_SECONDS": "1"
            for client in ("GRAPHQL", "FILE_STREAM", "FILE_TRANSFER")
            for limit in ("MIN", "MAX")
        }
        return {
            **inherited,
            **{name: str(path) for name, path in folders.items()},
            **dict.fromkeys(proxies, self.url),
            **dict.fromkeys(("no_proxy", "NO_PROXY"), "127.0.0.1"),
            **waits,
            "WANDB_BASE_URL": self.url,
            "WANDB_API_KEY": self.api_key,
            "WANDB_ERROR_REPORTING": "false",
            "WANDB_SILENT": "true",
            "WANDB_DISABLE_CODE": "true",
            "WANDB_DISABLE_GIT": "true",
            "WANDB__DISABLE_STATS": "true",
            "WANDB__FILE_STREAM_TRANSMIT_INTERVAL": "1",
        }

    def fail_with(
        self,
        status: int,
        *,
        body: bytes = b"",
        retry_after_s: float | None = None,
        on: Scope = "everything",
        times: float = float("inf"),
    ) -> None:
        """Answer the next `times` requests with this status and body; 200 and garbage will do."""
        headers = {} if retry_after_s is None else {"Retry-After": str(retry_after_s)}
        self._set_fault(on, _Fault("answer", times, status, headers, body))

    def drop(self, *, on: Scope = "everything", times: float = float("inf")) -> None:
        """Close the connection of the next `times` requests without an answer."""
        self._set_fault(on, _Fault("drop", times))

    def hang(self, *, on: Scope = "everything", times: float = float("inf")) -> None:
        """Read the next `times` requests and never answer them, not even after `recover`."""
        self._set_fault(on, _Fault("hang", times))

    def recover(self) -> None:
        """Answer normally again."""
        with self._lock:
            self._faults.clear()

    def _set_fault(self, on: Scope, fault: _Fault) -> None:
        """Misbehave for requests of one scope; another scope keeps its fault."""
        with self._lock:
            self._faults[on] = fault

    def _take_fault(self, kind: Kind) -> _Fault | None:
        """The fault that applies to a request of this kind, counted."""
        with self._lock:
            for scope, fault in self._faults.items():
                if scope in ("everything", kind) and fault.times > 0:
                    fault.times -= 1
                    return fault
        return None


class _HttpServer(ThreadingHTTPServer):
    """Keeps the exceptions of its handlers instead of printing them."""

    def __init__(self, owner: WandbServer) -> None:
        self.owner = owner
        self.errors: list[BaseException] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        error = sys.exception()
        # A client that gave up, or was killed, closes its end first.
        if error is not None and not isinstance(error, ConnectionError):
            self.errors.append(error)


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"  # the client keeps its connections open
    server: _HttpServer

    def do_POST(self) -> None:
        self._handle()

    do_GET = do_PUT = do_CONNECT = do_POST

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        kind, name, message = self._classify(body)
        owner = self.server.owner
        fault = owner._take_fault(kind)
        if fault is None:
            with owner._lock:
                status, content = self._answer(kind, name, message, body)
            headers = {}
        else:
            status, content, headers = fault.status, fault.body, fault.headers
        answered = fault is None or fault.action == "answer"
        owner.requests.append(Request(kind, name, status if answered else None))
        if not answered:
            self._stay_silent(hang=fault is not None and fault.action == "hang")
            return
        self.send_response(status)
        for header, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(header, value)
        self.end_headers()
        self.wfile.write(content)

    def _classify(self, body: bytes) -> tuple[Kind, str, dict[str, Any]]:
        """Kind and name of a request, and its decoded body where that is JSON."""
        name = f"{self.command} {self.path}"
        if self.command == "CONNECT" or urlsplit(self.path).netloc:
            return "foreign", name, {}
        if self.path == "/graphql":
            message = json.loads(body)
            # The client names the operation beside the query, or in it only.
            named = re.match(r"\s*(?:query|mutation)\s+(\w+)", message["query"])
            return "graphql", named[1] if named else "", message
        if self.path.endswith("/file_stream"):
            return "file_stream", name, json.loads(body)
        return ("upload" if self.command == "PUT" else "other"), name, {}

    def _answer(
        self, kind: Kind, name: str, message: dict[str, Any], body: bytes
    ) -> tuple[int, bytes]:
        """Status and body of the answer."""
        store = self.server.owner._store
        path = unquote(self.path)
        if kind == "upload" and path in store.uploads:  # the address itself is the permission
            store.uploads[path](body)
            return 200, b""
        if kind in ("graphql", "file_stream") and not self._authorised():
            return 401, b'{"errors": [{"message": "wrong API key"}]}'
        if kind == "graphql":
            data = store.answer(name, message.get("variables") or {})
            if data is None:
                error = f"the test server does not know {name}"
                return 400, json.dumps({"errors": [{"message": error}]}).encode()
            return 200, json.dumps({"data": data}).encode()
        if kind == "file_stream":
            run = store.runs[path.split("/")[-2]]
            run.stream(message)
            return 200, b"{}"
        return 404, b""

    def _authorised(self) -> bool:
        """Whether the request carries the server's key."""
        expected = base64.b64encode(f"api:{self.server.owner.api_key}".encode()).decode()
        return self.headers.get("Authorization") == f"Basic {expected}"

    def _stay_silent(self, *, hang: bool) -> None:
        """End the connection without an answer, now or when the server closes."""
        if hang:
            self.server.owner._closing.wait()
        self.close_connection = True
        with contextlib.suppress(OSError):  # the client may have closed its end before
            self.connection.shutdown(socket.SHUT_RDWR)
