"""A batch: every cell done over the same folds, resumable, failures named, one table."""

import csv
import json
import shutil
from dataclasses import dataclass, field

import numpy as np
import pytest
from scipy import stats

from pahcl_core.data.synthetic_circor import write_synthetic_circor
from pahcl_core.errors import DataError, SettingError
from pahcl_core.studies.batch import run_batch
from pahcl_core.studies.batch_markdown import markdown
from pahcl_core.studies.batch_plan import BatchConfig, planned_batch, read_batch
from pahcl_track import NullTracker

SETTINGS = {
    "shared": {
        "device": "cpu",
        "num_workers": 1,
        "signal": {"sample_rate": 500, "high_hz": 200.0},
        "encoder": {"width": 16, "num_blocks": 1, "state_size": 4, "window_s": 1.024},
    },
    "pretrain": {"training": {"epochs": 1, "batch_size": 16, "cycles_per_recording": 1}},
    "train": {
        "pooling": "mean",
        "cycles_scored": 1,
        "training": {"epochs": 1, "cycles_per_recording": 1, "checkpoint_every": 0},
    },
    "adjust": [{"shots": [0.5], "settings": {"training": {"epochs": 2}}}],
}


@dataclass
class Silent:
    """Remembers what it was told of."""

    names: list[str] = field(default_factory=list)

    def tracker(self):
        return NullTracker()

    def described(self, config):
        self.names.append(f"{config.output_dir.parent.name}/{config.output_dir.name}/{config.name}")
        return {"group": "batch"}


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    root = tmp_path_factory.mktemp("collection") / "circor"
    write_synthetic_circor(root, num_patients=24, seed=1, duration_s=(3.0, 3.2))
    return root


@pytest.fixture(scope="module")
def config(people, tmp_path_factory):
    return BatchConfig(
        tasks=("circor_outcome",),
        modes=("scratch", "linear", "finetune", "phase_bands logistic"),
        shots=(1.0, 0.5),
        folds=3,
        seeds=1,
        data={"circor": people},
        output_dir=tmp_path_factory.mktemp("outputs"),
    )


@pytest.fixture(scope="module")
def plan(config):
    return planned_batch(config, SETTINGS, source="batch.toml")


@pytest.fixture(scope="module")
def finished(plan):
    return run_batch(plan, tracked=Silent())


def test_every_way_is_tested_on_the_same_folds_which_pretraining_has_not_heard(finished, plan):
    assert finished.failures == {}
    folds = {}
    for run in plan.runs:
        split = json.loads((run.directory / "splits.json").read_text())
        first = folds.setdefault(split["fold"], split)
        assert split == first
    for run in plan.pretrainings:
        split = json.loads((run.directory / "splits.json").read_text())["circor"]
        fold = folds[run.config.split.fold]
        assert set(split["train"]).isdisjoint({*fold["val"], *fold["test"]})
        assert set(split["pretrain_val"]).isdisjoint({*fold["val"], *fold["test"]})
    assert {row["test_persons_seen_in_pretraining"] for row in finished.content["rows"]} == {0}


def test_a_fold_begins_with_its_own_pretraining(plan):
    for run in plan.runs:
        pretrained = run.config.pretrained
        if "finetune" in run.name or "linear" in run.name:
            assert pretrained == (
                plan.directory / "pretrain" / f"fold_{run.config.split.fold}" / "best_model.pt"
            )
        else:
            assert pretrained is None


def test_settings_are_shared_and_adjusted(plan):
    by_name = {run.name: run.config for run in plan.runs}
    scratch = by_name["circor_outcome_scratch_100pct/fold_1/seed_42"]
    few = by_name["circor_outcome_finetune_50pct/fold_1/seed_42"]
    simple = by_name["circor_outcome_phase_bands_logistic_50pct/fold_1/seed_42"]

    assert (scratch.training.epochs, few.training.epochs) == (1, 2)
    assert (scratch.few_shot, few.few_shot, few.shot_ratio) == (False, True, 0.5)
    assert (simple.few_shot, simple.shot_ratio) == (True, 0.5)
    assert scratch.signal == few.signal == simple.signal == plan.pretrainings[0].config.signal
    assert scratch.encoder.width == plan.pretrainings[0].config.encoder.width == 16
    assert {config.store for config in by_name.values()} == {scratch.prepared}


def test_the_table_has_a_row_for_each_and_the_differences(finished, plan):
    rows = finished.content["rows"]

    assert len(rows) == 8
    for row in rows:
        written = json.loads((plan.directory / row["directory"] / "final_metrics.json").read_text())
        assert row["metrics"]["auroc"]["value"] == written["test_auroc"]
        assert row["metrics"]["cost"]["value"] == written["test_cost"]
        assert row["seconds"] == written["seconds"] > 0
    apart = [one for one in finished.content["differences"] if one["metric"] == "auroc"]
    of = {(row["mode"], row["share"]): row["metrics"]["auroc"]["value"] for row in rows}
    assert len(apart) == 10
    for one in apart:
        expected = of[one["first"], one["share"]] - of[one["second"], one["share"]]
        assert one["difference"] == pytest.approx(expected)
        assert one["num_runs"] == 3
    assert json.loads((plan.directory / "batch.json").read_text()) == finished.content


