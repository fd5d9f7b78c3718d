"""Where a session begins: which journal, which identity, which process."""

from pathlib import Path

import pytest

from oracles.journal_reader import read_lines, read_rows
from pahcl_track import Outcome, Session, TrackerError, TrackingRequired, read_history
from pahcl_track.journal import Journal
from support.trackers import Failing, Recorder, Waiting


def test_a_second_run_in_the_directory_sets_the_journal_aside(make_run, journal_path, told):
    for step in range(3):
        with Session({}).running(make_run()) as session:
            session.log({"a": 0.5}, step=step)

    kept = [journal_path.with_name(f"journal.{number}.jsonl") for number in (1, 2)]
    assert [read_rows(path) for path in (*kept, journal_path)] == [
        [(step, {"a": 0.5})] for step in range(3)
    ]
    runs = [read_history(path).run.id for path in (*kept, journal_path)]
    assert len(set(runs)) == 3
    assert told() == []


def test_notes_that_outlived_their_journal_keep_no_run_from_its_own(make_run, journal_path, told):
    """Somebody removed a journal that was set aside, and left its folder of notes."""
    for step in range(4):
        with Session({"mine": Recorder()}).running(make_run()) as session:
            session.log({"a": 0.5}, step=step)
        journal_path.with_name("journal.1.jsonl").unlink(missing_ok=True)

    assert told() == []
    assert read_rows(journal_path) == [(3, {"a": 0.5})]
    assert sorted(one.name for one in journal_path.parent.iterdir()) == [
        "journal.1.sent",
        "journal.2.jsonl",
        "journal.2.sent",
        "journal.3.jsonl",
        "journal.3.sent",
        "journal.jsonl",
        "journal.sent",
    ]


def test_notes_that_cannot_be_set_aside_keep_no_run_from_its_journal(
    make_run, journal_path, told, monkeypatch
):
    rename = Path.rename

    def stuck(path, to):
        if path.name == "journal.sent":
            raise PermissionError(13, "Permission denied")
        return rename(path, to)

    monkeypatch.setattr(Path, "rename", stuck)
    for step in range(2):
        tracker = Recorder()
        with Session({"mine": tracker}).running(make_run()) as session:
            session.log({"a": 0.5}, step=step)

    assert told() == []
    assert read_rows(journal_path) == [(1, {"a": 0.5})]
    assert tracker.steps == [1]


def test_a_run_has_an_identity_that_all_are_told(make_run, journal_path):
    trackers = {"a": Recorder(), "b": Recorder()}
    with Session(trackers).running(make_run()):
        pass
    recorded = read_lines(journal_path)[0][0]["run"]["id"]

    assert len(recorded) == 8
    assert {tracker.run.id for tracker in trackers.values()} == {recorded}


def test_a_resumed_run_keeps_its_identity_and_its_journal(make_run, journal_path):
    with Session({}).running(make_run()) as session:
        session.log({"a": 0.5}, step=1)
    tracker = Recorder()
    with Session({"mine": tracker}).running(make_run(resumed_from_step=1)) as session:
        session.log({"a": 0.25}, step=2)
    lines = read_lines(journal_path)[0]

    assert tracker.run.id == lines[0]["run"]["id"]
    assert tracker.run.resumed_from_step == 1
    kinds = [next(key for key in line if key not in "nt") for line in lines]
    assert kinds == ["run", "step", "finish", "resumed", "step", "finish"]
    assert [line["n"] for line in lines] == list(range(6))
    assert list(journal_path.parent.glob("journal.*.jsonl")) == []


def test_an_identity_of_ones_own_choice(make_run, journal_path):
    with Session({}).running(make_run(id="night-1")):
        pass
    with Session({}).running(make_run(resumed_from_step=0)):
        pass

    assert read_history(journal_path).run.id == "night-1"


def test_a_run_resumed_where_there_is_no_journal_begins_one(make_run, journal_path):
    tracker = Recorder()
    with Session({"mine": tracker}).running(make_run(resumed_from_step=7)) as session:
        session.log({"a": 0.5}, step=8)

    assert [next(key for key in line if key not in "nt") for line in read_lines(journal_path)[0]]
    assert read_history(journal_path).run.id == tracker.run.id
    assert tracker.steps == [8]


