"""What may go of a folder of runs, and what stays whatever is asked for."""

import json
import os
from pathlib import Path

import pytest

from pahcl_core.evaluation.cleaning import Wanted, planned_cleaning, removed
from pahcl_core.evaluation.runs import find_runs

NOW = 1_800_000_000.0
DAY = 86400.0
ANY = Wanted(older_than_s=0.0)
HERE = Path()


@pytest.fixture
def outputs(tmp_path):
    """Writes runs that come to nothing but their names, states and figures."""
    root = tmp_path / "outputs"

    def write(name, *, days=10.0, auroc=None, val=None, task="circor_murmur", tags=(), **config):
        directory = root / name
        directory.mkdir(parents=True)
        failed = auroc is None
        status = {"status": "failed" if failed else "completed", "error": "why" if failed else None}
        run = {"name": name, "tags": list(tags), "config": {"task": task, **config}}
        lines = [{"n": 0, "t": 1.0, "run": run}, {"n": 1, "t": 2.0, "finish": status}]
        (directory / "journal.jsonl").write_text("".join(json.dumps(x) + "\n" for x in lines))
        (directory / "train.log").write_text("")
        if not failed:
            figures = {"test_auroc": auroc, "val_auroc": auroc if val is None else val}
            (directory / "final_metrics.json").write_text(json.dumps({"task": task, **figures}))
        for file in directory.iterdir():
            os.utime(file, (NOW - days * DAY, NOW - days * DAY))
        return directory

    write.root = root
    return write


def planned(outputs, wanted=ANY, **options):
    return planned_cleaning(outputs.root, wanted, now_s=NOW, **options)


def going(cleaning):
    return sorted(run.name for one in cleaning.removals for run in one.runs)


def test_age_state_and_tag_have_to_agree(outputs):
    outputs("old", days=40, tags=["x"])
    outputs("new", days=20, tags=["x"])
    outputs("untagged", days=40)
    outputs("complete", days=40, auroc=0.5, tags=["x"])
    outputs("best", auroc=0.9)

    assert going(planned(outputs, Wanted(older_than_s=30 * DAY))) == ["complete", "old", "untagged"]
    assert going(planned(outputs, Wanted(states=("failed",)))) == ["new", "old", "untagged"]
    assert going(planned(outputs, Wanted(tags=("x", "y")))) == ["complete", "new", "old"]
    every = Wanted(older_than_s=30 * DAY, states=("failed",), tags=("x",))
    assert going(planned(outputs, every)) == ["old"]


def test_a_clock_that_went_backwards_makes_nothing_old(outputs):
    outputs("tomorrow", days=-1)

    assert going(planned(outputs)) == []


def test_the_best_of_each_task_and_kind_stays(outputs):
    """By the validation and by the test, which may be two."""
    outputs("by_test", auroc=0.9, val=0.5)
    outputs("by_val", auroc=0.7, val=0.8)
    outputs("neither", auroc=0.6, val=0.6)
    outputs("other_task", auroc=0.1, task="pascal")
    outputs("linear", auroc=0.2, linear_eval=True)

    cleaning = planned(outputs)

    assert going(cleaning) == ["neither"]
    assert cleaning.kept["by_test"] == "the best circor_murmur by test_auroc"
    assert cleaning.kept["by_val"] == "the best circor_murmur by val_auroc"
    assert cleaning.kept["other_task"] == "the best pascal by val_auroc"


def test_the_best_is_the_least_where_less_is_better(outputs):
    for name, cost in (("cheap", 9000.0), ("dear", 12000.0)):
        directory = outputs(name, auroc=0.5)
        (directory / "final_metrics.json").write_text(
            json.dumps({"task": "circor_murmur", "test_cost": cost})
        )
        os.utime(directory / "final_metrics.json", (1, 1))

    assert going(planned(outputs, metric="cost")) == ["dear"]


def test_a_run_that_a_process_is_at_stays(outputs):
    fcntl = pytest.importorskip("fcntl", reason="files are not locked here")
    directory = outputs("busy")
    with (directory / "train.log").open() as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        (directory / "journal.jsonl").write_text(
            (directory / "journal.jsonl").read_text().splitlines()[0] + "\n"
        )
        os.utime(directory / "journal.jsonl", (1, 1))

        cleaning = planned(outputs)

        assert going(cleaning) == []
        assert cleaning.kept == {"busy": "a process is at it"}


def test_one_that_begins_again_after_the_list_stays(outputs):
    fcntl = pytest.importorskip("fcntl", reason="files are not locked here")
    directory = outputs("again")
    cleaning = planned(outputs)
    with (directory / "train.log").open() as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)

        ((_, problem),) = removed(cleaning)

    assert problem == "a process is at it by now"
    assert directory.exists()


@pytest.mark.parametrize("marker", ["study.toml", "sweep.json", "train.log"])
def test_what_belongs_together_goes_together_or_not_at_all(outputs, marker):
    for fold in (1, 2, 3):
        outputs(f"set/fold_{fold}/seed_1", days=40)
    (outputs.root / "set" / marker).write_text("")
    outputs("best", auroc=0.9)

    cleaning = planned(outputs)
    (removal,) = cleaning.removals
    assert removal.directory == outputs.root / "set"
    assert len(removal.runs) == 3
    assert removal.idle_s == pytest.approx(40 * DAY)

    outputs("set/fold_4/seed_1", days=1)
    cleaning = planned(outputs, Wanted(older_than_s=30 * DAY))
    assert going(cleaning) == []
    assert cleaning.kept["set/fold_1/seed_1"] == "belongs to set/fold_4/seed_1, which stays"


