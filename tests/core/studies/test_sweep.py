"""A sweep: its trials, what it goes on with, what it ends early, and what a failure costs."""

import errno
import json
import re
import sys
import threading
import time
from dataclasses import replace
from statistics import median

import pytest

pytest.importorskip("optuna", reason="sweeps need optuna")

from optuna.trial import TrialState

from pahcl_core.data.preparation import SignalConfig
from pahcl_core.errors import DataError, DiskError, SettingError, TrainingError
from pahcl_core.models.encoder import EncoderConfig
from pahcl_core.studies import sweep as module
from pahcl_core.studies.sweep import sweep
from pahcl_core.studies.sweep_plan import SweepConfig, planned_sweep
from pahcl_core.studies.sweep_report import concluded
from pahcl_core.studies.sweep_storage import JOURNAL, open_storage
from pahcl_core.studies.sweep_study import MOST_ATTEMPTS, SharedStudy
from pahcl_core.training.finetune import describe_finetune
from pahcl_core.training.settings import FinetuneConfig, ScheduleConfig
from support.trackers import Recorder

RATE = {"optimiser.lr": {"low": 1e-4, "high": 1e-2, "log": True}}


def carry_out(plan, **options):
    return sweep(
        plan,
        **{
            "storage": None,
            "tracker": Recorder,
            "describe": lambda config: describe_finetune(config, group=plan.name),
            **options,
        },
    )


@pytest.fixture
def make(physionet2016, store, tmp_path):
    """The plan of a sweep in the test's folder, whose trials take a second."""

    def plan(space=RATE, epochs=1, **changes):
        base = FinetuneConfig(
            task="physionet2016",
            data_dir=physionet2016,
            output_dir=tmp_path,
            experiment_name="sweep",
            device="cpu",
            num_workers=1,
            store=store,
            signal=SignalConfig(sample_rate=500, high_hz=200.0),
            encoder=EncoderConfig(width=16, num_blocks=1, state_size=4, window_s=1.024),
            training=ScheduleConfig(epochs=epochs, batch_size=16, cycles_per_recording=2),
        )
        config = SweepConfig(**{"task": "physionet2016", "method": "random", **changes})
        return planned_sweep(config, base, space, source="test")

    return plan


@pytest.fixture
def pretend(monkeypatch):
    """Let a trial come to what this says of its settings, without data and without training."""

    def use(said):
        def carried_through(config, *, watch, **others):
            return {"val_auroc": said(config, watch)}

        monkeypatch.setattr(module, "carried_through", carried_through)
        monkeypatch.setattr(module, "read_cohort", lambda config, progress: None)

    return use


def test_trials_are_ordinary_runs_and_done_once(make, tmp_path):
    plan, recorders = make(trials=2), []

    def tracker():
        recorders.append(Recorder())
        return recorders[-1]

    result = carry_out(plan, tracker=tracker)

    assert [one.run.name for one in recorders] == ["trial_000", "trial_001"]
    assert {one.run.group for one in recorders} == {"sweep"}
    written = json.loads((tmp_path / "sweep" / "sweep.json").read_text())
    assert written["best"] == result.best.name
    for row in written["trials"]:
        directory = tmp_path / "sweep" / row["name"]
        metrics = json.loads((directory / "final_metrics.json").read_text())
        assert row["value"] == metrics["val_auroc"]
        assert row["settings"] == [f"optimiser.lr={row['values']['optimiser.lr']}"]
        assert f"lr = {row['values']['optimiser.lr']}" in (directory / "config.toml").read_text()

    again = carry_out(plan, tracker=tracker)

    assert again == result
    assert len(recorders) == 2, "something was done again"


def test_an_interrupted_trial_is_gone_on_with(make, tmp_path):
    """Not begun anew, and at once: nobody waits for it to be silent for a minute."""
    plan = make(trials=1, epochs=3)
    shown = []

    def progress(name):
        def show(items, total):
            shown.append(name)
            if shown.count("trial_000") == 3:  # of three epochs
                raise KeyboardInterrupt
            return items

        return show

    with pytest.raises(KeyboardInterrupt):
        carry_out(plan, progress=progress)
    journal = tmp_path / "sweep" / "trial_000" / "train.log"
    before = journal.read_text()
    assert "epoch 1/3" in before
    assert "epoch 3/3" not in before

    told = []
    result = carry_out(plan, tell=told.append)

    assert len(told) == 1, "it waited for itself"
    assert [row.state for row in result.rows] == ["complete"]
    after = journal.read_text()
    assert after.startswith(before)
    assert after.count("epoch 1/3") == 1
    assert not list((tmp_path / "sweep").glob("trial_000.*"))