def persons(plan, row, fold, side):
    """Those that a run says it trained on, or tested on."""
    path = plan.directory / row["directory"] / f"fold_{fold}" / "seed_42" / "predictions.csv"
    with path.open() as stream:
        return {one["person_id"] for one in csv.DictReader(stream) if one["split"] == side}


def test_the_t_test_is_corrected_by_the_persons_that_runs_were_trained_on(finished, plan):
    """Nadeau and Bengio's formula. With half of the persons, half as many."""
    rows = {(row["mode"], row["share"]): row for row in finished.content["rows"]}
    apart = [one for one in finished.content["differences"] if one["metric"] == "auroc"]
    counted = {}
    for one in apart:
        first, second = (rows[one[name], one["share"]] for name in ("first", "second"))
        areas = [
            [run["test_auroc"] for run in json.loads(
                (plan.directory / row["directory"] / "final_metrics.json").read_text())["runs"]]
            for row in (first, second)
        ]  # fmt: skip
        differences = np.subtract(*areas)
        num_train, num_test = (
            round(np.mean([len(persons(plan, first, fold, side)) for fold in (1, 2, 3)]))
            for side in ("train", "test")
        )
        counted[one["share"]] = num_train
        error = np.sqrt((1 / 3 + num_test / num_train) * differences.var(ddof=1))
        expected = 2 * stats.t.sf(abs(differences.mean()) / error, 2)
        assert one["p_corrected_t"] == pytest.approx(expected)
    assert counted[0.5] == pytest.approx(counted[1.0] / 2, abs=1)
    assert counted[1.0] < 24 * 2 / 3 - 2  # of two thirds some are validated on


def test_the_table_in_words(finished, plan):
    lines = list(markdown(finished.content))

    assert (plan.directory / "batch.md").read_text() == "\n".join(lines) + "\n"
    assert "### circor_outcome" in lines
    assert any(line.startswith("24 **SYNTHETIC** patients: ") for line in lines)
    row = next(line for line in lines if line.startswith("| 50 % | finetune |"))
    value = finished.content["rows"]
    figure = next(r for r in value if (r["mode"], r["share"]) == ("finetune", 0.5))["metrics"]
    assert f"{figure['auroc']['value']:.3f} [{figure['auroc']['low']:.3f}, " in row
    assert f"| {figure['cost']['value']:.0f} [" in row
    assert any(line.startswith("| 100 % | finetune − scratch | `auroc` ") for line in lines)


def test_what_is_missing_is_done_again_and_nothing_else(finished, plan):
    shutil.rmtree(plan.directory / "circor_outcome_linear_100pct" / "fold_2")
    again = Silent()

    result = run_batch(plan, tracked=again)

    assert again.names == ["circor_outcome_linear_100pct/fold_2/seed_42"]
    compared = ("metrics", "n")
    for row, before in zip(result.content["rows"], finished.content["rows"], strict=True):
        assert [row[key] for key in compared] == [before[key] for key in compared]


def test_a_run_that_fails_costs_its_row_and_is_named(finished, plan, config):
    """A pretraining that is lost for good, as a full disk would have it."""
    broken = planned_batch(
        BatchConfig(
            tasks=config.tasks,
            modes=("linear", "phase_bands logistic"),
            folds=3,
            seeds=1,
            data=config.data,
            output_dir=config.output_dir,
            name="broken",
            pretrained=plan.directory / "pretrain" / "fold_{fold}" / "none.pt",
        ),
        {"shared": SETTINGS["shared"]},
        source="batch.toml",
    )

    result = run_batch(broken, tracked=Silent())

    assert list(result.failures) == [
        f"circor_outcome_linear_100pct/fold_{fold}/seed_42" for fold in (1, 2, 3)
    ]
    linear, simple = result.content["rows"]
    assert linear["metrics"] == {}
    assert simple["metrics"]["auroc"]["value"] is not None
    lines = list(markdown(result.content))
    assert any(line.startswith("| 100 % | linear | not complete |") for line in lines)
    assert any("none.pt: no such checkpoint" in line for line in lines)


def test_other_settings_are_refused(finished, config):
    other = {**SETTINGS, "train": {**SETTINGS["train"], "pooling": "vote"}}

    with pytest.raises(SettingError, match="was begun with pooling = 'mean', not 'vote'"):
        planned_batch(config, other, source="batch.toml")
    other = {**SETTINGS, "pretrain": {"training": {"epochs": 3}}}
    with pytest.raises(SettingError, match=r"was begun with training\.epochs = 1, not 3"):
        planned_batch(config, other, source="batch.toml")


