"""One method over folds and seeds: everyone told by whom they are new to, resumable, comparable."""

import csv
import json
import shutil
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from pahcl_core.baselines.settings import BaselineConfig
from pahcl_core.data.circor import read_circor
from pahcl_core.data.preparation import SignalConfig
from pahcl_core.data.synthetic_circor import write_synthetic_circor
from pahcl_core.errors import DataError, SettingError, TrainingError
from pahcl_core.evaluation.comparison import compare
from pahcl_core.evaluation.methods import methods_of
from pahcl_core.evaluation.recomputing import recomputed
from pahcl_core.evaluation.run_results import read_results
from pahcl_core.studies.fold_study import run_folds
from pahcl_core.studies.folds import planned_folds
from pahcl_core.studies.out_of_fold import conclude
from pahcl_core.training.settings import FinetuneConfig
from pahcl_track import NullTracker
from support.made_up_runs import made_up_answers, write_run


@dataclass
class Silent:
    """Counts whom it was told of."""

    names: list

    def tracker(self):
        return NullTracker()

    def described(self, config):
        self.names.append(config.output_dir.name + "/" + config.name)
        return {"group": "all"}


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    root = tmp_path_factory.mktemp("collection") / "circor"
    write_synthetic_circor(root, num_patients=24, seed=1, duration_s=(3.0, 3.5))
    return root


@pytest.fixture(scope="module")
def base(people, tmp_path_factory):
    return BaselineConfig(
        features="phase_bands",
        task="circor_outcome",
        data_dir=people,
        output_dir=tmp_path_factory.mktemp("outputs"),
        signal=SignalConfig(sample_rate=500, high_hz=200.0),
        num_workers=1,
        seed=5,
    )


@pytest.fixture(scope="module")
def plan(base):
    return planned_folds(base, folds=3, num_seeds=2)


@pytest.fixture(scope="module")
def finished(plan):
    return run_folds(plan, tracked=Silent([]))


def rows_of(path):
    with path.open() as stream:
        return list(csv.DictReader(stream))


def test_everyone_is_told_once_for_each_seed_by_runs_that_did_not_hear_them(finished, plan, people):
    rows = rows_of(plan.directory / "predictions.csv")

    everyone = sorted(one.subject_id for one in read_circor(people).subjects)
    for seed in ("5", "6"):
        assert sorted(row["subject_id"] for row in rows if row["seed"] == seed) == everyone
    for row in rows:
        run = plan.directory / f"fold_{row['fold']}" / f"seed_{row['seed']}"
        split = json.loads((run / "splits.json").read_text())
        assert row["subject_id"] in split["test"]
        assert row["subject_id"] not in {*split["train"], *split["val"]}
        assert (split["fold"], split["folds"]) == (int(row["fold"]), 3)
        own = {r["subject_id"]: r for r in rows_of(run / "predictions.csv") if r["split"] == "test"}
        assert {k: v for k, v in row.items() if k not in ("fold", "seed")} == own[row["subject_id"]]


def test_figures_are_the_mean_over_seeds_with_spread_and_interval(finished, plan):
    rows = rows_of(plan.directory / "predictions.csv")
    areas = [
        roc_auc_score(
            [row["label"] == "Abnormal" for row in rows if row["seed"] == seed],
            [float(row["p_Abnormal"]) for row in rows if row["seed"] == seed],
        )
        for seed in ("5", "6")
    ]

    assert finished["test_auroc"] == pytest.approx(np.mean(areas))
    assert finished["spread_over_seeds"]["test_auroc"] == pytest.approx(np.std(areas, ddof=1))
    low, high = finished["intervals"]["test"]["auroc"]
    assert low <= finished["test_auroc"] <= high
    assert "test_cost" in finished
    assert finished["n"] == {"test": 24}
    assert (finished["folds"], finished["seeds"]) == (3, [5, 6])
    assert len(finished["runs"]) == 6
    assert finished["seconds"] == pytest.approx(sum(one["seconds"] for one in finished["runs"]))
    assert json.loads((plan.directory / "final_metrics.json").read_text()) == finished


def test_the_result_is_read_back_and_follows_from_its_file_to_the_bit(finished, plan):
    results = read_results(plan.directory)

    assert [one.run.seed for one in results] == [5, 6]
    assert results[0].run.kind == "baseline"
    assert len(results[0].parts[""]["test"]) == 24
    found = recomputed(*results)
    assert found.differing == {}
    assert found.num_equal > 10


def test_what_is_complete_is_not_done_again_and_what_is_missing_is(finished, plan):
    shutil.rmtree(plan.directory / "fold_2" / "seed_6")
    (plan.directory / "final_metrics.json").unlink()
    again = Silent([])

    metrics = run_folds(plan, tracked=again)

    assert again.names == ["fold_2/seed_6"]
    without = {key: value for key, value in metrics.items() if key not in ("seconds", "runs")}
    assert without == {key: finished[key] for key in without}


def test_more_seeds_may_follow_and_other_folds_may_not(finished, base, plan):
    assert len(planned_folds(base, folds=3, num_seeds=3).runs) == 9
    same_name = replace(base, experiment_name=plan.base.name)
    with pytest.raises(SettingError, match=r"was begun with split\.folds = 3, not 4"):
        planned_folds(same_name, folds=4, num_seeds=1)