def test_a_trial_that_was_complete_before_it_could_say_so_is_not_done_again(make, tmp_path):
    plan = make(trials=1)
    result = carry_out(plan)
    (tmp_path / "sweep" / JOURNAL).unlink()
    log = (tmp_path / "sweep" / "trial_000" / "train.log").read_text()

    again = carry_out(plan)

    assert [row.value for row in again.rows] == [row.value for row in result.rows]
    assert (tmp_path / "sweep" / "trial_000" / "train.log").read_text() == log


def test_a_grid_is_done_in_full(make, pretend):
    tried = []

    def said(config, watch):
        tried.append((config.training.batch_size, config.pooling))
        return 0.5

    pretend(said)
    space = {"training.batch_size": {"low": 8, "high": 24, "step": 8}, "pooling": ["mean", "vote"]}

    carry_out(make(space, method="grid"))

    assert tried == [(size, pooling) for size in (8, 16, 24) for pooling in ("mean", "vote")]


def test_what_is_tried_follows_from_the_seed(make, pretend, tmp_path):
    tried = []
    pretend(lambda config, watch: tried.append(config.optimiser.lr) or 0.5)

    for seed, name in ((1, "a"), (1, "b"), (2, "c")):
        plan = make(trials=3, seed=seed)
        carry_out(replace(plan, base=replace(plan.base, experiment_name=name)))

    assert tried[:3] == tried[3:6]
    assert not set(tried[:3]) & set(tried[6:])


def test_a_parzen_estimator_goes_where_it_is_good(make, pretend):
    """Of 24 trials the later ones are nearer to the best rate than those at random."""
    tried = []

    def said(config, watch):
        tried.append(abs(config.optimiser.lr - 1e-3))
        return -tried[-1]

    pretend(said)

    result = carry_out(make(method="tpe", trials=24, seed=5))

    assert median(tried[14:]) < median(tried[:10]) / 3
    assert result.best.value == -min(tried)
    assert [row.value for row in result.rows] == sorted((-one for one in tried), reverse=True)
    assert result.importance == {"optimiser.lr": 1.0}


def test_a_loss_is_best_where_it_is_least(make, pretend, monkeypatch):
    pretend(lambda config, watch: 0.0)
    monkeypatch.setattr(
        module, "carried_through", lambda config, **others: {"val_loss": config.optimiser.lr}
    )

    result = carry_out(make(trials=4, metric="loss"))

    values = [row.value for row in result.rows]
    assert values == sorted(values)


def test_a_trial_below_the_median_is_ended(make, pretend):
    """Two good ones are the median; a poor one is ended when it had its two epochs, not before."""
    shown = []
    values = iter([0.8, 0.9, 0.1, 0.95])

    def said(config, watch):
        value = next(values)
        for epoch in range(1, 5):
            shown.append((config.name, epoch))
            watch(epoch, {"val/auroc": value, "val/loss": 1.0})
        return value

    pretend(said)

    result = carry_out(make(trials=4, prune=True, prune_after=2))

    assert [epoch for name, epoch in shown if name == "trial_002"] == [1, 2]
    assert len(shown) == 4 + 4 + 2 + 4
    by_name = {row.name: row for row in result.rows}
    assert (by_name["trial_002"].state, by_name["trial_002"].epochs) == ("pruned", 2)
    assert [row.name for row in result.rows] == ["trial_003", "trial_001", "trial_000", "trial_002"]


def test_an_epoch_that_fewer_trials_came_to_ends_nothing(make, pretend):
    """The second stops after two epochs, as `patience` has it; the first alone is no median."""
    courses = iter([[0.95] * 4, [0.5] * 2, [0.8] * 4])

    def said(config, watch):
        course = next(courses)
        for epoch, value in enumerate(course, start=1):
            watch(epoch, {"val/auroc": value})
        return max(course)

    pretend(said)

    result = carry_out(make(trials=3, prune=True, prune_after=2))

    assert {row.name: row.state for row in result.rows}["trial_002"] == "complete"