SHARED_BY_ALL = {
    "split": {"fold_seed": 7, "train": 0.7, "val": 0.1},
    "operating_point": {"rule": "youden"},
    "spectrum": {"num_mels": 20},
    "num_workers": 3,
}


def test_what_is_shared_reaches_every_run_that_has_it(people, tmp_path):
    """Whoever is dealt out otherwise is tested on persons who were pretrained on."""
    modes = ("scratch", "linear", "finetune", "phase_bands logistic", "log_mel boosting")
    config = BatchConfig(
        tasks=("circor_outcome",), modes=modes, data={"circor": people}, output_dir=tmp_path
    )

    plan = planned_batch(config, {"shared": SHARED_BY_ALL, "pretrain": {}}, source="batch.toml")

    every = [run.config for run in (*plan.pretrainings, *plan.runs)]
    assert {config.split.fold_seed for config in every} == {7}
    assert {config.split.fractions for config in every} == {(0.7, 0.1, 0.2)}
    assert {config.num_workers for config in every} == {3}
    assert {run.config.operating_point.rule for run in plan.runs} == {"youden"}
    num_mels = {cell.mode: cell.plan.base.spectrum.num_mels for cell in plan.cells[3:]}
    assert num_mels == {"phase_bands logistic": 20, "log_mel boosting": 20}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"shared": {"splitt": {}}},
            r"^batch\.toml, \[shared\]: there is no setting 'splitt', did you mean 'split'\?$",
        ),
        ({"shared": {"qqq": 1}}, r"no setting 'qqq'; there are .*objective.*pooling.*spectrum"),
        ({"shared": {"split": {"fold_sed": 1}}}, r"\[shared\]: .*'split.fold_sed', did you mean"),
        ({"shared": [{"device": "cpu"}]}, r"batch\.toml: shared must be a table: write \[shared\]"),
        ({"train": 3}, r"batch\.toml: train must be a table: write \[train\]"),
    ],
)
def test_a_key_that_no_run_knows_is_refused_where_all_are_baselines(
    people, tmp_path, settings, message
):
    config = BatchConfig(
        tasks=("circor_outcome",), modes=("log_mel logistic",), data={"circor": people},
        output_dir=tmp_path,
    )  # fmt: skip
    with pytest.raises(SettingError, match=message):
        planned_batch(config, settings, source="batch.toml")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tasks": ("circor",)}, "no task named 'circor'"),
        ({"tasks": ("pascal",)}, "no data of pascal, which pascal is about: --data"),
        ({"modes": ("scrach",)}, "no mode 'scrach', did you mean 'scratch'"),
        ({"modes": ("log_mel",)}, "no mode 'log_mel'"),
        ({"modes": ("embedding logistic",)}, "no mode 'embedding logistic'"),
        ({"modes": ()}, "must each name one at least"),
        ({"shots": (0.0,)}, r"shots must lie in \(0, 1\], got 0"),
        ({"folds": 1}, "folds must be at least 2, got 1"),
    ],
)
def test_refuses_what_makes_no_sense(people, changes, message):
    settled = {"tasks": ("circor_outcome",), "modes": ("scratch",), "data": {"circor": people}}
    with pytest.raises((ValueError, SettingError), match=message):
        BatchConfig(**{**settled, **changes})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "linear needs \\[pretrain\\], or pretrained"),
        ({"pretrain": {"epochs": 1}}, r"batch\.toml, \[pretrain\].*epochs"),
        ({"pretrain": {}, "adjust": [{"shots": [1.0]}]}, r"each \[\[adjust\]\] needs settings"),
        ({"pretrain": {}, "adjust": [{"task": "x", "settings": {}}]}, r"adjust\]\] has no 'task'"),
    ],
)
def test_refuses_tables_that_make_no_sense(people, tmp_path, settings, message):
    config = BatchConfig(
        tasks=("circor_outcome",), modes=("scratch", "linear"), data={"circor": people},
        output_dir=tmp_path,
    )  # fmt: skip
    with pytest.raises(SettingError, match=message):
        planned_batch(config, settings, source="batch.toml")


def test_a_file_is_read_with_what_the_command_line_says(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text(
        'tasks = ["pascal"]\nmodes = ["scratch"]\nfolds = 4\n'
        '[data]\npascal = "old"\n[train]\npooling = "mean"\n'
    )

    config, settings = read_batch(file, {"pascal": tmp_path}, over={"folds": 3, "seeds": None})

    assert (config.name, config.folds, config.seeds) == ("mine", 3, 3)
    assert config.data == {"pascal": tmp_path}
    assert settings == {"train": {"pooling": "mean"}}
    file.write_text("tasks = 3")
    with pytest.raises(SettingError, match=r"mine\.toml.*tasks"):
        read_batch(file, {}, over={})
    with pytest.raises(DataError, match=r"none\.toml"):
        read_batch(tmp_path / "none.toml", {}, over={})
