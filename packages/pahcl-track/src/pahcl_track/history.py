"""Reading journals: what a run was, what it logged, and how it ended.

A run that was killed and resumed has logged some steps twice. Here each (name, step) of such a run
appears once: what was logged after the step it resumed from is void, and what is logged again
takes the place of what was there. Within one stretch of a run, what was logged twice stays twice.
"""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from pahcl_track.encoding import Plain, decode_values, dumps, encode_values
from pahcl_track.errors import TrackerError
from pahcl_track.events import Ended, Event, Resumed, Row, Saved
from pahcl_track.journal import JOURNAL, PICTURES
from pahcl_track.journal_file import is_whole
from pahcl_track.protocol import Outcome, Run


@dataclass(frozen=True, kw_only=True, slots=True)
class History:
    """A run as its journal has it."""

    run: Run
    rows: tuple[Row, ...]
    """In the order they were logged; a run that was resumed has each (name, step) once."""

    files: tuple[Saved, ...]
    """The last mention of each."""

    outcome: Outcome | None
    """None where the journal just stops."""

    unreadable: int
    """Lines that a crash or a full disk cut short."""

    def names(self) -> tuple[str, ...]:
        """Of everything logged, in the order of first appearance."""
        return tuple(dict.fromkeys(name for row in self.rows for name in row.values))

    def series(self, name: str) -> tuple[list[int], list[Plain]]:
        """Steps and values of one name, in the order they were logged."""
        found = [(row.step, row.values[name]) for row in self.rows if name in row.values]
        return [step for step, _ in found], [value for _, value in found]

    def write_csv(self, path: Path) -> None:
        """One line for each row and a column for each name whose values are numbers."""
        others = {
            name
            for row in self.rows
            for name, value in row.values.items()
            if not isinstance(value, float | int)
        }
        names = [name for name in self.names() if name not in others]
        # A name may hold half of a pair of surrogates, which UTF-8 does not have.
        with path.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["step", "time_s", *names])
            for row in self.rows:
                if row.values.keys() - others:
                    cells = [row.values.get(name, "") for name in names]
                    writer.writerow([row.step, row.time_s, *cells])

    def write_jsonl(self, path: Path) -> None:
        """One JSON object for each row: `step`, `time_s` and the values by name."""
        with path.open("w", encoding="utf-8", newline="\n") as file:
            for row in self.rows:
                values = encode_values(row.values, path.parent / PICTURES)
                file.write(dumps({"step": row.step, "time_s": row.time_s, "values": values}) + "\n")


class Reader:
    """Reads a journal from where it left off: also one that is still being written."""

    def __init__(self, path: Path) -> None:
        """Begin at the beginning of a run directory's journal, or of the journal given itself."""
        itself = path.suffix == Path(JOURNAL).suffix and not path.is_dir()
        self.path = path if itself else path / JOURNAL
        self.unreadable = 0
        self._directory = self.path.parent
        self._offset = 0

    def events(self) -> Iterator[Run | Event]:
        """What has been written since the last time; a line that is not whole is left for the next.

        Raises:
            OSError: If there is no journal.
        """
        with self.path.open("rb") as file:
            file.seek(self._offset)
            for line in file:
                if not line.endswith(b"\n") and not is_whole(line):
                    return
                self._offset += len(line)
                if line.strip():
                    event = self._event(line)
                    if event is not None:
                        yield event

    def _event(self, line: bytes) -> Run | Event | None:
        try:
            return self._parsed(json.loads(line.decode()))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            self.unreadable += 1
            return None

    def _parsed(self, content: Mapping[str, Any]) -> Run | Event | None:
        number, time_s = _is(int, content["n"]), _is(float | int, content["t"])
        pictures = self._directory / PICTURES
        if "values" in content:
            values = decode_values(content["values"], pictures)
            return Row(number, time_s, _is(int, content["step"]), values)
        if "save" in content:
            path = self._directory / content["save"]
            return Saved(number, time_s, path, _is(str, content["kind"]))
        if "resumed" in content:
            return Resumed(number, time_s, _is(int, content["resumed"]))
        if "finish" in content:
            end = content["finish"]
            summary = decode_values(end["summary"], pictures)
            status, error = _is(str, end["status"]), _is(str | None, end["error"])
            return Ended(number, time_s, Outcome(status=status, error=error, summary=summary))
        if "run" in content:
            return _run(content["run"], self._directory)
        return None  # of a later version