def test_without_pruning_all_go_on(make, pretend):
    values = iter([0.8, 0.9, 0.1])

    def said(config, watch):
        value = next(values)
        for epoch in range(1, 5):
            watch(epoch, {"val/auroc": value})
        return value

    pretend(said)

    assert {row.state for row in carry_out(make(trials=3)).rows} == {"complete"}


def test_a_trial_that_fails_costs_itself(make, pretend):
    tried = []

    def said(config, watch):
        tried.append(config.name)
        if config.name == "trial_001":
            raise TrainingError("train/loss became nan in epoch 1")
        return None if config.name == "trial_002" else 0.5

    pretend(said)
    plan = make(trials=4)

    result = carry_out(plan)

    by_name = {row.name: row for row in result.rows}
    assert [by_name[f"trial_00{n}"].state for n in (0, 3)] == ["complete", "complete"]
    assert by_name["trial_001"].reason == "train/loss became nan in epoch 1"
    assert by_name["trial_002"].reason.startswith("its validation auroc is undefined")
    assert carry_out(plan) == result
    assert tried == [f"trial_00{number}" for number in range(4)], "a failure was done again"


def test_a_full_disk_is_not_a_trials_fault(make, pretend):
    """It ends the sweep, and the trial is done once there is room."""
    tried = []

    def said(config, watch):
        tried.append(config.name)
        if len(tried) == 2:
            raise DiskError("x", OSError(errno.ENOSPC, "No space left"), "go on with --resume x")
        return 0.5

    pretend(said)
    plan = make(trials=3)

    with pytest.raises(DiskError, match=r"^x: No space left: make room, and run the same again$"):
        carry_out(plan)
    result = carry_out(plan)

    assert sorted(tried) == ["trial_000", "trial_001", "trial_001", "trial_002"]
    assert [row.state for row in result.rows] == ["complete"] * 3


def test_more_trials_may_be_asked_for_later(make, pretend):
    done = []
    pretend(lambda config, watch: done.append(config.name) or 0.5)

    carry_out(make(trials=2))
    carry_out(make(trials=4))

    assert done == [f"trial_00{number}" for number in range(4)]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seed": 5}, "was begun with seed = 0, not 5"),
        ({"epochs": 2}, "was begun with [settings] training.epochs = 1, not 2"),
        ({"space": {"optimiser.lr": [1e-3, 1e-2]}}, "was begun with [space] optimiser.lr = "),
        ({"metric": "auprc"}, "was begun with metric = 'auroc', not 'auprc'"),
    ],
)
def test_a_sweep_keeps_its_settings(make, pretend, changes, message):
    pretend(lambda config, watch: 0.5)
    carry_out(make(trials=1))

    with pytest.raises(SettingError, match=re.escape(message)):
        carry_out(make(trials=1, **changes))


def test_what_kills_every_process_is_given_up(make, tmp_path):
    """A process that is killed says nothing; here each of them just never comes back."""
    plan = make(trials=1, lost_after_s=0.05)
    (tmp_path / "sweep").mkdir()

    def joined():
        return SharedStudy(plan, open_storage(None, plan.directory))

    claims = [joined().claim() for _ in range(MOST_ATTEMPTS)]

    assert {claim.slot for claim in claims} == {0}
    assert joined().claim() is None
    (row,) = concluded(plan, joined()).rows
    assert (row.state, row.reason) == ("failed", "3 processes were killed at it")


def test_who_was_taken_to_be_lost_does_not_count(make, tmp_path, caplog):
    """Who goes on has the same values, whatever was learnt since they were drawn."""
    plan = make(trials=13, method="tpe", lost_after_s=0.05)
    (tmp_path / "sweep").mkdir()
    sleeper = SharedStudy(plan, open_storage(None, plan.directory))
    other = SharedStudy(plan, open_storage(None, plan.directory))
    for _ in range(11):  # a Parzen estimator draws at random until it has ten
        claim = sleeper.claim()
        sleeper.complete(claim, -abs(claim.values["optimiser.lr"] - 1e-3))
    first = sleeper.claim()
    ahead = other.claim()
    other.complete(ahead, 1.0)  # the best by far

    second = other.claim()
    other.complete(second, 0.75)
    with caplog.at_level("WARNING", logger="pahcl_core"):
        sleeper.complete(first, 0.25)

    assert (second.slot, second.values) == (first.slot, first.values)
    done = [t for t in other.study.trials if t.user_attrs["slot"] == first.slot]
    assert [t.value for t in done if t.state == TrialState.COMPLETE] == [0.75]
    assert "trial_011 was taken to be lost" in caplog.text


