"""The journal: a record of a whole run that survives the run's death.

One line of JSON for each event, appended by one system call before the call that reports it
returns. What the operating system has taken does not go down with the process. What a death left of
a last line is cut off when the run goes on. What a full disk left of one is followed by a line
break, and readers pass over it; the lines that did not fit are kept in memory and written when
there is room again. Pictures, each a file of its own, are not kept.

`journal.jsonl` begins with the run (`run`); then come rows (`step`, `values`), files (`save`,
`kind`), resumptions (`resumed`) and the end (`finish`). Each line has its number `n`, ascending,
and the time `t` in seconds since 1970.
"""

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from pahcl_track.encoding import Plain, dumps, encode_config, encode_values, plain
from pahcl_track.errors import TrackerError
from pahcl_track.events import Ended, Resumed, Row, Saved
from pahcl_track.journal_file import lock_file, mend_end
from pahcl_track.protocol import Outcome, Run
from pahcl_track.values import Image

log = logging.getLogger(__name__)

JOURNAL = "journal.jsonl"
PICTURES = "journal.pictures"

_MOST_PENDING = 50_000
"""Lines kept while the disk is full; the oldest go first beyond that."""

_KEPT = "what is missing there is kept in memory and written when it can be"
_RETRY_S = 0.5
_MOST_LINES = 100
"""Sets of names that are remembered; a program that makes up names has no end of them."""

_FLOATS = {float}


