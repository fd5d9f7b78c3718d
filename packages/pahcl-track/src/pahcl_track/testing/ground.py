"""What the tests of the kit stand on: how they make a tracker, and how they look into its store."""

import difflib
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest

from pahcl_track.protocol import Outcome, Run, Tracker
from pahcl_track.values import Value

Rows = Sequence[tuple[int, Mapping[str, Value]]]
"""Calls of `log`: step and values."""

Series = dict[str, list[tuple[int, str]]]
"""For each name, steps and numbers in order. A number is its text, so that NaN equals NaN."""

COMPLETED = Outcome(status="completed")


@dataclass(frozen=True, kw_only=True, slots=True)
class Recorded:
    """What somebody else sees of a run in a tracker's store."""

    rows: Iterable[tuple[int, str, float]]
    """Step, name and number of everything logged, in the order of the store. Names that the tracker
    adds may be among them; values that are not numbers may be left out."""

    files: Mapping[str, bytes] | None = None
    """Content of the files that were saved, by file name; None if the tracker keeps none."""

    outcome: str | None = None
    """Status of the run's end; None if the tracker does not record it."""


class Ground:
    """What an author defines, and what the tests do with it."""

    expected_failures: ClassVar[Mapping[str, str]] = {}
    """Tests that the tracker cannot pass, each with the reason. One that passes all the same
    fails."""

    def make_tracker(self, tmp_path: Path) -> Tracker:
        """Make a tracker, as its entry point would; called again for each run.

        Args:
            tmp_path: The directory of the run that it will be started with.
        """
        raise NotImplementedError(f"{type(self).__name__} has to define make_tracker")

    def read_back(self, tmp_path: Path) -> Recorded | None:
        """See what is stored of a finished run, without the tracker: with a reader of its own.

        Args:
            tmp_path: The directory of the run.

        Returns:
            What is there; None if nobody can know, as long as this is not defined.
        """
        return None

    def __init_subclass__(cls, **keywords: Any) -> None:  # noqa: ANN401
        super().__init_subclass__(**keywords)
        for name, reason in cls.expected_failures.items():
            if not callable(getattr(cls, name, None)):
                close = difflib.get_close_matches(name, [n for n in dir(cls) if n[:5] == "test_"])
                meant = f", did you mean {close[0]!r}?" if close else ""
                raise TypeError(
                    f"{cls.__name__}.expected_failures: there is no test {name!r}{meant}"
                )
            if not isinstance(reason, str) or not reason.strip():
                raise TypeError(f"{cls.__name__}.expected_failures: {name!r} needs a reason")

    @pytest.fixture(autouse=True)
    def _expect_declared_failures(self, request: pytest.FixtureRequest) -> None:
        reason = self.expected_failures.get(request.function.__name__)
        if reason is not None:
            request.applymarker(pytest.mark.xfail(reason=reason, strict=True))

    @pytest.fixture
    def directory(self, tmp_path: Path) -> Path:
        """The run's directory: the only place where its tracker may write."""
        path = tmp_path / "run"
        path.mkdir()
        return path

    def record(
        self,
        directory: Path,
        rows: Rows,
        *,
        files: Iterable[tuple[Path, str]] = (),
        outcome: Outcome = COMPLETED,
    ) -> None:
        """A whole run with a new tracker, called directly."""
        tracker = self.make_tracker(directory)
        tracker.start(run_in(directory))
        for step, values in rows:
            tracker.log(values, step=step)
        for path, kind in files:
            tracker.save(path, kind=kind)
        tracker.finish(outcome)

    def stored(self, directory: Path) -> Recorded:
        """What is stored of a finished run; a test that needs to know is skipped without it."""
        recorded = self.read_back(directory)
        if recorded is None:
            pytest.skip("nothing raised; what was stored nobody can see without read_back")
        return recorded

    def require(self, directory: Path, rows: Rows) -> None:
        """Fail unless exactly these numbers are stored under the names that they were given."""
        logged = series((step, name, value) for step, row in rows for name, value in row.items())
        kept = series(self.stored(directory).rows)
        found = {name: kept[name] for name in logged if name in kept}
        assert found == logged, "what is stored is not what was logged (step, number)"


def run_in(directory: Path, **details: Any) -> Run:  # noqa: ANN401  fields of Run
    """A run with little said of it; in the same directory it is the same run."""
    identity = hashlib.sha256(str(directory).encode()).hexdigest()[:16]
    return Run(name="conformance", directory=directory, id=identity, **details)


def series(numbers: Iterable[tuple[int, str, Any]]) -> Series:
    """Numbers by name, in order; other kinds of values are left out."""
    found: Series = {}
    for step, name, value in numbers:
        if hasattr(type(value), "__float__"):
            found.setdefault(name, []).append((int(step), repr(float(value))))
    return found