@pytest.mark.parametrize("storage", [None, "sqlite"])
def test_who_comes_at_the_same_moment_gets_another_trial(make, tmp_path, storage):
    """SQLite by itself lets two read that a trial is waiting before either takes it."""
    plan = make(trials=12)
    (tmp_path / "sweep").mkdir()
    url = storage and f"sqlite:///{tmp_path}/study.db"
    workers = [SharedStudy(plan, open_storage(url, plan.directory)) for _ in range(4)]
    begin, claimed = threading.Barrier(4), []

    def work(shared):
        begin.wait()
        while (claim := shared.claim()) is not None:
            claimed.append((claim.slot, claim.values["optimiser.lr"]))
            shared.complete(claim, 0.5)

    threads = [threading.Thread(target=work, args=(shared,)) for shared in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(slot for slot, _ in claimed) == list(range(12))
    assert len({rate for _, rate in claimed}) == 12


def test_who_gives_signs_of_life_is_left_alone(make, tmp_path):
    plan = make(trials=1, lost_after_s=0.2)
    (tmp_path / "sweep").mkdir()
    one = SharedStudy(plan, open_storage(None, plan.directory))
    other = SharedStudy(plan, open_storage(None, plan.directory))
    claim = one.claim()
    looks = []

    def waiting(number):
        looks.append(number)

    with one.beating(claim):
        thread = threading.Thread(target=lambda: looks.append(other.claim(waiting)))
        thread.start()
        time.sleep(1.0)
        assert thread.is_alive()
        one.complete(claim, 0.5)
    thread.join(timeout=30)

    assert looks == [1, None]


def test_half_a_line_of_a_killed_process_is_cut_off(make, pretend, tmp_path):
    pretend(lambda config, watch: 0.5)
    carry_out(make(trials=1))
    journal = tmp_path / "sweep" / JOURNAL
    with journal.open("ab") as file:
        file.write(b'{"op_code":4,"worker')

    result = carry_out(make(trials=2))

    assert [row.state for row in result.rows] == ["complete", "complete"]


@pytest.mark.parametrize(
    ("url", "error", "message"),
    [
        ("study.db", SettingError, "--storage 'study.db' is no URL of a database"),
        ("nosuch://host/db", SettingError, "--storage nosuch"),
        ("sqlite:////no/such/folder/study.db", DataError, "unable to open database file"),
    ],
)
def test_a_storage_that_is_none(make, pretend, url, error, message):
    pretend(lambda config, watch: 0.5)

    with pytest.raises(error, match=re.escape(message)):
        carry_out(make(trials=1), storage=url)


def test_a_driver_that_is_not_installed_is_named(make, pretend, monkeypatch):
    pretend(lambda config, watch: 0.5)
    for name in ("psycopg", "psycopg2"):
        monkeypatch.setitem(sys.modules, name, None)

    with pytest.raises(SettingError, match=r"psycopg.* is missing: pip install .?psycopg"):
        carry_out(make(trials=1), storage="postgresql://me:hunter2@host/db")


def test_a_password_is_not_repeated(make, pretend):
    pretend(lambda config, watch: 0.5)

    with pytest.raises((SettingError, DataError)) as refused:
        carry_out(make(trials=1), storage="nosuch://me:hunter2@host/db")

    assert "hunter2" not in str(refused.value)


def test_a_wrong_path_is_not_the_fault_of_a_trial(make, tmp_path):
    plan = make(trials=1)
    plan = replace(plan, base=replace(plan.base, data_dir=tmp_path / "nowhere"))

    with pytest.raises(DataError, match="nowhere"):
        carry_out(plan)

    assert not (tmp_path / "sweep").exists()