def test_two_sets_are_compared_person_by_person_seed_by_seed(finished, base, plan):
    other = planned_folds(replace(base, features="log_mel"), folds=3, num_seeds=2)
    run_folds(other, tracked=Silent([]))

    methods = methods_of(
        [*read_results(plan.directory), *read_results(other.directory)], "settings"
    )
    found = compare(*methods, names=["auroc"], num_resamples=50)

    assert [len(method.runs) for method in methods] == [2, 2]
    assert [method.name for method in methods] == [plan.base.name, other.base.name]
    assert len(found.pairs) == 2
    assert found.num_persons == len({row["person_id"] for row in rows_of(
        plan.directory / "predictions.csv")})  # fmt: skip
    assert found.metrics["auroc"].first == pytest.approx(finished["test_auroc"])


def test_a_leak_between_folds_is_refused(finished, plan, tmp_path):
    """Somebody tested on in fold 1 is put into the test of fold 2, too."""
    copied = tmp_path / plan.directory.name
    shutil.copytree(plan.directory, copied)
    moved = replace(
        plan,
        base=replace(plan.base, output_dir=tmp_path),
        runs=tuple(
            replace(
                run,
                config=replace(run.config, output_dir=copied / run.variant.folder),
            )
            for run in plan.runs
        ),
    )
    first, second = (copied / f"fold_{fold}" / "seed_5" / "predictions.csv" for fold in (1, 2))
    planted = next(row for row in rows_of(first) if row["split"] == "test")
    lines = [line for line in second.read_text().splitlines()
             if planted["subject_id"] not in line.split(",")[0]]  # fmt: skip
    taken = next(number for number, line in enumerate(lines) if ",test," in line)
    lines[taken] = ",".join(planted.values())
    second.write_text("\n".join(lines) + "\n")
    metrics = json.loads((second.parent / "final_metrics.json").read_text())
    counts = [row["split"] for row in rows_of(second)]
    metrics["n"] = {side: counts.count(side) for side in ("train", "val", "test")}
    (second.parent / "final_metrics.json").write_text(json.dumps(metrics))

    with pytest.raises(DataError, match=r"fold_1/seed_5 and fold_2/seed_5 are both tested on per"):
        conclude(moved)


def test_whom_an_encoder_has_heard_is_counted_once_for_all_seeds(tmp_path):
    """Of 24 persons in 2 folds, all by one seed and 20 by the other: 24, not 44."""
    config = FinetuneConfig(
        task="circor_outcome", data_dir=tmp_path / "data", output_dir=tmp_path, seed=5
    )
    plan = planned_folds(config, folds=2, num_seeds=2)
    heard = {"fold_1/seed_5": 12, "fold_2/seed_5": 8, "fold_1/seed_6": 12, "fold_2/seed_6": 12}
    for run in plan.runs:
        labels, rows = made_up_answers("circor_outcome", 12, seed=run.config.seed)
        write_run(
            run.directory,
            labels=labels,
            probabilities=rows,
            ids=[f"u{run.config.split.fold}_{number}" for number in range(12)],
            config={"seed": run.config.seed},
            metrics={"test_auroc": 0.5, "test_persons_seen_in_pretraining": heard[run.name]},
        )

    metrics = conclude(plan, num_resamples=10)

    assert metrics["n"] == {"test": 24}
    assert metrics["test_persons_seen_in_pretraining"] == 24


def test_a_run_that_fails_is_named_and_the_others_are_kept(base, tmp_path):
    broken = planned_folds(
        replace(base, features="embedding", pretrained=tmp_path / "{fold}.pt"),
        folds=3,
        num_seeds=1,
    )

    assert [run.config.pretrained.name for run in broken.runs] == ["1.pt", "2.pt", "3.pt"]
    with pytest.raises(TrainingError, match=r"3 of 3 runs failed, the first fold_1/seed_5"):
        run_folds(broken, tracked=Silent([]))


def test_without_folds_each_seed_holds_out_its_own(base):
    plan = planned_folds(replace(base, experiment_name="seeds"), folds=0, num_seeds=2)

    metrics = run_folds(plan, tracked=Silent([]))

    assert [run.name for run in plan.runs] == ["held_out/seed_5", "held_out/seed_6"]
    tests = [json.loads((run.directory / "splits.json").read_text())["test"] for run in plan.runs]
    assert tests[0] != tests[1]
    assert metrics["folds"] == 0
    assert "fold" not in json.loads((plan.runs[0].directory / "splits.json").read_text())


def test_the_settings_of_a_fine_tuning_are_those_of_a_single_run(tmp_path):
    single = FinetuneConfig(
        task="circor_murmur", data_dir=Path("data"), output_dir=tmp_path, few_shot=True
    )

    plan = planned_folds(single, folds=5, num_seeds=3)

    assert plan.base.name == "circor_murmur_finetune_fewshot10pct_5folds"
    assert len(plan.runs) == 15
    run = plan.runs[6]
    assert (run.name, run.config.seed, run.config.split.fold) == ("fold_2/seed_43", 43, 2)
    assert (
        replace(
            run.config,
            seed=single.seed,
            split=single.split,
            experiment_name="",
            output_dir=tmp_path,
            store=None,
        )
        == single
    )
    assert run.config.store == single.prepared


@pytest.mark.parametrize(
    ("changes", "numbers", "message"),
    [
        ({}, (1, 1), "folds must be 0 or at least 2, got 1"),
        ({}, (3, 0), "at least one seed, got 0"),
        ({"split": {"folds": 3, "fold": 2}}, (3, 1), "all folds are run: leave out split.fold"),
    ],
)
def test_refuses_what_makes_no_sense(base, changes, numbers, message):
    config = replace(base, split=replace(base.split, **changes.get("split", {})))
    with pytest.raises(SettingError, match=message):
        planned_folds(config, folds=numbers[0], num_seeds=numbers[1])


def test_the_base_is_a_run_file(finished, plan):
    table = tomllib.loads((plan.directory / "study.toml").read_text())

    assert table["split"]["folds"] == 3
    assert table["features"] == "phase_bands"