@pytest.mark.parametrize("line", [b"\0" * 300, b'{"n":"0","t":1.0,"run":{"name":"x","tags":[]}}'])
def test_a_run_whose_first_line_was_damaged_is_described_again(make_run, journal_path, told, line):
    """When it goes on; what it logged before is there again."""
    with Session({}).running(make_run()) as session:
        session.log({"a": 0.5}, step=1)
    _, *others = journal_path.read_bytes().splitlines()
    journal_path.write_bytes(b"\n".join([line, *others, b""]))
    with pytest.raises(TrackerError, match="does not begin with a run"):
        read_history(journal_path)
    tracker = Recorder()
    for step in (2, 3):
        with Session({"mine": tracker}).running(make_run(resumed_from_step=step - 1)) as session:
            session.log({"a": 0.25}, step=step)
    history = read_history(journal_path)

    assert history.run.name == "quiet"
    assert history.run.id == tracker.run.id
    assert history.series("a")[0] == tracker.steps == [1, 2, 3]
    assert history.unreadable == 1
    assert told() == []


def test_another_process_is_not_disturbed(make_run, completed, journal_path, told):
    """This one goes on without a journal of its own."""
    other = Journal(make_run().directory)
    tracker = Recorder()
    session = Session({"mine": tracker})
    session.start(make_run())
    session.log({"a": 0.5}, step=1)
    session.finish(completed)
    other.row({"b": 1}, 1)
    other.close()

    assert told() == [
        f"no journal of this run: {journal_path}: another process is writing this run; "
        "the run goes on without it"
    ]
    assert tracker.steps == [1]
    assert read_rows(journal_path) == [(1, {"b": 1})]
    assert list(journal_path.parent.iterdir()) == [journal_path]


def test_strict_means_that_a_missing_journal_ends_the_program(make_run, tmp_path):
    (tmp_path / "file").touch()
    session = Session({}, strict=True)
    with pytest.raises(TrackingRequired, match=r"^no journal: \[Errno 20\] Not a directory"):
        session.start(make_run(directory=tmp_path / "file" / "run"))


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (lambda: Failing(TrackerError("no key"), "start"), r"^mine: no key$"),
        (lambda: Failing(OSError("gone"), "start"), r"^mine: cannot start: OSError: gone$"),
        (lambda: Waiting("start"), r"^mine: has not started within 0\.05 s$"),
    ],
)
def test_strict_means_that_a_tracker_that_cannot_start_ends_the_program(
    make_run, journal_path, broken, message
):
    """The others are told how it ended, and the directory is free again."""
    broken, sound = broken(), Recorder()
    session = Session({"other": sound, "mine": broken}, strict=True, start_timeout_s=0.05)
    session._finish = lambda outcome, _, end=session._finish: end(outcome, 0.05)
    with pytest.raises(TrackingRequired, match=message) as caught:
        session.start(make_run())
    session.log({"a": 0.5}, step=1)

    expected = Outcome(status="failed", error=str(caught.value))
    assert sound.outcome == read_history(journal_path).outcome == expected
    assert read_rows(journal_path) == []
    Journal(make_run().directory).close()
    if isinstance(broken, Waiting):
        broken.let_go.set()


@pytest.mark.parametrize("rank", ["1", "7"])
def test_other_ranks_than_the_first_do_nothing_at_all(
    make_run, completed, tmp_path, monkeypatch, rank
):
    monkeypatch.setenv("RANK", rank)
    tracker = Recorder()
    session = Session({"mine": tracker}, strict=True)
    with session.running(make_run()):
        session.log({"a": 0.5}, step=1)
        session.save(tmp_path / "x", kind="report")

    assert tracker.calls == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("rank", "is_main", "reports"),
    [("0", None, True), ("", None, True), ("1", True, True), ("0", False, False)],
)
def test_who_reports(make_run, monkeypatch, tmp_path, rank, is_main, reports):
    """What the program says goes before the environment."""
    monkeypatch.setenv("RANK", rank)
    tracker = Recorder()
    with Session({"mine": tracker}, is_main=is_main).running(make_run()):
        pass

    assert bool(tracker.calls) is reports
    assert bool(list(tmp_path.iterdir())) is reports


def test_the_rank_is_looked_at_when_the_run_starts(make_run, monkeypatch, tmp_path):
    session = Session({})
    monkeypatch.setenv("RANK", "1")
    with session.running(make_run()):
        pass

    assert list(tmp_path.iterdir()) == []
