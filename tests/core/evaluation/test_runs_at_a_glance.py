"""Directories of runs, in every state that a run can be left in."""

import fcntl
import json
import os

import numpy as np
import pytest

from pahcl_core.errors import DataError
from pahcl_core.evaluation.cleaning import Wanted, planned_cleaning
from pahcl_core.evaluation.runs import find_runs, list_runs, lower_is_better, read_run
from support.made_up_runs import BEGUN_S, made_up_answers, write_run


@pytest.fixture
def run(tmp_path):
    labels, rows = made_up_answers("circor_outcome", 20, seed=0)
    return write_run(
        tmp_path / "runs" / "one", labels=labels, probabilities=rows, group="g", tags=["x", "y"],
        config={"seed": 7},
        metrics={
            "test_auroc": 0.8, "test_cost": None,
            "intervals": {"test": {"auroc": [0.7, 0.9], "cost": None}},
        },
    )  # fmt: skip


def test_a_complete_run_is_told_in_full(run):
    found = read_run(run)

    assert (found.state, found.reason) == ("complete", "")
    assert (found.task, found.kind, found.seed) == ("circor_outcome", "finetune", 7)
    assert (found.group, found.tags, found.begun_s) == ("g", ("x", "y"), BEGUN_S)
    assert found.metric("test_auroc") == (0.8, 0.7, 0.9)
    assert found.metric("test_cost") == (None, None, None)
    assert found.metric("test_f1") == (None, None, None)


def test_the_kind_is_the_one_that_trackers_were_told(tmp_path):
    labels, rows = made_up_answers("pascal", 4, seed=0)
    run = write_run(
        tmp_path / "b", task="pascal", labels=labels, probabilities=rows, kind="baseline"
    )

    assert read_run(run).kind == "baseline"


def unfinished(run, *, end=None):
    """Without its metrics, and with this end of its journal."""
    (run / "final_metrics.json").unlink()
    lines = (run / "journal.jsonl").read_text().splitlines()[:1]
    if end is not None:
        lines.append(json.dumps({"n": 1, "t": 2.0, "finish": end}))
    (run / "journal.jsonl").write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize(
    ("end", "state", "reason"),
    [
        (None, "interrupted", "it ended without a word, as a killed process does"),
        ({"status": "interrupted", "error": None, "summary": {}}, "interrupted", ""),
        ({"status": "failed", "error": "no\nroom", "summary": {}}, "failed", "no room"),
        ({"status": "completed", "error": None, "summary": {}}, "complete", ""),
    ],
)
def test_how_a_run_without_metrics_stands(run, end, state, reason):
    unfinished(run, end=end)

    found = read_run(run)

    assert (found.state, found.reason) == (state, reason)


def test_a_run_killed_before_its_state_was_removed_is_not_complete(run):
    (run / "resume.pt").write_bytes(b"")

    assert read_run(run).state == "interrupted"


def test_a_run_that_went_on_after_a_failure_is_judged_by_its_last_event(run):
    unfinished(run, end={"status": "failed", "error": "x", "summary": {}})
    with (run / "journal.jsonl").open("a") as file:
        file.write('{"n":2,"t":3.0,"resumed":5}\n')

    assert read_run(run).state == "interrupted"


def test_a_run_that_a_process_holds_is_running(run):
    unfinished(run)
    with (run / "train.log").open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert read_run(run).state == "running"
    assert read_run(run).state == "interrupted"


def test_the_end_of_a_journal_is_found_behind_lines_of_any_length(run):
    """A row longer than what is read at once, the end, and a line that a kill cut short."""
    unfinished(run)
    end = {"status": "failed", "error": "e" * 40_000, "summary": {}}
    with (run / "journal.jsonl").open("a") as file:
        file.write(json.dumps({"n": 1, "t": 1.0, "step": 1, "values": {"a" * 50_000: 1}}) + "\n")
        file.write(json.dumps({"n": 2, "t": 2.0, "finish": end}) + "\n")
        file.write('{"n":3,"t"')

    found = read_run(run)

    assert (found.state, found.reason) == ("failed", "e" * 40_000)
    assert found.seed == 7


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'{"task": "circor', "final_metrics.json: is no JSON"),
        (b"[1, 2]", "final_metrics.json: is no JSON object with metrics"),
        (b"{}", "final_metrics.json: is no JSON object with metrics"),
        (b"\xff\xfe{", "final_metrics.json: is no JSON"),
        (b"", "final_metrics.json: is no JSON"),
        (b"[" * 100_000, "final_metrics.json: is no JSON of a run: it is nested too deep"),
    ],
)
def test_a_damaged_file_makes_a_damaged_run(run, content, reason):
    (run / "final_metrics.json").write_bytes(content)

    found = read_run(run)

    assert found.state == "damaged"
    assert reason in found.reason


