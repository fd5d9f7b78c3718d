"""What is promised of a run's course: its start, its files, its end, and who else is there."""

import contextlib
import inspect
import math
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pahcl_track.errors import TrackerError
from pahcl_track.protocol import Outcome, Positioned, Tracker
from pahcl_track.testing.ground import COMPLETED, Ground, Rows, run_in
from pahcl_track.values import Histogram, Table, Value

_CALLS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "start": (("run",), ()),
    "log": (("values",), ("step",)),
    "save": (("path",), ("kind",)),
    "finish": (("outcome",), ()),
}
"""What each method is given: by position, and by name."""

_LONGEST_S = 120.0


class CoursePromised(Ground):
    """Promises about start, save and finish; the tracker is called directly."""

    def test_the_four_methods_take_what_they_are_given(self, directory: Path) -> None:
        """`log(values, step=…)`, `save(path, kind=…)`, and nothing that must be given besides."""
        tracker = self.make_tracker(directory)
        for name, (by_position, by_name) in _CALLS.items():
            method = getattr(tracker, name, None)
            assert callable(method), f"there is no method {name!r}"
            assert not inspect.iscoroutinefunction(method), f"nobody awaits {name!r}"
            try:
                inspect.signature(method).bind(*by_position, **dict.fromkeys(by_name))
            except TypeError as error:
                called = ", ".join([*by_position, *(f"{one}=…" for one in by_name)])
                pytest.fail(
                    f"{name} is called as {name}({called}), which it does not take: {error}"
                )
        assert isinstance(tracker, Tracker)

    def test_nothing_is_written_before_start(self, directory: Path) -> None:
        """Every process of a parallel run makes its trackers; only one of them starts them."""
        self.make_tracker(directory)
        assert _below(directory.parent) == {directory}

    def test_start_takes_all_that_a_run_can_say(self, directory: Path) -> None:
        """In any script, and with nothing left out."""
        run = run_in(
            directory,
            project="Herztöne 心音",
            group="fold 1/5",
            job_type="finetune",
            tags=("circor", "débruité"),
            notes="Two lines,\nthe second with “quotes”.",
            config={"seed": 42},
        )
        self._record_little(directory, run)

    def test_start_takes_a_nested_configuration(self, directory: Path) -> None:
        """Mappings and lists of texts, numbers, truth values and None, to any depth."""
        config = {
            "optimizer": {"name": "adamw", "betas": [0.9, 0.999], "amsgrad": False, "lr": 1e-3},
            "encoder": {"sizes": [[1, 2], []], "norm": None, "deep": {"deeper": {"deepest": {}}}},
            "data": {"path": "/daten/Herztöne", "a.b": {"c/d": 1}, "": "no name"},
            "limit": math.inf,
            "long": "x" * 100_000,
        }
        self._record_little(directory, run_in(directory, config=config))

    def test_a_callable_in_the_configuration_is_never_called(self, directory: Path) -> None:
        """To refuse it is allowed, since a configuration holds plain values; to call it is not."""
        called = []
        run = run_in(directory, config={"loss": lambda *_: called.append("loss"), "seed": 1})
        with contextlib.suppress(TypeError, ValueError):
            self._record_little(directory, run)
        assert not called, "a function in the configuration was called"

    def test_save_keeps_a_file(self, directory: Path) -> None:
        """Its bytes, of whatever kind it is; and the file stays where it is."""
        content = {
            "best_model.pt": bytes(range(256)) * 300,
            "predictions.csv": "recording,score\né,0.5\n".encode(),
            "config.toml": b"",
            "report.html": b"<p>report</p>",
            "anything.bin": b"\x00",
        }
        kinds = ("checkpoint", "predictions", "config", "report", "of another kind")
        for name, data in content.items():
            (directory / name).write_bytes(data)
        self.record(
            directory,
            [(1, {"loss": 0.5})],
            files=[(directory / name, kind) for name, kind in zip(content, kinds, strict=True)],
        )
        for name, data in content.items():
            assert (directory / name).is_file(), f"save has taken {name} away"
            assert (directory / name).read_bytes() == data, f"save has changed {name}"
        files = self.stored(directory).files
        if files is not None:
            assert {name: files.get(name) for name in content} == content

    def test_a_missing_file_does_no_harm(self, directory: Path) -> None:
        """To say so with an OSError or a TrackerError is right; the run goes on."""
        tracker = self.make_tracker(directory)
        tracker.start(run_in(directory))
        tracker.log({"loss": 0.5}, step=1)
        with contextlib.suppress(OSError, TrackerError):
            tracker.save(directory / "not there.pt", kind="checkpoint")
        tracker.log({"loss": 0.25}, step=2)
        tracker.finish(COMPLETED)
        self.require(directory, [(1, {"loss": 0.5}), (2, {"loss": 0.25})])

    def test_finish_of_a_completed_run(self, directory: Path) -> None:
        """The store knows that it came to its end."""
        self._finish_with(directory, COMPLETED)

    def test_finish_of_a_failed_run(self, directory: Path) -> None:
        """The store does not call it completed."""
        self._finish_with(directory, Outcome(status="failed", error="ValueError: größer als 1"))

    def test_finish_of_an_interrupted_run(self, directory: Path) -> None:
        """The store does not call it completed."""
        self._finish_with(directory, Outcome(status="interrupted"))

    def test_finish_takes_a_summary(self, directory: Path) -> None:
        """Final figures of any kind of value."""
        summary: dict[str, Value] = {
            "test/auroc": 0.75,
            "test/undefined": math.nan,
            "test/confusion": Table(columns=["", "murmur"], rows=[["murmur", 3]]),
            "weights": Histogram(counts=[1], edges=[0, 1]),
            "best_epoch": 7,
        }
        self._finish_with(directory, Outcome(status="completed", summary=summary))

    def test_a_run_without_values_can_end(self, directory: Path) -> None:
        """Such as one that fails before its first step."""
        self.record(directory, [], outcome=Outcome(status="failed", error="no data"))

    def test_files_lie_below_the_directory_of_the_run(
        self, directory: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Not in the working directory, at home or beside the run."""
        places = [directory.parent / name for name in ("home", "elsewhere")]
        for place in places:
            place.mkdir()
        for variable in ("HOME", "USERPROFILE"):
            monkeypatch.setenv(variable, str(places[0]))
        monkeypatch.chdir(places[1])
        (directory / "best_model.pt").write_bytes(b"weights")
        files = [(directory / "best_model.pt", "checkpoint")]
        self.record(directory, [(1, {"loss": 0.5})], files=files)
        outside = {path for path in _below(directory.parent) if directory not in path.parents}
        assert outside == {directory, *places}

    def test_nothing_is_printed_on_standard_output(
        self, directory: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        """It belongs to the program, whose output may be piped to another."""
        self.record(directory, [(step, {"val/loss": 0.5, "epoch": step}) for step in range(3)])
        assert capfd.readouterr().out == ""

    def test_two_runs_at_once_stay_apart(self, directory: Path) -> None:
        """In one process, each with a tracker of its own."""
        places = [directory / name for name in ("first", "second")]
        trackers = []
        for place in places:
            place.mkdir()
            trackers.append(self.make_tracker(place))
            trackers[-1].start(run_in(place))
        rows: list[Rows] = [
            [(step, {"loss": number + step / 4}) for step in range(3)] for number in (0, 100)
        ]
        for first, second in zip(*rows, strict=True):
            for tracker, (step, values) in zip(trackers, (first, second), strict=True):
                tracker.log(values, step=step)
        for tracker in trackers:
            tracker.finish(COMPLETED)
        for place, logged in zip(places, rows, strict=True):
            self.require(place, logged)

    def test_it_works_on_another_thread(self, directory: Path) -> None:
        """A session makes all calls on a thread of its own, not on the one that made it."""
        tracker = self.make_tracker(directory)
        rows: Rows = [(step, {"loss": step / 4}) for step in range(3)]
        raised: list[BaseException] = []

        def work() -> None:
            try:
                tracker.start(run_in(directory))
                for step, values in rows:
                    tracker.log(values, step=step)
                tracker.finish(COMPLETED)
            except BaseException as error:  # noqa: BLE001  raised again below
                raised.append(error)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        thread.join(_LONGEST_S)
        assert not thread.is_alive(), f"the calls did not return within {_LONGEST_S:.0f} s"
        if raised:
            raise raised[0]
        self.require(directory, rows)

    def test_a_new_run_is_at_position_zero(self, directory: Path) -> None:
        """Of a tracker that can tell its position; see `pahcl_track.protocol.Positioned`."""
        tracker = self.make_tracker(directory)
        if not isinstance(tracker, Positioned):
            pytest.skip("it has no method 'position', and need not have one")
        tracker.start(run_in(directory))
        position = tracker.position()
        tracker.finish(COMPLETED)
        assert position in (0, None), "a new run holds nothing"

    def _record_little(self, directory: Path, run: Any) -> None:  # noqa: ANN401
        tracker = self.make_tracker(directory)
        tracker.start(run)
        tracker.log({"loss": 0.5}, step=1)
        tracker.finish(COMPLETED)
        if self.read_back(directory) is not None:
            self.require(directory, [(1, {"loss": 0.5})])

    def _finish_with(self, directory: Path, outcome: Outcome) -> None:
        self.record(directory, [(1, {"loss": 0.5})], outcome=outcome)
        found = self.stored(directory).outcome
        assert found in (outcome.status, None)


def _below(directory: Path) -> set[Path]:
    return set(directory.rglob("*"))
