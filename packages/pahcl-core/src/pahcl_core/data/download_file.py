"""The transfer of one file over HTTP, resumed where it broke off and tried again where that helps.

What has arrived lies beside the file as `.part`; the file gets its name when it is whole and right.
Proxies are those of the environment (`HTTPS_PROXY`, `NO_PROXY`, …), as urllib takes them.
"""

import http.client
import re
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from pathlib import Path
from typing import Any

from pahcl_core import __version__
from pahcl_core.errors import DataError, SettingError

_CHUNK_BYTES = 1 << 16
_TEMPORARY = (408, 425, 429, 500, 502, 503, 504)
_RANGE_NOT_SATISFIABLE = 416

Check = Callable[[Path], str]
"""Says what is wrong with a whole file; nothing where it is right."""


class TransferError(DataError):
    """A file that could not be had; others perhaps can."""


class Stopped(Exception):
    """The download was told to stop."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Patience:
    """How long to wait for a server, and how often to try again."""

    timeout_s: float = 30.0
    """Longest silence before a connection is given up, in seconds."""

    attempts: int = 6
    """In a row that bring no new byte."""

    pause_s: float = 1.0
    """After the first such attempt, in seconds; it doubles with each."""

    longest_pause_s: float = 120.0
    """In seconds. A server that asks for more (`Retry-After`) is not waited for."""

    def __post_init__(self) -> None:
        if self.timeout_s <= 0:
            raise SettingError(f"timeout_s must be positive, got {self.timeout_s:g}")
        if self.attempts < 1:
            raise SettingError(f"attempts must be at least 1, got {self.attempts}")


@dataclass(frozen=True, slots=True)
class _Trouble:
    """Why an attempt did not bring the whole file, where another may."""

    reason: str
    after_s: float | None = None
    """When the server asks to be asked again."""


class _NoDowngrade(urllib.request.HTTPRedirectHandler):
    """Follows a redirection, but never from an encrypted address to a plain one."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: Any,  # noqa: ANN401  an answer of whatever handler was used
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        if req.full_url.startswith("https:") and not newurl.startswith("https:"):
            raise TransferError(f"{req.full_url}: redirects to {newurl}, which is not encrypted")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def part_of(path: Path) -> Path:
    """Where the beginning of a file lies while it is fetched."""
    return path.with_name(path.name + ".part")


def fetch(
    url: str, path: Path, *, check: Check | None, patience: Patience, stop: threading.Event
) -> None:
    """Bring a file here, going on from its `.part` where there is one.

    A file that arrives whole and is wrong all the same is fetched once more from its beginning.

    Args:
        url: Its address, http or https.
        path: Where it goes; its folder is made.
        check: Proves a file whole and right; without it, the length that the server promises has
            to do.
        patience: How often to try.
        stop: Ends the transfer soon after it is set; the `.part` stays.

    Raises:
        TransferError: If the server refuses, is silent too often, or sends something wrong twice.
        DataError: If the disk refuses.
        Stopped: If it was told to stop.
    """
    part = part_of(path)
    failures, refetched = 0, False
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        most = _size(part)
        while True:
            trouble = _receive(url, part, patience, stop)
            size = _size(part)
            wrong = check(part) if check and part.exists() else ""
            # What is proved right is whole, whatever length the server had promised.
            if not wrong and (trouble is None or (check and part.exists())):
                part.replace(path)
                return
            if trouble is None:
                part.unlink()
                if refetched:
                    raise TransferError(f"{url}: arrived whole but wrong, twice: {wrong}")
                refetched, most, failures = True, 0, 0
                continue
            failures = 0 if size > most else failures + 1
            most = max(most, size)
            if failures >= patience.attempts:
                raise TransferError(f"{url}: {trouble.reason}; tried {failures} times")
            _wait(url, trouble, failures, patience, stop)
    except OSError as error:  # of the disk; the network's are dealt with where they arise
        raise DataError(f"{path}: cannot be written: {error.strerror or error}") from error


def _wait(
    url: str, trouble: _Trouble, failures: int, patience: Patience, stop: threading.Event
) -> None:
    pause_s = patience.pause_s * 2 ** (failures - 1) if failures else 0.0
    if trouble.after_s is not None:
        pause_s = trouble.after_s
        if pause_s > patience.longest_pause_s:
            raise TransferError(
                f"{url}: {trouble.reason}, and asks to come back in {pause_s:.0f} s"
            )
    if stop.wait(min(pause_s, patience.longest_pause_s)):
        raise Stopped