class Sequel:
    """What a tracker that only ever appends is given of a run that was resumed.

    Values that were logged before, at the same step and under the same name, are left out when the
    resumed run logs them again. The choice depends on the events before alone: whoever holds the
    first rows that this keeps can be given the rest.
    """

    def __init__(self) -> None:
        """Begin before the first event of a journal."""
        self._logged: set[tuple[str, int]] = set()
        self._before: set[tuple[str, int]] = set()

    def keep(self, event: Event) -> Event | None:
        """The event, or what is left of it; None if nothing is. To be given all, in order."""
        if isinstance(event, Resumed):
            self._before |= self._logged
            self._logged.clear()
        if not isinstance(event, Row):
            return event
        kept = _without(event, self._before)
        self._logged |= {(name, event.step) for name in kept.values}
        return kept if kept.values or not event.values else None


def read_history(path: Path, *, before: int | None = None) -> History:
    """The history of a run.

    Args:
        path: The run's directory, or its journal.
        before: The number of an event: as the history was before it.

    Raises:
        TrackerError: If there is no journal, or it does not begin with a run.
    """
    reader = Reader(path)
    try:
        events = list(reader.events())
    except OSError as error:
        raise TrackerError(f"{reader.path}: no journal of a run: {error.strerror}") from error
    runs = [event for event in events if isinstance(event, Run)]
    if not runs:
        raise TrackerError(f"{reader.path}: does not begin with a run")
    if before is not None:
        events = [event for event in events if isinstance(event, Run) or event.number < before]
    ends = [event for event in events if isinstance(event, Ended | Resumed)]
    files = {event.path: event for event in events if isinstance(event, Saved)}
    return History(
        run=runs[0],
        rows=tuple(_settled(event for event in events if isinstance(event, Row | Resumed))),
        files=tuple(files.values()),
        outcome=ends[-1].outcome if ends and isinstance(ends[-1], Ended) else None,
        unreadable=reader.unreadable,
    )


def as_logged(path: Path) -> tuple[Row, ...]:
    """The rows that a tracker was given while the run went on; see `Sequel`.

    Raises:
        OSError: If there is no journal.
    """
    sequel = Sequel()
    kept = [sequel.keep(event) for event in Reader(path).events() if not isinstance(event, Run)]
    return tuple(row for row in kept if isinstance(row, Row))


def _settled(events: Iterable[Row | Resumed]) -> list[Row]:
    """Rows without what a resumption made void or what was logged again after it."""
    stretches: list[list[Row]] = [[]]
    for event in events:
        if isinstance(event, Resumed):
            stretches = [
                [row for row in stretch if row.step <= event.step] for stretch in stretches
            ]
            stretches.append([])
        else:
            stretches[-1].append(event)
    again: set[tuple[str, int]] = set()
    settled: list[list[Row]] = []
    for stretch in reversed(stretches):
        rows = [_without(row, again) for row in stretch]
        again |= {(name, row.step) for row in stretch for name in row.values}
        settled.append([row for row in rows if row.values])
    return [row for stretch in reversed(settled) for row in stretch]


def _without(row: Row, again: set[tuple[str, int]]) -> Row:
    if not any((name, row.step) in again for name in row.values):
        return row
    kept = {name: value for name, value in row.values.items() if (name, row.step) not in again}
    return row._replace(values=kept)


def _run(content: Mapping[str, Any], directory: Path) -> Run:
    known = {field.name for field in fields(Run)}
    values = {name: value for name, value in content.items() if name in known}
    run = Run(**{**values, "directory": directory, "tags": tuple(content["tags"])})
    _is(Mapping, run.config)
    return run


def _is(kind: Any, value: Any) -> Any:  # noqa: ANN401  a type, or a union of some
    """The value, which is of that kind; JSON that is damaged may still be JSON."""
    if not isinstance(value, kind) or isinstance(value, bool):
        raise TypeError(f"{value!r} is not of the type {kind}")
    return value
