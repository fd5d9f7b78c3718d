"""`pahcl track check`: whether each installed tracker works here, and why not."""

import json

import pytest

from pahcl_cli import tracker_check
from pahcl_track import InstalledTracker
from support.trackers import Failing, Recorder, Waiting

WHERE = "mine       pahcl-mine 1.2           "


@pytest.fixture
def checked(cli, monkeypatch):
    """The command where one tracker is installed, which is that one."""

    def check(tracker, *options):
        installed = InstalledTracker(
            name="mine", distribution="pahcl-mine", version="1.2", entry="mine:Mine"
        )
        monkeypatch.setattr(tracker_check, "installed_trackers", lambda: [installed])
        monkeypatch.setattr(tracker_check, "load_one", lambda name, options: tracker)
        return cli("track", "check", *options)

    return check


def test_one_that_works(checked):
    tracker = Recorder()
    result = checked(tracker)

    assert (result.exit_code, result.stdout) == (0, f"{WHERE}works (a run of two rows)\n")
    assert tracker.calls == ["start", "log", "log", "finish"]


def test_those_that_come_along_work(cli):
    shown = cli("track", "check", "--json").stdout
    found = {one["name"]: one for one in json.loads(shown)["trackers"]}

    for name in ("console", "journal", "null"):
        assert found[name]["problem"] is None


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        ("start", "cannot start: RuntimeError: no disk"),
        ("log", "2 of 2 rows did not arrive: RuntimeError: no disk"),
        ("finish", "it does not end a run: RuntimeError: no disk"),
    ],
)
def test_one_that_fails(checked, call, problem):
    """Anywhere; in one line, without a traceback."""
    result = checked(Failing(RuntimeError("no disk"), call))

    assert (result.exit_code, result.stdout) == (1, f"{WHERE}cannot be used: {problem}\n")
    assert result.stderr == ""

    again = checked(Failing(RuntimeError("no disk"), call), "--json")
    assert json.loads(again.stdout)["trackers"][0]["problem"] == problem


def test_one_that_never_ends(checked, monkeypatch):
    monkeypatch.setattr(tracker_check, "_TRIAL_S", 0.5)
    tracker = Waiting("finish")

    result = checked(tracker)
    tracker.let_go.set()

    assert result.stdout == f"{WHERE}cannot be used: it does not end a run within 0.5 s\n"
