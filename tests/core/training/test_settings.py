"""Settings: refused where they make no sense, named as promised, the same after a round trip."""

from pathlib import Path

import pytest

from pahcl_core.config import from_dict, to_dict
from pahcl_core.errors import SettingError
from pahcl_core.losses.classification import LossConfig
from pahcl_core.training.objective import ObjectiveConfig
from pahcl_core.training.settings import (
    FinetuneConfig,
    PretrainConfig,
    ReadingConfig,
    ScheduleConfig,
    SplitConfig,
)


def finetune_settings(**changes) -> FinetuneConfig:
    return FinetuneConfig(**{"task": "circor_murmur", "data_dir": Path("data"), **changes})


def pretrain_settings(**changes) -> PretrainConfig:
    return PretrainConfig(**{"data": {"circor": Path("a"), "folder": Path("b")}, **changes})


@pytest.mark.parametrize(
    ("make", "changes", "message"),
    [
        (SplitConfig, {"train": 0.0, "val": 0.5, "test": 0.5}, "must all be positive"),
        (SplitConfig, {"train": 0.7}, "must add up to 1, not 1.1"),
        (SplitConfig, {"folds": 1}, "folds must be 0 or at least 2, got 1"),
        (SplitConfig, {"folds": 5, "fold": 0}, "fold must lie between 1 and folds, got 0 of 5"),
        (SplitConfig, {"folds": 5, "fold": 6}, "fold must lie between 1 and folds, got 6 of 5"),
        (SplitConfig, {"fold": 2}, "fold must lie between 1 and folds, got 2 of 0"),
        (SplitConfig, {"folds": 5, "file": Path("x")}, "file and folds cannot both be given"),
        (ReadingConfig, {"max_damaged": 1.1}, "max_damaged must lie between 0 and 1, got 1.1"),
        (ReadingConfig, {"max_damaged": -0.1}, "max_damaged must lie between 0 and 1"),
        (ScheduleConfig, {"epochs": 0}, "epochs must be at least 1, got 0"),
        (ScheduleConfig, {"batch_size": 0}, "batch_size must be at least 1, got 0"),
        (ScheduleConfig, {"cycles_per_recording": 0}, "cycles_per_recording must be at least 1"),
        (ScheduleConfig, {"log_every": 0}, "log_every must be at least 1, got 0"),
        (ScheduleConfig, {"histogram_every": -1}, "histogram_every must be at least 0, got -1"),
        (ScheduleConfig, {"checkpoint_every": -1}, "checkpoint_every must be at least 0, got -1"),
        (finetune_settings, {"shot_ratio": 0.0}, r"shot_ratio must lie in \(0, 1\], got 0.0"),
        (finetune_settings, {"shot_ratio": 1.5}, r"shot_ratio must lie in \(0, 1\], got 1.5"),
        (finetune_settings, {"cycles_scored": -1}, "cycles_scored must be at least 0, got -1"),
        (finetune_settings, {"recordings_per_unit": 0}, "recordings_per_unit must be at least 1"),
        (finetune_settings, {"shots_per_class": -1}, "shots_per_class must be at least 0, got -1"),
        (finetune_settings, {"few_shot": True, "shots_per_class": 2}, "give one of the two"),
        (LossConfig, {"class_weight_power": -1.0}, "class_weight_power must be at least 0"),
        (LossConfig, {"gamma": -1.0}, "gamma must be at least 0, got -1.0"),
        (LossConfig, {"label_smoothing": 1.0}, "label_smoothing must be at least 0 and below 1"),
        (pretrain_settings, {"data": {}}, "data names no collection"),
        (
            pretrain_settings,
            {"data": {"circr": Path()}},
            "no collection named 'circr', did you mea",
        ),
        (pretrain_settings, {"data": {"circor:a": Path()}}, "there is one circor; only folders"),
        (
            pretrain_settings,
            {"data": {"circor": Path("x/../a"), "folder:b": Path("a")}},
            "circor and folder:b are the same folder, a",
        ),
        (
            pretrain_settings,
            {"weights": {"pascal": 1.0}},
            "weights.pascal: no such .*; only circor",
        ),
        (pretrain_settings, {"weights": {"circr": 1.0}}, "no such .* is given, did you mean 'circ"),
        (pretrain_settings, {"weights": {"circor": 0.0}}, "weights.circor must be positive, got 0"),
        (pretrain_settings, {"weights": {"circor": float("inf")}}, "must be positive, got inf"),
        (pretrain_settings, {"weights": {"circor": float("nan")}}, "must be positive, got nan"),
        (pretrain_settings, {"validation_share": 0.0}, "between 0 and 1, got 0.0"),
        (pretrain_settings, {"validation_share": 1.0}, "between 0 and 1, got 1.0"),
        (ObjectiveConfig, {"temperature": 0.0}, "temperature must be positive, got 0.0"),
        (ObjectiveConfig, {"cycle_weight": -1.0}, "must be at least 0"),
        (ObjectiveConfig, {"substructure_weight": -1.0}, "must be at least 0"),
        (
            ObjectiveConfig,
            {"prediction_weight": 0.0, "anchor_weight": 0.0},
            "cycle_weight, substructure_weight, prediction_weight and anchor_weight must not all",
        ),
        (ObjectiveConfig, {"anchor_weight": -0.5}, "and anchor_weight must be at least 0"),
        (
            ObjectiveConfig,
            {"prediction_weight": 0.0},
            "anchor_weight alone would teach.*substructure_weight or prediction_weight must be ab",
        ),
    ],
)
def test_senseless_settings_are_refused(make, changes, message):
    with pytest.raises(ValueError, match=message):
        make(**changes)


def test_an_unknown_task_is_refused_with_the_closest():
    with pytest.raises(SettingError, match="no task named 'circor_murmer', did you mean"):
        finetune_settings(task="circor_murmer")


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({}, "circor_murmur_finetune"),
        ({"linear_eval": True}, "circor_murmur_linear"),
        ({"few_shot": True}, "circor_murmur_finetune_fewshot10pct"),
        ({"shots_per_class": 5}, "circor_murmur_finetune_5shot"),
        (
            {"few_shot": True, "shot_ratio": 0.005, "linear_eval": True},
            "circor_murmur_linear_fewshot0.5pct",
        ),
        ({"experiment_name": "lr_1e-3", "few_shot": True}, "lr_1e-3"),
    ],
)
def test_a_run_is_named_after_what_it_does(changes, name):
    assert finetune_settings(**changes).name == name


@pytest.mark.parametrize(
    "config",
    [
        finetune_settings(pretrained=Path("best_model.pt"), seed=7, few_shot=True),
        PretrainConfig(
            data={"circor": Path("a b"), "folder:clinic_a": Path("c")},
            weights={"circor": 2.0},
            split=SplitConfig(file=Path("splits.json")),
        ),
    ],
)
def test_settings_survive_being_written_out(config):
    assert from_dict(type(config), to_dict(config), source="test") == config