class Journal:
    """Appends to a run's journal; safe to use from several threads.

    Raises:
        TrackerError: If another process writes this journal.
        OSError: If it cannot be made or opened.
    """

    def __init__(self, directory: Path, *, written: bool = True) -> None:
        """Open the journal of a run's directory, new or to be gone on with.

        One that is not `written` only counts: for a run whose directory cannot be written.
        """
        self.path = directory / JOURNAL
        self.lost = 0
        """Lines and pictures that never reached the disk."""

        self.lock = threading.RLock()
        """Held while an event is recorded; to pass events on in their order, hold it meanwhile."""

        self.written = written

        self._pictures = directory / PICTURES
        self._next = 0
        self._lines: dict[tuple[str, ...], str] = {}  # of floats, by their names
        self._pending: deque[bytes] = deque(maxlen=_MOST_PENDING)
        self._torn = False
        self._retry_at = 0.0
        self._complained: set[Path] = set()
        if not written:
            self._file = os.open(os.devnull, os.O_WRONLY)
            return
        directory.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
        self._file = os.open(self.path, flags, 0o644)
        try:
            if not lock_file(self._file):
                raise TrackerError(f"{self.path}: another process is writing this run")
            self._torn = not mend_end(self._file)
        except BaseException:
            self.close()
            raise

    def go_on_after(self, number: int) -> None:
        """Number what comes from here on after that event."""
        self._next = number + 1

    @property
    def next_number(self) -> int:
        """Of the event to come."""
        return self._next

    def floats(self, values: Mapping[str, Any], step: int) -> Row:
        """Record finite floats under names that came together before, as nearly every row does.

        The line is put together by hand, in half the time that the general way takes.

        Raises:
            TypeError: If a value is anything else or the step no int, and nothing was recorded.
            KeyError: If the names are new, and nothing was recorded.
        """
        numbers = tuple(values.values())
        if type(step) is not int or set(map(type, numbers)) != _FLOATS:
            raise TypeError
        total = sum(numbers)
        if total - total != 0:  # an infinity or NaN is among them
            raise TypeError
        line = self._lines[tuple(values)]
        with self.lock:
            number, now = self._next, time.time()
            content = (line % (number, now, step, *numbers)).encode()
            self._next = number + 1
            self._append(content)
        return Row(number, now, step, dict(values))

    def row(self, values: Mapping[str, Plain], step: int) -> Row:
        """Record values of any kind."""
        if len(self._lines) >= _MOST_LINES:
            self._lines.clear()
        self._lines[tuple(values)] = _line_of_floats(values)
        content = dumps(self._encoded(values))
        with self.lock:
            number, now = self._next, time.time()
            self._next = number + 1
            line = f'{{"n":{number},"t":{now!r},"step":{step},"values":{content}}}\n'
            self._append(line.encode())
        return Row(number, now, step, values)

    def run(self, run: Run) -> None:
        """Record the run itself, first of all."""
        described = {field.name: getattr(run, field.name) for field in fields(run)}
        described["directory"] = str(run.directory)
        described["tags"] = list(run.tags)
        described["config"] = encode_config(run.config)
        with self.lock:
            self._record({"run": described})

    def saved(self, path: Path, kind: str) -> Saved:
        """Record a file; below the run's directory by its name there, so that it can be moved."""
        shown = path.resolve()
        directory = self.path.parent.resolve()
        if shown.is_relative_to(directory):
            shown = shown.relative_to(directory)
        with self.lock:
            number, now = self._record({"save": shown.as_posix(), "kind": kind})
        return Saved(number, now, path, kind)

    def resumed(self, step: int) -> Resumed:
        """Record that the run goes on from a step."""
        with self.lock:
            number, now = self._record({"resumed": step})
        return Resumed(number, now, step)

    def ended(self, outcome: Outcome) -> Ended:
        """Record the end, and have it brought to the disk itself."""
        summary = {name: plain(value) for name, value in outcome.summary.items()}
        content = {
            "status": outcome.status,
            "error": outcome.error,
            "summary": self._encoded(summary),
        }
        with self.lock:
            number, now = self._record({"finish": content})
            self._retry_at = 0.0
            self._write_pending()
            try:
                if self.written:
                    os.fsync(self._file)
            except OSError as error:
                self._complain(error)
        return Ended(number, now, outcome)

    def close(self) -> None:
        """Let go of the file and of its lock; what still did not fit on the disk is lost."""
        with self.lock:
            if self._file >= 0:
                self.lost += len(self._pending)
                os.close(self._file)
                self._file = -1

    def forget(self) -> None:
        """In a forked child: let go of what is the parent's, which keeps its lock."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _encoded(self, values: Mapping[str, Plain]) -> dict[str, Any]:
        """Values as they are written; without their pictures where those do not fit on the disk."""
        if not self.written:
            return {}
        try:
            return encode_values(values, self._pictures)
        except OSError as error:
            self._complain(error, of=self._pictures, then="their rows are kept without them")
            rest = {name: value for name, value in values.items() if not isinstance(value, Image)}
            self.lost += len(values) - len(rest)
            return encode_values(rest, self._pictures)

    def _record(self, content: Mapping[str, Any]) -> tuple[int, float]:
        number, now = self._next, time.time()
        self._next = number + 1
        line = dumps({"n": number, "t": now, **content}) + "\n"
        self._append(line.encode())
        return number, now

    def _append(self, line: bytes) -> None:
        if self._pending:
            self._keep(line)
            self._write_pending()
            return
        try:
            if self._write(line):
                return
            self._complain(OSError("the disk is full"))
        except OSError as error:
            self._complain(error)
        self._keep(line)

    def _write(self, line: bytes) -> bool:
        """Whether the whole line is in the file, if need be without its line break."""
        if self._torn:
            os.write(self._file, b"\n")
            self._torn = False
        missing = len(line) - os.write(self._file, line)
        self._torn = missing > 0
        return missing <= 1

    def _keep(self, line: bytes) -> None:
        if len(self._pending) == _MOST_PENDING:
            self.lost += 1
        self._pending.append(line)

    def _write_pending(self) -> None:
        """Try again what did not fit, though not at every call."""
        now = time.monotonic()
        if now < self._retry_at:
            return
        try:
            while self._pending and self._write(self._pending[0]):
                self._pending.popleft()
            if self._torn:
                os.write(self._file, b"\n")
                self._torn = False
        except OSError as error:
            self._complain(error)
        if self._pending:
            self._retry_at = now + _RETRY_S

    def _complain(self, error: OSError, *, of: Path | None = None, then: str = _KEPT) -> None:
        path = of or self.path
        if path not in self._complained:
            self._complained.add(path)
            reason = error.strerror or error
            log.warning("%s cannot be written: %s; the run goes on, and %s", path, reason, then)


def _line_of_floats(names: Iterable[str]) -> str:
    """A row's line, with `%` marks for the number, the time, the step and the values."""
    content = ",".join(dumps(name).replace("%", "%%") + ":%r" for name in names)
    return f'{{"n":%d,"t":%r,"step":%d,"values":{{{content}}}}}\n'