def test_without_a_journal_the_settings_tell(run):
    (run / "journal.jsonl").unlink()
    (run / "config.toml").write_text(
        'seed = 3\ntask = "pascal"\nlinear_eval = true\n[tracking]\ngroup = "h"\ntags = ["z"]\n'
    )
    os.utime(run / "config.toml", (50, 50))

    found = read_run(run)

    assert (found.task, found.kind, found.seed) == ("pascal", "linear_eval", 3)
    assert (found.group, found.tags, found.begun_s) == ("h", ("z",), 50)
    (run / "config.toml").write_text("seed = ")
    assert "config.toml: is no TOML" in read_run(run).reason


@pytest.mark.parametrize("moment", ["1e99", "NaN", "-1e18", "-1", "Infinity", '"noon"', "null"])
def test_a_moment_that_is_none_is_told_by_the_settings(run, moment):
    """Any moment that is told can be written as a date."""
    lines = (run / "journal.jsonl").read_text().splitlines()
    lines[0] = lines[0].replace(f'"t": {BEGUN_S}', f'"t": {moment}')
    assert moment in lines[0]
    (run / "journal.jsonl").write_text("\n".join(lines))
    (run / "config.toml").touch()
    os.utime(run / "config.toml", (50, 50))

    assert read_run(run).begun_s == 50


def test_a_line_that_is_nested_too_deep_is_none(run):
    unfinished(run)
    with (run / "journal.jsonl").open("a") as file:
        file.write('{"finish": ' + "[" * 100_000)

    assert read_run(run).state == "interrupted"

    (run / "journal.jsonl").unlink()
    (run / "config.toml").write_text("a = " + "[" * 100_000)
    assert "config.toml: is no TOML of a run: it is nested too deep" in read_run(run).reason


def test_settings_without_a_task_are_those_of_a_pretraining(run):
    (run / "journal.jsonl").unlink()
    (run / "config.toml").write_text("seed = 3\n")

    assert (read_run(run).task, read_run(run).kind) == ("pretrain", "pretrain")


def test_metrics_of_strange_kinds_are_none(run):
    (run / "final_metrics.json").write_text(
        json.dumps({"test_auroc": "high", "intervals": [1], "test_f1": 0.5})
    )

    assert read_run(run).metric("test_auroc") == (None, None, None)
    assert read_run(run).metric("test_f1") == (0.5, None, None)


@pytest.mark.parametrize("ends", [[None, None], ["low", 0.9], [[], {}], [0.1], [10**400, 1]])
def test_an_interval_of_strange_kinds_has_no_ends(run, ends):
    figures = {"test_auroc": 0.5, "test_f1": 10**400, "intervals": {"test": {"auroc": ends}}}
    (run / "final_metrics.json").write_text(json.dumps(figures))

    assert read_run(run).metric("test_auroc")[:2] == (0.5, None)
    assert read_run(run).metric("test_f1") == (None, None, None)


@pytest.mark.parametrize(
    ("metric", "lower"),
    [("loss", True), ("cost", True), ("loss_murmur", True), ("auroc", False), ("lossless", False),
     ("auroc_loss", False)],
)  # fmt: skip
def test_less_is_better_of_a_loss_whatever_label_it_is_of(metric, lower):
    assert lower_is_better(metric) == lower


def test_runs_are_found_below_a_folder_but_not_inside_one_another(run, tmp_path):
    labels, rows = np.array(["Normal"] * 3), np.full((3, 2), 0.5)
    write_run(tmp_path / "runs" / "study" / "b", labels=labels, probabilities=rows)
    write_run(run / "inside", labels=labels, probabilities=rows)
    write_run(tmp_path / "runs" / ".hidden", labels=labels, probabilities=rows)
    (tmp_path / "runs" / "empty").mkdir()
    (tmp_path / "runs" / "loop").symlink_to(tmp_path / "runs")

    assert [one.name for one in list_runs(tmp_path / "runs")] == ["one", "study/b"]
    assert [one.name for one in list_runs(run)] == ["one"]  # itself


@pytest.fixture
def locked(run, monkeypatch):
    """A folder beside the run, of somebody else, who lets nobody in."""
    folder = run.parent / "lost+found"
    folder.mkdir()
    scandir, access = os.scandir, os.access

    def refused(path):
        if path == folder:
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refused)
    monkeypatch.setattr(os, "access", lambda path, mode: path != folder and access(path, mode))
    return folder


def test_a_folder_that_cannot_be_read_is_named_among_the_others(run, locked):
    found = {one.name: one for one in list_runs(run.parent)}

    assert found.keys() == {"one", "lost+found"}
    assert (found["one"].state, found["lost+found"].state) == ("complete", "damaged")
    assert found["lost+found"].reason == f"{locked}: cannot be read: Permission denied"
    with pytest.raises(DataError, match=r"^.*/lost\+found: cannot be read: Permission denied"):
        list_runs(locked)


def test_a_folder_that_cannot_be_read_is_not_removed(run, locked):
    plan = planned_cleaning(run.parent, Wanted(), now_s=BEGUN_S)

    assert plan.removals == ()
    assert plan.kept["lost+found"] == "it cannot be read"


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(DataError, match="nowhere: cannot be read: No such file"):
        list(find_runs(tmp_path / "nowhere"))
