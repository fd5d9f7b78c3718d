"""Trackers with one bug each in a run's start, files or end; test_kit_catches runs this file.

Most of these bugs are real ones, seen in published loggers.
"""

import json
import os
import shutil
import threading
from pathlib import Path
from typing import ClassVar

from support.sound_tracker import Keeping, breaks


@breaks("test_the_four_methods_take_what_they_are_given")
class NoStep(Keeping):
    def log(self, values, *, epoch=0):
        super().log(values, step=epoch)


@breaks("test_the_four_methods_take_what_they_are_given")
class WantsMore(Keeping):
    def save(self, path, *, kind, alias):
        super().save(path, kind=kind)


@breaks("test_the_four_methods_take_what_they_are_given")
class Awaited(Keeping):
    async def finish(self, outcome):
        super().finish(outcome)


@breaks("test_nothing_is_written_before_start")
class OpensAtOnce(Keeping):
    def __init__(self, directory):
        super().__init__(directory)
        (directory / "opened").touch()


@breaks("test_start_takes_all_that_a_run_can_say")
class AsciiRun(Keeping):
    def start(self, run):
        super().start(run)
        (run.directory / "run.txt").write_text(f"{run.project} {run.tags}", encoding="ascii")


@breaks("test_start_takes_a_nested_configuration")
class FlatConfiguration(Keeping):
    def start(self, run):
        super().start(run)
        for name, value in run.config.items():
            if not isinstance(value, int | float | str | bool):
                raise ValueError(f"{name}: value should be one of int, float, str or bool")


@breaks("test_a_callable_in_the_configuration_is_never_called")
class CallsCallables(Keeping):
    def start(self, run):
        super().start(run)
        self.config = {n: v() if callable(v) else v for n, v in run.config.items()}


@breaks("test_save_keeps_a_file")
class MovesFiles(Keeping):
    def save(self, path, *, kind):
        super().save(path, kind=kind)
        path.unlink()


@breaks("test_save_keeps_a_file")
class KeepsTheFirstBlock(Keeping):
    def save(self, path, *, kind):
        super().save(path, kind=kind)
        kept = self.directory / "kept" / path.name
        kept.write_bytes(kept.read_bytes()[:4096])


@breaks("test_save_keeps_a_file")
class CheckpointsOnly(Keeping):
    def save(self, path, *, kind):
        {"checkpoint": super().save}[kind](path, kind=kind)


@breaks("test_a_missing_file_does_no_harm")
class DiesOfAMissingFile(Keeping):
    def save(self, path, *, kind):
        assert path.exists()


@breaks("test_finish_of_a_failed_run")
class AlwaysCompleted(Keeping):
    def finish(self, outcome):
        self.write("completed")
        self.file.close()


@breaks("test_finish_of_an_interrupted_run")
class TwoOutcomes(Keeping):
    def finish(self, outcome):
        self.write("completed" if outcome.error is None else "failed")
        self.file.close()


@breaks("test_finish_of_a_completed_run")
class AlwaysFailed(Keeping):
    def finish(self, outcome):
        self.write("failed")
        self.file.close()


@breaks("test_finish_takes_a_summary")
class NumbersForASummary(Keeping):
    def finish(self, outcome):
        self.best = {name: float(value) for name, value in outcome.summary.items()}
        super().finish(outcome)


@breaks("test_a_run_without_values_can_end")
class AveragesAtTheEnd(Keeping):
    rows: ClassVar = 0

    def log(self, values, *, step):
        self.rows += 1
        super().log(values, step=step)

    def finish(self, outcome):
        self.mean = 1 / self.rows
        super().finish(outcome)


@breaks("test_files_lie_below_the_directory_of_the_run")
class WritesWhereItIs(Keeping):
    def start(self, run):
        super().start(run)
        Path("last_run.txt").write_text(run.name, encoding="utf-8")


@breaks("test_files_lie_below_the_directory_of_the_run")
class WritesAtHome(Keeping):
    def save(self, path, *, kind):
        shutil.copy(path, Path.home())


@breaks("test_nothing_is_printed_on_standard_output")
class Prints(Keeping):
    def log(self, values, *, step):
        os.write(1, f"step {step}\n".encode())
        super().log(values, step=step)


@breaks("test_two_runs_at_once_stay_apart")
class OneForTheProcess(Keeping):
    """As a library with a global run."""

    current: ClassVar = []

    def start(self, run):
        super().start(run)
        self.current.append(self.file)

    def write(self, *cells):
        self.current[-1].write(json.dumps(cells) + "\n")
        self.current[-1].flush()

    def finish(self, outcome):
        self.write(outcome.status)


@breaks("test_it_works_on_another_thread")
class BoundToItsThread(Keeping):
    """As a connection to SQLite."""

    def __init__(self, directory):
        super().__init__(directory)
        self.thread = threading.get_ident()

    def log(self, values, *, step):
        if threading.get_ident() != self.thread:
            raise RuntimeError("used in another thread than the one that made it")
        super().log(values, step=step)


@breaks("test_a_new_run_is_at_position_zero")
class AlreadyFull(Keeping):
    def position(self):
        return 5


@breaks("test_a_session_delivers_everything")
class FailsNowAndThen(Keeping):
    calls: ClassVar = 0

    def log(self, values, *, step):
        self.calls += 1
        if self.calls == 250:
            raise ConnectionError("reset by peer")
        super().log(values, step=step)


@breaks("test_a_session_delivers_everything")
class FailsAfterwards(Keeping):
    """Has stored the row when it raises: whoever sends it again has it twice."""

    def log(self, values, *, step):
        super().log(values, step=step)
        if step == 250:
            raise ConnectionError("no answer")


@breaks("test_numbers_of_other_libraries_arrive")
class SkipsNumbersOnDevices(Keeping):
    """Asks for what only some numbers have."""

    def log(self, values, *, step):
        super().log({n: v for n, v in values.items() if hasattr(v, "shape")}, step=step)


@breaks("test_after_the_end_nothing_more_arrives")
class RepeatsTheLast(Keeping):
    """Writes its last number again when it ends, so that nothing is forgotten."""

    def number(self, *cells):
        self.last = cells
        super().number(*cells)

    def finish(self, outcome):
        super().number(*self.last)
        super().finish(outcome)


@breaks("test_a_resumed_run_holds_each_value_once")
class StartsOver(Keeping):
    """Deletes what the run logged before it was killed."""

    def start(self, run):
        self.file = (run.directory / "numbers.jsonl").open("w", encoding="utf-8")


@breaks("test_a_resumed_run_holds_each_value_once")
class ClaimsToHoldNothing(Keeping):
    """Is given everything again, and adds it to what it has."""

    def position(self):
        return 0


@breaks("test_no_secret_is_written")
class NotesTheEnvironment(Keeping):
    def start(self, run):
        super().start(run)
        (run.directory / "environment.json").write_text(json.dumps(dict(os.environ)))
