"""`pahcl track replay`: what it says, to people and to programs, and what it refuses."""

import json

import pytest

from pahcl_cli import tracker_replay
from pahcl_track import Outcome, Run, Session
from support.trackers import Failing, Recorder, Stopping


@pytest.fixture
def recorded(tmp_path):
    """The directory of a run of five rows and two files, of which one is gone."""
    directory = tmp_path / "a run"
    with Session({}).running(Run(name="quiet", directory=directory)) as session:
        for step in range(1, 6):
            session.log({"a": 1 / step}, step=step)
        (directory / "here.txt").touch()
        session.save(directory / "here.txt", kind="report")
        session.save(directory / "gone.txt", kind="report")
    return directory


@pytest.fixture
def tracker(monkeypatch):
    """What `--tracker mine` names: it fails after two rows, until it is mended."""
    stopping = Stopping(2)
    monkeypatch.setattr(tracker_replay, "load_one", lambda name, texts: stopping)
    return stopping


def test_json_of_a_replay(cli, recorded, tracker):
    tracker.left = 99
    result = cli("track", "replay", recorded, "--tracker", "mine", "--json")

    assert result.exit_code == 0
    assert json.loads(result.stdout) == {
        "run": str(recorded),
        "tracker": "mine",
        "sent": 5,
        "held": 0,
        "left": 0,
        "files": 1,
        "missing": [str(recorded / "gone.txt")],
        "problem": None,
        "inherited": [],
    }
    assert result.stderr == ""


def test_json_of_a_replay_that_stopped(cli, recorded, tracker):
    result = cli("track", "replay", recorded, "--tracker", "mine", "--json")

    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert (found["sent"], found["left"], found["held"]) == (2, 3, None)
    assert found["problem"] == "ConnectionError: down"


def test_the_same_command_goes_on_from_there(cli, recorded, tracker):
    stopped = cli("track", "replay", recorded, "--tracker", "mine")
    tracker.left = 99
    again = cli("track", "replay", recorded, "--tracker", "mine")

    assert stopped.exit_code == 1
    assert stopped.stdout == ""
    assert stopped.stderr == (
        "mine: ConnectionError: down; 2 rows sent, 3 left: the same command goes on from there\n"
    )
    assert again.exit_code == 0
    assert again.stdout == "mine: 3 rows sent, 2 held already, 1 files\n"
    assert again.stderr == f"not sent, because it is gone: {recorded / 'gone.txt'}\n"
    assert tracker.steps == [1, 2, 3, 4, 5]


def test_a_tracker_that_does_not_start_was_sent_nothing(cli, recorded, monkeypatch):
    """How much is left nobody knows before it has said what it holds."""
    down = Failing(ConnectionError("down"), "start")
    monkeypatch.setattr(tracker_replay, "load_one", lambda name, texts: down)
    for_people = cli("track", "replay", recorded, "--tracker", "mine")
    for_programs = cli("track", "replay", recorded, "--tracker", "mine", "--json")

    assert for_people.exit_code == for_programs.exit_code == 1
    assert for_people.stderr == (
        "mine: ConnectionError: down; nothing was sent: the same command tries again\n"
    )
    found = json.loads(for_programs.stdout)
    assert (found["sent"], found["left"], found["held"]) == (0, None, None)


def test_a_problem_holds_no_secret(cli, recorded, monkeypatch):
    class Leaking(Recorder):
        def log(self, values, *, step):
            raise ConnectionError("https://me:hunter2hunter2@example.org: refused")

    monkeypatch.setattr(tracker_replay, "load_one", lambda name, texts: Leaking())
    result = cli("track", "replay", recorded, "--tracker", "mine", "--json")

    assert json.loads(result.stdout)["problem"] == (
        "ConnectionError: https://[redacted]@example.org: refused"
    )


def test_a_run_that_is_still_going_on_is_refused(cli, tmp_path, tracker):
    """Its own trackers would send the same rows; when it has ended, it can be replayed."""
    session = Session({})
    session.start(Run(name="quiet", directory=tmp_path / "live"))
    session.log({"a": 0.5}, step=1)
    refused = cli("track", "replay", tmp_path / "live", "--tracker", "mine")
    session.finish(Outcome(status="completed"))
    allowed = cli("track", "replay", tmp_path / "live", "--tracker", "mine")

    assert refused.exit_code == 2
    assert refused.stderr == (
        f"error: {tmp_path / 'live/journal.jsonl'}: the run is still going on; "
        "replay it when it has ended\n"
    )
    assert allowed.exit_code == 0
    assert tracker.steps == [1]


@pytest.fixture
def given(tmp_path, monkeypatch):
    """A run whose trackers had options, and what `--tracker mine` is given at its replay."""
    seen = []
    config = {
        "tracking": {
            "trackers": ["mine", "console"],
            "options": ["mine.team=us", "mine.mode=off", "mine.api_key=x1", "console.every_s=5"],
        }
    }
    with Session({}).running(Run(name="r", directory=tmp_path / "r", config=config)) as session:
        session.log({"a": 1.0}, step=1)

    def load(name, options):
        seen.append(options)
        return Recorder()

    monkeypatch.setattr(tracker_replay, "load_one", load)
    return seen


@pytest.mark.parametrize("path", ["r", "r/journal.jsonl"])
def test_a_tracker_is_given_the_options_that_the_run_gave_it(cli, given, tmp_path, path):
    """Or it would be sent to another team's project; those of the command line come first."""
    result = cli(
        "track", "replay", tmp_path / path, "--tracker", "mine",
        "--tracker-option", "mine.api_key=x2", "--tracker-option", "mine.mode=on",
    )  # fmt: skip

    assert given == [["mine.team=us", "mine.mode=on", "mine.api_key=x2"]]
    assert (
        result.stdout == "mine: 1 rows sent, 0 held already, 0 files; mine.team=us as in the run\n"
    )


def test_a_run_without_a_network_is_replayed_with_one(cli, tmp_path, monkeypatch):
    """To where it belongs: of W&B's options its mode alone is not taken over."""
    seen = []
    options = ["wandb.mode=offline", "wandb.entity=us"]
    config = {"tracking": {"trackers": ["wandb"], "options": options}}
    with Session({}).running(Run(name="r", directory=tmp_path / "r", config=config)) as session:
        session.log({"a": 1.0}, step=1)
    monkeypatch.setattr(
        tracker_replay, "load_one", lambda name, options: seen.append(options) or Recorder()
    )

    cli("track", "replay", tmp_path / "r", "--tracker", "wandb")

    assert seen == [["wandb.entity=us"]]


def test_a_secret_that_the_run_gave_it_is_asked_for(cli, given, tmp_path):
    result = cli("track", "replay", tmp_path / "r", "--tracker", "mine")

    assert result.exit_code == 2
    assert "give it again, as --tracker-option mine.api_key=VALUE" in result.stderr
    assert given == []


@pytest.mark.parametrize("tracking", [None, 5, {"options": 5}, {"options": [5, ["mine.a=1"]]}])
def test_a_configuration_of_another_program_gives_no_options(cli, tmp_path, monkeypatch, tracking):
    config = {"tracking": tracking}
    with Session({}).running(Run(name="r", directory=tmp_path / "r", config=config)):
        pass
    monkeypatch.setattr(tracker_replay, "load_one", lambda name, options: Recorder())

    result = cli("track", "replay", tmp_path / "r", "--tracker", "mine")

    assert result.stdout == "mine: 0 rows sent, 0 held already, 0 files\n"
