"""A run's directory: nothing earlier is overwritten, nobody else writes there."""

import contextlib
import errno
import json
import logging
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pahcl_core.errors import DataError, DiskError, SettingError
from pahcl_core.training.run_directory import (
    resumed_directory,
    run_directory,
    write_atomically,
    write_json,
)
from pahcl_track.journal_file import lock_file

HOLDER = """
import sys
from pathlib import Path
from pahcl_core.training.run_directory import run_directory
with run_directory(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def log() -> logging.Logger:
    return logging.getLogger("pahcl_core.somewhere")


def test_a_fresh_directory_with_its_parents(tmp_path):
    with run_directory(tmp_path / "outputs" / "a" / "run") as directory:
        assert directory == tmp_path / "outputs" / "a" / "run"
        assert [one.name for one in directory.iterdir()] == ["train.log"]


def test_earlier_runs_are_kept(tmp_path, caplog):
    """Each under the next free number, unchanged."""
    for number in range(3):
        with run_directory(tmp_path / "run") as directory:
            (directory / "result").write_text(str(number))

    kept = {path.name: (path / "result").read_text() for path in tmp_path.iterdir()}
    assert kept == {"run.1": "0", "run.2": "1", "run": "2"}
    assert [one.getMessage() for one in caplog.records] == [
        f"{tmp_path / 'run'}: an earlier run was kept as run.{number}" for number in (1, 2)
    ]


def test_an_empty_directory_is_used_as_it_is(tmp_path):
    (tmp_path / "run").mkdir()
    with run_directory(tmp_path / "run"):
        pass

    assert [one.name for one in tmp_path.iterdir()] == ["run"]


def test_what_is_there_is_kept_even_if_it_is_no_run(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.tex").write_text("mine")
    with run_directory(tmp_path / "run"):
        pass

    assert (tmp_path / "run.1" / "thesis.tex").read_text() == "mine"


def test_a_place_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").touch()

    with (
        pytest.raises(SettingError, match=r"file/run: cannot write a run here: File exists"),
        run_directory(tmp_path / "file" / "run"),
    ):
        pass


def test_a_second_process_is_refused_until_the_first_is_done(tmp_path):
    """And leaves what the first has written where it is."""
    path = tmp_path / "run"
    command = [sys.executable, "-c", HOLDER, str(path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as first:
        assert first.stdout.readline() == "held\n"
        (path / "result").write_text("the first's")

        with (
            pytest.raises(SettingError, match="another run is writing here; give this one another"),
            run_directory(path),
        ):
            pass

        assert (path / "result").read_text() == "the first's"
        assert [one.name for one in tmp_path.iterdir()] == ["run"]
        first.communicate("\n")
    assert first.returncode == 0
    with run_directory(path):
        assert (tmp_path / "run.1" / "result").read_text() == "the first's"


def test_a_process_that_was_killed_holds_nothing(tmp_path):
    path = tmp_path / "run"
    command = [sys.executable, "-c", HOLDER, str(path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as first:
        first.stdout.readline()
        first.kill()

    with run_directory(path):
        assert (tmp_path / "run.1").is_dir()


def test_of_two_that_start_at_once_one_is_refused(tmp_path, mocker):
    """Another process takes the directory in the moment after it was made."""
    make = Path.mkdir
    held = []

    def overtaken(path, *args, **kwargs):
        make(path, *args, **kwargs)
        if path.name == "run":
            held.append((path / "train.log").open("a"))
            assert lock_file(held[0].fileno())

    mocker.patch.object(Path, "mkdir", autospec=True, side_effect=overtaken)
    with (
        pytest.raises(SettingError, match="another run is writing here"),
        run_directory(tmp_path / "run"),
    ):
        pass
    assert (tmp_path / "run" / "train.log").exists()  # the other's, who goes on
    held[0].close()


def test_what_is_logged_goes_to_the_runs_log(tmp_path, log):
    """From here and from the trackers, with time and level; nothing of before, after or others."""
    log.warning("before")
    with run_directory(tmp_path / "run") as directory:
        log.info("epoch %d", 1)
        log.debug("details")
        logging.getLogger("pahcl_track.backend").warning("no network")
        logging.getLogger("other").warning("not ours")
    log.warning("after")

    lines = (directory / "train.log").read_text().splitlines()
    stamp = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} "
    assert len(lines) == 2
    assert re.fullmatch(stamp + "INFO epoch 1", lines[0])
    assert re.fullmatch(stamp + "WARNING no network", lines[1])


def test_the_loggers_are_left_as_they_were_found(tmp_path, caplog):
    caplog.set_level(logging.ERROR, logger="pahcl_core")
    logger = logging.getLogger("pahcl_core")
    before = (logger.level, list(logger.handlers))
    with contextlib.suppress(RuntimeError), run_directory(tmp_path / "run"):
        assert logger.level == logging.INFO
        raise RuntimeError("failed")

    assert (logger.level, list(logger.handlers)) == before


def test_json_keeps_its_order_and_its_digits(tmp_path):
    content = {"b": 0.1 + 0.2, "a": None, "é": [1, "ü"]}
    write_json(tmp_path / "out.json", content)

    text = (tmp_path / "out.json").read_text(encoding="utf-8")
    assert list(json.loads(text).items()) == list(content.items())
    assert '"é"' in text
    assert text.endswith("}\n")


def test_a_number_that_is_none_is_refused_in_json(tmp_path):
    """NaN is no JSON; the file from before stays."""
    write_json(tmp_path / "out.json", {"a": 1})

    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(tmp_path / "out.json", {"a": float("nan")})

    assert json.loads((tmp_path / "out.json").read_text()) == {"a": 1}


def test_nothing_is_left_of_a_write_that_failed(tmp_path):
    def fail(scratch: Path) -> None:
        scratch.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_atomically(tmp_path / "file", fail)

    assert list(tmp_path.iterdir()) == []


def end_by_mistake(path, *, after_writing=()):
    """A run that a mistake in the data ends."""
    with run_directory(path) as directory:
        for name in after_writing:
            (directory / name).touch()
        raise DataError("no data")


def test_a_mistake_before_the_run_has_begun_leaves_everything_as_it_was(tmp_path, caplog):
    (tmp_path / "runs/run").mkdir(parents=True)
    (tmp_path / "runs/run/predictions.csv").write_text("precious")

    with pytest.raises(DataError, match="no data"):
        end_by_mistake(tmp_path / "runs/run", after_writing=["config.toml"])

    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["run"]
    assert (tmp_path / "runs/run/predictions.csv").read_text() == "precious"
    assert caplog.messages == []


def test_a_mistake_before_the_first_run_leaves_no_folder(tmp_path):
    with pytest.raises(DataError, match="no data"):
        end_by_mistake(tmp_path / "runs/run")

    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_was_there_stays(tmp_path):
    (tmp_path / "runs").mkdir()
    with pytest.raises(DataError, match="no data"):
        end_by_mistake(tmp_path / "runs/run")

    assert list(tmp_path.iterdir()) == [tmp_path / "runs"]


def test_a_run_that_has_begun_stays_whatever_ends_it(tmp_path):
    with pytest.raises(DataError, match="no data"):
        end_by_mistake(tmp_path / "run", after_writing=["best_model.pt"])

    assert (tmp_path / "run/best_model.pt").exists()


def no_room(number=errno.ENOSPC):
    return OSError(number, os.strerror(number))


def write_and_fail(run, name, error, *, resumable):
    with run_directory(run, resumable=resumable) as directory:
        (directory / name).touch()
        raise error


@pytest.mark.parametrize(
    ("number", "resumable", "said"),
    [
        (errno.ENOSPC, True, "No space left on device: make room, and go on with --resume {}"),
        (errno.ENOSPC, False, "No space left on device: make room, and run the same again"),
        (errno.EDQUOT, True, "Disk quota exceeded: make room, and go on with --resume {}"),
        (errno.EROFS, True, "Read-only file system: see to that, and go on with --resume {}"),
    ],
)
def test_a_disk_that_fails_a_run_is_told_with_what_to_do(tmp_path, number, resumable, said):
    run = tmp_path / "run"
    with pytest.raises(DataError) as failed:
        write_and_fail(run, "splits.json", no_room(number), resumable=resumable)

    assert str(failed.value) == f"{run}: {said.format(run)}"
    assert (run / "splits.json").exists()


def test_a_disk_that_is_full_before_a_run_has_begun_leaves_the_earlier_one(tmp_path):
    with run_directory(tmp_path / "run") as directory:
        (directory / "result").touch()

    with pytest.raises(DataError, match=r"make room, and run the same again$"):
        write_and_fail(tmp_path / "run", "config.toml", no_room(), resumable=True)

    assert [one.name for one in tmp_path.iterdir()] == ["run"]
    assert (tmp_path / "run/result").exists()


def test_a_disk_that_fails_what_goes_on_is_told_with_what_to_do(tmp_path):
    with (
        pytest.raises(DataError, match=r": No space .*: make room, and run the same again$"),
        resumed_directory(tmp_path),
    ):
        raise no_room()


@pytest.mark.parametrize("there", [True, False])
def test_a_disk_that_has_no_room_for_a_folder_is_told_as_such(tmp_path, monkeypatch, there):
    def full(*arguments, **options):
        raise no_room()

    monkeypatch.setattr(Path, "open" if there else "mkdir", full)
    held = resumed_directory(tmp_path) if there else run_directory(tmp_path / "run")

    with pytest.raises(DiskError, match=r"No space .*: make room, and run the same again$"), held:
        pass


def test_any_other_error_is_nobody_elses(tmp_path):
    with pytest.raises(ConnectionResetError), run_directory(tmp_path / "run"):
        raise ConnectionResetError(errno.ECONNRESET, "reset")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is always full")
def test_a_log_that_cannot_be_written_costs_its_lines_alone(tmp_path, log, capsys):
    with run_directory(tmp_path / "run") as directory:
        (handler,) = (  # others may listen, too
            one
            for one in logging.getLogger("pahcl_core").handlers
            if isinstance(one, logging.StreamHandler)
            and Path(str(getattr(one.stream, "name", ""))).name == "train.log"
        )
        with contextlib.suppress(OSError), Path("/dev/full").open("w") as full:
            before, handler.stream = handler.stream, full
            log.info("lost")
            handler.stream = before
        log.info("kept")

    assert capsys.readouterr().err == ""
    assert (directory / "train.log").read_text().endswith("INFO kept\n")