def _receive(url: str, part: Path, patience: Patience, stop: threading.Event) -> _Trouble | None:
    """One attempt; nothing where the server sent all that it promised."""
    have = _size(part)
    headers = {"User-Agent": f"pahcl/{__version__}", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    try:
        request = urllib.request.Request(url, headers=headers)
        encrypted = urllib.request.HTTPSHandler(context=_tls_context())
        opener = urllib.request.build_opener(_NoDowngrade, encrypted)
        response = opener.open(request, timeout=patience.timeout_s)
    except urllib.error.HTTPError as answer:
        with answer:
            return _refusal(url, answer, part, have)
    except (OSError, http.client.HTTPException) as error:
        return _no_connection(url, error)
    with response:
        return _save(response, part, have, stop)


@cache
def _tls_context() -> ssl.SSLContext:
    """Trusts whom the system, or `SSL_CERT_FILE`, trusts; reading that takes as long as a file."""
    return ssl.create_default_context()


def _save(response: Any, part: Path, have: int, stop: threading.Event) -> _Trouble | None:  # noqa: ANN401  what urllib gives is not typed
    """Append the body to the part, or begin it anew where the server sends the whole file."""
    start, end = _span(response)
    if start not in (0, have):
        part.unlink()
        return _Trouble("answers with another range than the one asked for")
    with part.open("ab" if start else "wb") as file:
        while True:
            try:
                chunk = response.read1(_CHUNK_BYTES)
            except TimeoutError:
                return _Trouble(f"fell silent after {file.tell():,} bytes")
            except (OSError, http.client.HTTPException) as error:
                return _Trouble(f"broke off after {file.tell():,} bytes ({error})")
            if not chunk:
                break
            file.write(chunk)
            file.flush()  # so that the part has it however this ends
            if stop.is_set():
                raise Stopped
        length = file.tell()
    if end is not None and length < end:
        return _Trouble(f"closed the connection after {length:,} of {end:,} bytes")
    return None


def _span(response: Any) -> tuple[int | None, int | None]:  # noqa: ANN401
    """Where in the file the body begins, and where the file ends; None where nothing says."""
    length = response.headers.get("Content-Length", "")
    if response.status != http.client.PARTIAL_CONTENT:
        return 0, int(length) if length.isdigit() else None
    said = response.headers.get("Content-Range", "")
    match = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+|\*)", said.strip())
    if match is None:
        return None, None
    first, last, total = match.groups()
    return int(first), int(last) + 1 if total == "*" else int(total)


def _refusal(url: str, answer: urllib.error.HTTPError, part: Path, have: int) -> _Trouble | None:
    """What an answer that is no success means."""
    code = answer.code
    if code == _RANGE_NOT_SATISFIABLE and have:
        total = answer.headers.get("Content-Range", "").removeprefix("bytes */")
        if total.isdigit() and int(total) != have:
            part.unlink()
            return _Trouble(f"has {total} bytes, fewer than arrived before")
        return None  # everything is here already
    what = f"HTTP {code} {answer.reason}"
    if code in _TEMPORARY:
        return _Trouble(what, after_s=_seconds(answer.headers.get("Retry-After", "")))
    remedies = {
        401: "; it wants an account: is --url the public address?",
        403: "; it refuses: is --url the public address, and is this network allowed to ask?",
        404: "; is --url right?",
        407: "; put the proxy's account into HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT",
    }
    raise TransferError(f"{url}: {what}{remedies.get(code, '')}")


def _seconds(retry_after: str) -> float | None:
    """The time that a server asks for, given in seconds or as a date."""
    text = retry_after.strip()
    if text.isdigit():
        return float(text)
    try:
        when = parsedate_to_datetime(text)
    except ValueError:
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return max(0.0, (when - datetime.now(UTC)).total_seconds())


def _no_connection(url: str, error: Exception) -> _Trouble:
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(cause, ssl.SSLCertVerificationError):
        raise TransferError(
            f"{url}: its certificate is not trusted ({cause.verify_message}); behind a proxy that "
            "looks into encrypted traffic, set SSL_CERT_FILE to the proxy's certificate"
        ) from error
    if isinstance(cause, TimeoutError):
        return _Trouble("no answer in time")
    return _Trouble(f"cannot be reached ({cause}); behind a proxy, set HTTP_PROXY and HTTPS_PROXY")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
