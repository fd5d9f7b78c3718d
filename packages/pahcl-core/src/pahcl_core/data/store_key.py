"""Names for prepared recordings that change with whatever could change their content."""

import hashlib
import json
import time
from dataclasses import asdict
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from pahcl_core.data.collection import Recording
from pahcl_core.data.preparation import SignalConfig

Stamp = tuple[tuple[int, ...], ...]
"""Which files they are, how large, and when they were changed, which nobody can set back."""

_CHUNK = 1 << 18
_SETTLED_S = 60.0  # longer than the clock of any file system stands still
_SUFFIXES = (".py", ".npz", ".json")
_MAKERS = ("pahcl_core.signal", "pahcl_core.data")
_LIBRARIES = ("numpy", "scipy")


def settings_key(config: SignalConfig) -> str:
    """A name for how recordings are prepared: the settings, this code, and what it computes with.

    Returns:
        16 hexadecimal digits.
    """
    settings = json.dumps(asdict(config), sort_keys=True)
    return hashlib.sha256(f"{settings}\n{_code()}".encode()).hexdigest()[:16]


def recording_key(recording: Recording) -> str:
    """A name for what a recording's files hold, whatever they are called.

    The bytes are read, since a date or a size may stay the same when the content does not.

    Returns:
        32 hexadecimal digits.
    """
    digest = hashlib.sha256()
    for path in (recording.path, recording.states_path):
        digest.update(b"nothing" if path is None else path.suffix.lower().encode())
        digest.update(b"" if path is None else _content(path))
    return digest.hexdigest()[:32]


def recording_stamp(recording: Recording) -> Stamp | None:
    """What changes when a recording's files are written to, at a hundredth of a hash's cost.

    It holds within a run alone, where it is compared with one taken a moment before.

    Returns:
        None where it does not tell: a file cannot be looked at, or was changed so lately that it
        may be changed again within the same tick of its clock.
    """
    stamps = []
    try:
        for path in (recording.path, recording.states_path):
            if path is not None:
                now = path.stat()
                stamps.append((now.st_ino, now.st_size, now.st_mtime_ns, now.st_ctime_ns))
    except OSError:
        return None
    latest_s = max(max(mtime_ns, ctime_ns) for _, _, mtime_ns, ctime_ns in stamps) / 1e9
    return tuple(stamps) if time.time() - latest_s > _SETTLED_S else None


def _content(path: Path) -> bytes:
    """Of a file, as a hash; of one that cannot be read, why not."""
    digest = hashlib.sha256()
    try:
        with path.open("rb", buffering=0) as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    except OSError as error:
        return f"cannot be read: {error.strerror}".encode()
    return digest.digest()


@cache
def _code() -> str:
    """A hash of every module and parameter that has a part in preparing a recording.

    A change in a comment is taken for a change, too: that costs a minute, a stale store a paper.
    """
    digest = hashlib.sha256()
    for library in _LIBRARIES:
        digest.update(f"{library} {version(library)}\n".encode())
    for package in _MAKERS:
        for file in sorted(_modules(files(package)), key=lambda one: one.name):
            digest.update(f"{package}/{file.name}\n".encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()


def _modules(package: Traversable) -> list[Traversable]:
    return [one for one in package.iterdir() if one.name.endswith(_SUFFIXES)]