def test_what_belongs_to_what_a_process_is_at_stays(outputs):
    """Between two runs of a batch nobody is at any of them."""
    fcntl = pytest.importorskip("fcntl", reason="files are not locked here")
    outputs("batch/a")
    with (outputs.root / "batch" / "train.log").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)

        assert planned(outputs).kept == {"batch/a": "a process is at it"}

    assert going(planned(outputs)) == ["batch/a"]


def test_what_a_run_that_stays_was_begun_from_stays(outputs):
    """Also where that run stays for another reason, such as that it belongs to what stays."""
    model = outputs("pre", days=90) / "best_model.pt"
    outputs("set/a", days=90, pretrained=str(model))
    outputs("set/b", days=1)
    (outputs.root / "set" / "study.toml").write_text("")
    outputs("unused", days=90)

    cleaning = planned(outputs, Wanted(older_than_s=30 * DAY))

    assert going(cleaning) == ["unused"]
    assert cleaning.kept["pre"] == "set/a was begun from it"


def test_what_goes_is_gone_and_nothing_else(outputs):
    gone, stays = outputs("gone"), outputs("best", auroc=0.9)
    (gone / "best_model.pt").write_bytes(bytes(5000))
    (gone / "link").symlink_to(stays)
    cleaning = planned(outputs)
    (removal,) = cleaning.removals
    assert removal.num_bytes >= 5000

    assert [problem for _, problem in removed(cleaning)] == [""]

    assert [path.name for path in outputs.root.iterdir()] == ["best"]
    assert (stays / "final_metrics.json").exists()


def test_a_run_that_is_removed_in_part_is_none(outputs, monkeypatch):
    """It is hidden before the first of its files goes; what is left of it goes the next time."""
    import shutil

    outputs("gone")
    whole = shutil.rmtree

    def killed(path):
        raise OSError(5, "Input/output error", str(path))

    monkeypatch.setattr(shutil, "rmtree", killed)
    ((_, problem),) = removed(planned(outputs))
    assert problem.endswith("Input/output error")
    assert list(find_runs(outputs.root)) == []

    monkeypatch.setattr(shutil, "rmtree", whole)
    outputs("gone")
    assert [problem for _, problem in removed(planned(outputs))] == [""]
    assert list(outputs.root.iterdir()) == []


def test_a_part_that_is_gone_on_with_by_itself_keeps_all(outputs):
    """Nobody is at the folder that holds them; one of them was resumed."""
    fcntl = pytest.importorskip("fcntl", reason="files are not locked here")
    alone, _ = outputs("set/fold_1"), outputs("set/fold_2")
    (outputs.root / "set" / "study.toml").touch()

    with (alone / "train.log").open("a") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        assert planned(outputs).removals == ()
        assert planned(outputs).kept["set/fold_1"] == "a process is at it"

    assert going(planned(outputs)) == ["set/fold_1", "set/fold_2"]


@pytest.mark.parametrize("marker", ["study.toml", "sweep.json", "train.log"])
def test_a_folder_that_is_named_from_within_is_the_same_folder(outputs, marker, monkeypatch):
    """What holds a set may be where the user is, or be named by a link."""
    outputs("set/f1", days=40)
    outputs("set/f2", days=1)
    (outputs.root / "set" / marker).touch()
    (outputs.root / "link").symlink_to(outputs.root / "set", target_is_directory=True)
    old = Wanted(older_than_s=30 * DAY)

    for inside, named in (("set", "."), ("set/f1", ".."), (".", "set"), (".", "link")):
        monkeypatch.chdir(outputs.root / inside)
        cleaning = planned_cleaning(Path(named), old, now_s=NOW)
        assert cleaning.removals == (), named
        assert cleaning.kept == {"f1": "belongs to f2, which stays"}, named


def test_a_set_goes_from_where_the_user_is(outputs, monkeypatch):
    outputs("set/f1")
    outputs("set/f2")
    (outputs.root / "set" / "study.toml").touch()
    monkeypatch.chdir(outputs.root / "set")

    assert [problem for _, problem in removed(planned_cleaning(HERE, ANY, now_s=NOW))] == [""]

    assert list(outputs.root.iterdir()) == []


def test_a_set_that_a_process_is_at_stays_where_the_user_is(outputs, monkeypatch):
    fcntl = pytest.importorskip("fcntl", reason="files are not locked here")
    outputs("set/f1")
    (outputs.root / "set" / "study.toml").touch()
    monkeypatch.chdir(outputs.root / "set")
    with (outputs.root / "set" / "train.log").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)

        for named in (HERE, outputs.root / "set" / "f1"):
            cleaning = planned_cleaning(named, ANY, now_s=NOW)
            assert (cleaning.removals, cleaning.kept) == ((), {"f1": "a process is at it"})


def test_a_part_of_a_set_does_not_go_by_itself(outputs):
    """Neither named by itself nor with others, as all of what is in one of its folders."""
    outputs("set/a/seed_1")
    outputs("set/a/seed_2")
    outputs("set/b/seed_1")
    (outputs.root / "set" / "study.toml").touch()

    for named in ("set/a", "set/a/seed_1"):
        cleaning = planned_cleaning(outputs.root / named, ANY, now_s=NOW)
        assert cleaning.removals == (), named
        assert set(cleaning.kept.values()) == {
            f"belongs to {outputs.root / 'set'}, which goes as a whole"
        }


def test_a_log_above_that_is_of_something_else_keeps_nothing(outputs):
    outputs("a")
    (outputs.root.parent / "train.log").touch()

    assert going(planned(outputs)) == ["a"]


def test_a_run_goes_from_within(outputs, monkeypatch):
    monkeypatch.chdir(outputs("a"))

    assert [problem for _, problem in removed(planned_cleaning(HERE, ANY, now_s=NOW))] == [""]

    assert list(outputs.root.iterdir()) == []
