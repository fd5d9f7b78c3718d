"""What a sweep varies, and what it refuses to vary."""

import re
from dataclasses import replace

import pytest

from pahcl_core.data.tasks import Task
from pahcl_core.errors import SettingError
from pahcl_core.studies.sweep_plan import SweepConfig, planned_sweep
from pahcl_core.studies.sweep_space import Choices, Range, as_setting, grid, read_space
from pahcl_core.training.settings import FinetuneConfig, SplitConfig

RATE = {"low": 1e-4, "high": 1e-2, "log": True}


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nothing")
    return FinetuneConfig(task="circor_murmur", data_dir=folder, output_dir=folder)


def read(table, base):
    return read_space(table, base, source="lr.toml")


def test_dotted_keys_may_be_nested_or_in_quotes(base):
    nested = {"optimiser": {"lr": RATE}, "pooling": ["mean", "vote"]}
    quoted = {"optimiser.lr": RATE, "pooling": ["mean", "vote"]}

    assert read(nested, base) == read(quoted, base) == (
        Range(key="optimiser.lr", low=1e-4, high=1e-2, log=True, step=None, whole=False),
        Choices(key="pooling", values=("mean", "vote")),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("key", "whole"), [("training.batch_size", True), ("loss.class_weight_power", False)]
)
def test_the_setting_says_whether_a_range_is_of_whole_numbers(base, key, whole):
    """`low = 1` and `high = 2` would leave two values of a weight that may be 1.5."""
    (found,) = read({key: {"low": 1, "high": 2}}, base)

    assert (found.whole, found.low, found.high) == (whole, 1, 2)


def test_a_grid_is_every_combination(base):
    space = read(
        {
            "training.batch_size": {"low": 16, "high": 47, "step": 16},
            "loss.class_weight_power": {"low": 0.0, "high": 0.3, "step": 0.1},
            "few_shot": [False, True],
        },
        base,
    )

    found = [tuple(one.values()) for one in grid(space)]

    powers = (0.0, 0.1, 0.2, pytest.approx(0.3))
    assert found == [(size, p, few) for size in (16, 32) for p in powers for few in (False, True)]


def test_whole_numbers_need_no_step(base):
    (found,) = read({"encoder.num_blocks": {"low": 1, "high": 3}}, base)

    assert found.points() == (1, 2, 3)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({}, "nothing to vary"),
        ({"optimiser.lrr": [1, 2]}, "there is no setting 'optimiser.lrr', did you mean 'lr'?"),
        ({"lr": [1e-3, 1e-2]}, "there is no setting 'lr', did you mean 'optimiser.lr'?"),
        ({"pooling": ["mean", "median"]}, "pooling = 'median', but it must be one of 'attention'"),
        ({"shot_ratio": {"low": 0.5, "high": 1.5}}, "shot_ratio must lie in (0, 1], got 1.5"),
        ({"training.epochs": {"low": 1.5, "high": 3}}, "training.epochs = 1.5, but it must be an"),
        ({"training.epochs": {"low": 1, "high": 3, "step": 0.5}}, "and so must its step be"),
        ({"optimiser.lr": {"low": 0.0, "high": 1.0, "log": True}}, "begins above 0, not at 0.0"),
        ({"optimiser.lr": {"low": 1.0, "high": 0.1}}, "low must be below high, got 1.0 and 0.1"),
        ({"optimiser.lr": {"low": 0.1}}, "[space] optimiser.lr: high is missing"),
        ({"optimiser.lr": {**RATE, "step": 1e-3}}, "a range has log or a step, not both"),
        ({"optimiser.lr": {**RATE, "lgo": 1}}, "there is no setting 'lgo'"),
        ({"few_shot": {"low": 0, "high": 1}}, "few_shot = 0, but it must be true or false"),
        ({"optimiser.lr": 0.1}, "must be a list of values or a range; what does not vary belongs"),
        ({"optimiser.lr": [0.1]}, "optimiser.lr needs two or more values, each once"),
        ({"optimiser.lr": [0.1, 0.2, 0.1]}, "optimiser.lr needs two or more values, each once"),
        ({"seed": [1, 2]}, "seed is not varied; set it once, in [settings]"),
        ({"task": ["circor_murmur", "pascal"]}, "task is not varied"),
        ({"split.val": [0.1, 0.2]}, "split.val decides what trials are judged by"),
    ],
)
def test_what_makes_no_sense_is_named(base, table, message):
    with pytest.raises(SettingError, match=re.escape(message)) as refused:
        read(table, base)

    assert str(refused.value).startswith("lr.toml, [space]")


def test_a_grid_has_an_end(base):
    with pytest.raises(SettingError, match=r"optimiser.lr: a grid needs a step, or values"):
        planned_sweep(
            SweepConfig(task="circor_murmur", method="grid"),
            base,
            {"optimiser.lr": RATE},
            source="lr.toml",
        )


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [("a.b", 1e-3, "a.b=0.001"), ("c", "x", 'c="x"'), ("d", True, "d=true"), ("e", [1], "e=[1]")],
)
def test_values_as_overrides(key, value, text):
    assert as_setting(key, value) == text


def plan(base, **changes):
    config = SweepConfig(**{"task": "circor_murmur", **changes})
    space = {"training.batch_size": [8, 16], "pooling": ["mean", "vote", "attention"]}
    return planned_sweep(config, base, space, source="lr.toml")


@pytest.mark.parametrize(
    ("changes", "num"),
    [
        ({}, 20),
        ({"trials": 3}, 3),
        ({"method": "grid"}, 6),
        ({"method": "grid", "trials": 4}, 4),
        ({"method": "grid", "trials": 40}, 6),
    ],
)
def test_how_many_trials(base, changes, num):
    assert plan(base, **changes).num_trials == num


@pytest.mark.parametrize("name", ["auroc_Present", "weighted_accuracy", "balanced_accuracy"])
def test_any_metric_of_the_task_may_be_chosen_by(base, name):
    assert plan(base, metric=name).metric == name


@pytest.mark.parametrize(
    ("metric", "message"),
    [
        ("test_auroc", "a sweep chooses by the validation, never by the test"),
        ("aurocc", "circor_murmur has no metric named 'aurocc', did you mean 'auroc'?"),
        ("macc", "circor_murmur has no metric named 'macc'"),
    ],
)
def test_a_metric_that_is_none_is_refused(base, metric, message):
    with pytest.raises(SettingError, match=re.escape(message)):
        plan(base, metric=metric)


def test_of_several_labels_a_metric_may_be_the_mean_or_that_of_one(base):
    task = Task(name="own", labels=("murmur", "s3"), classes=("no", "yes"), positive="yes")
    several = replace(base, task="own", own_task=task)

    assert not plan(several, metric="auroc_s3").lower_is_better
    assert plan(several, metric="loss_s3").lower_is_better
    assert plan(several).metric == "auroc"
    with pytest.raises(SettingError, match="has no metric named 'auroc_s4', did you mean 'auroc_s"):
        plan(several, metric="auroc_s4")


def test_the_metric_is_what_picks_the_best_epoch(base):
    assert plan(base).metric == base.selected_by == "auroc"
    assert not plan(base).lower_is_better
    assert plan(base, metric="loss").lower_is_better


def test_a_trial_is_an_ordinary_run_in_the_sweeps_folder(base):
    found = plan(base).trial(7, {"training.batch_size": 16, "pooling": "mean"})

    assert (found.training.batch_size, found.pooling, found.seed) == (16, "mean", base.seed)
    assert found.output_dir / found.name == base.output_dir / base.name / "trial_007"
    assert found.prepared == base.prepared
    assert found.split == SplitConfig()
