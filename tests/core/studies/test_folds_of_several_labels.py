"""Folds and seeds of a task of several labels put together: figures by other means, no training."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import f1_score, roc_auc_score

from oracles.resampling import quantile, resamples
from pahcl_core.data.tasks import Task
from pahcl_core.errors import DataError
from pahcl_core.evaluation.comparison import compare
from pahcl_core.evaluation.methods import Method
from pahcl_core.evaluation.recomputing import recomputed
from pahcl_core.evaluation.run_results import read_results
from pahcl_core.studies.folds import FoldPlan, planned_folds
from pahcl_core.studies.out_of_fold import conclude
from pahcl_core.training.scoring import Answers, score_answers
from pahcl_core.training.settings import FinetuneConfig
from support.made_up_runs import made_up_answers, write_run, write_run_of_labels

# What is so comes first here, so that nothing rests on its being the second.
TASK = Task(name="sounds", labels=("murmur", "late"), classes=("yes", "no"), positive="yes")
SEEDS = (5, 6)
EVERYONE = [f"u{number:02}" for number in range(24)]
LACK_LATE = frozenset(EVERYONE[::3])


def truth(label: str, unit: str) -> str:
    number = EVERYONE.index(unit)
    return "yes" if number % (2 if label == "murmur" else 5) == 0 else "no"


def plan_of(folder: Path, *, folds: int) -> FoldPlan[FinetuneConfig]:
    config = FinetuneConfig(
        task="sounds", own_task=TASK, data_dir=folder / "data", output_dir=folder, seed=SEEDS[0]
    )
    return planned_folds(config, folds=folds, num_seeds=len(SEEDS))


def told_of(rng: np.random.Generator, units: list[str]) -> Mapping[str, dict]:
    return {
        label: {
            unit: (truth(label, unit), float(rng.random()))
            for unit in units
            if label == "murmur" or unit not in LACK_LATE
        }
        for label in TASK.labels
    }


@pytest.fixture
def plan(tmp_path):
    """Three folds of two seeds, in which everyone has a murmur or none, and a third no `late`."""
    found = plan_of(tmp_path, folds=3)
    rng = np.random.default_rng(0)
    for run in found.runs:
        fold = run.config.split.fold
        write_run_of_labels(
            run.directory,
            task=TASK,
            told=told_of(rng, EVERYONE[fold - 1 :: 3][::-1]),
            config={"seed": run.config.seed},
        )
    return found


def said(plan: FoldPlan, label: str, seed: int) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Of those who have it: their names, whether it is so, and the probability given to that."""
    rows = [row for run in plan.runs if run.config.seed == seed for row in rows_of(run, label)]
    units, trues, probabilities = zip(*rows, strict=True)
    return list(units), np.array(trues), np.array(probabilities)


def rows_of(run, label):
    for line in (run.directory / "predictions.csv").read_text().splitlines()[1:]:
        about, unit, _, split, true, _, probability, _ = line.split(",")
        if (about, split) == (label, "test"):
            yield unit, true == "yes", float(probability)


def test_each_label_is_scored_on_those_who_have_it_and_means_are_over_labels(plan):
    metrics = conclude(plan, num_resamples=100)

    areas, f1s = {}, {}
    for label, num in (("murmur", 24), ("late", 16)):
        for seed in SEEDS:
            units, true, of_yes = said(plan, label, seed)
            assert len(set(units)) == num
            areas[label, seed] = roc_auc_score(true, of_yes)
            f1s[label, seed] = f1_score(true, of_yes >= 0.5)
        own = [areas[label, seed] for seed in SEEDS]
        assert metrics[f"test_auroc_{label}"] == pytest.approx(np.mean(own))
        spread = metrics["spread_over_seeds"][f"test_auroc_{label}"]
        assert spread == pytest.approx(np.std(own, ddof=1))
        assert metrics[f"test_f1_{label}"] == pytest.approx(
            np.mean([f1s[label, seed] for seed in SEEDS])
        )
    by_seed = [np.mean([areas[label, seed] for label in TASK.labels]) for seed in SEEDS]
    assert metrics["test_auroc"] == pytest.approx(np.mean(by_seed))
    assert metrics["spread_over_seeds"]["test_auroc"] == pytest.approx(np.std(by_seed, ddof=1))
    assert metrics["n"] == {"test": 24}
    assert metrics["n_by_class"]["test"] == {
        "murmur": {"yes": 12, "no": 12, "missing": 0},
        "late": {"yes": 3, "no": 13, "missing": 8},
    }
    assert json.loads((plan.directory / "final_metrics.json").read_text()) == metrics


def test_the_interval_of_a_label_is_over_the_persons_who_have_it(plan):
    metrics = conclude(plan, num_resamples=150)

    both = [said(plan, "late", seed) for seed in SEEDS]
    order = {unit: number for number, unit in enumerate(both[0][0])}
    other = [both[1][0].index(unit) for unit in order]
    rows = [both[0][2], both[1][2][other]]
    true = both[0][1]
    draws = resamples(list(order), 150, np.random.default_rng(0))
    drawn = [
        np.mean([roc_auc_score(true[u], of_yes[u]) for of_yes in rows])
        for u in draws
        if 0 < true[u].sum() < len(u)
    ]
    low, high = metrics["intervals"]["test"]["auroc_late"]
    assert low == pytest.approx(quantile(drawn, 0.025), abs=1e-12)
    assert high == pytest.approx(quantile(drawn, 0.975), abs=1e-12)
    assert metrics["intervals"]["left_out"]["test_auroc_late"] == 150 - len(drawn) > 0
    losses = [-np.log(np.where(true, of_yes, 1 - of_yes)) for of_yes in rows]
    drawn = [np.mean([one[u].mean() for one in losses]) for u in draws]
    low, high = metrics["intervals"]["test"]["loss_late"]
    assert low == pytest.approx(quantile(drawn, 0.025), abs=1e-12)
    assert high == pytest.approx(quantile(drawn, 0.975), abs=1e-12)
    assert "auroc" not in metrics["intervals"]["test"]


@pytest.fixture
def told_alike(tmp_path):
    """Three folds of two seeds; of `late` each says the same of all, but for the last digit."""
    found = plan_of(tmp_path, folds=3)
    rng = np.random.default_rng(0)
    for run in found.runs:
        fold = run.config.split.fold
        told = dict(told_of(rng, EVERYONE[fold - 1 :: 3]))
        of_yes = 0.1 + 0.2 * fold
        told["late"] = {
            unit: (true, of_yes + number % 2 * 1e-16 * (fold < 3))
            for number, (unit, (true, _)) in enumerate(told["late"].items())
        }
        write_run_of_labels(run.directory, task=TASK, told=told, config={"seed": run.config.seed})
    return found


def test_there_is_no_area_where_the_run_of_no_fold_tells_any_two_apart(told_alike):
    """Else folds would be ranked against each other. What needs no ranking stands."""
    metrics = conclude(told_alike, num_resamples=20)

    for area in ("auroc", "auprc"):
        assert metrics[f"test_{area}_late"] is None
        reason = metrics["undefined"][f"test_{area}_late"]
        assert reason == "the run of no fold tells any two apart"
        assert metrics[f"test_{area}"] == metrics[f"test_{area}_murmur"]
        assert f"{area}_late" not in metrics["intervals"]["test"]
    assert metrics["test_f1_macro_late"] > 0
    assert metrics["test_loss_late"] > 0
    assert recomputed(*read_results(told_alike.directory)).differing == {}


@pytest.mark.parametrize(
    ("folds", "of_yes", "area"),
    [
        ("1122", (0.3, 0.3, 0.6, 0.7), 1.0),  # one of the two tells its people apart
        ("1111", (0.3, 0.3, 0.3, 0.3), 0.5),  # there is but one, as where nobody is dealt out
        ("", (0.3, 0.3, 0.6, 0.6), 5 / 6),
        ("1122", (0.3, 0.3, 0.6, 0.6), None),
        ("1234", (0.3, 0.4, 0.6, 0.7), None),  # one of a rare label in each
    ],
)
def test_it_takes_two_in_one_fold_to_rank(folds, of_yes, area):
    """Of four persons, the last of whom is `yes`."""
    yes = np.array(of_yes)
    answers = Answers(
        ids=tuple("abcd"),
        persons=tuple("abcd"),
        labels=np.array([1, 1, 1, 0]),
        probabilities=np.column_stack([yes, 1 - yes]),
        attributes={},
        folds=tuple(folds),
    )

    found = score_answers(answers, TASK.parts["murmur"])

    assert found.values.get("auroc") == area
    assert ("auprc" in found.undefined) == (area is None)
    assert "accuracy" in found.values


def test_who_is_told_alike_in_each_fold_is_not_compared_by_areas(told_alike, tmp_path):
    other = plan_of(tmp_path / "other", folds=3)
    rng = np.random.default_rng(1)
    for run in other.runs:
        told = told_of(rng, EVERYONE[run.config.split.fold - 1 :: 3])
        write_run_of_labels(run.directory, task=TASK, told=told, config={"seed": run.config.seed})
    for plan in (told_alike, other):
        conclude(plan, num_resamples=10)
    results = [read_results(plan.directory) for plan in (told_alike, other)]

    of_seeds = compare(*(Method(name="x", runs=one) for one in results), num_resamples=20)
    of_one = compare(*(Method(name="x", runs=one[:1]) for one in results), num_resamples=20)

    for found in (of_seeds, of_one):
        late = found.metrics["auroc_late"]
        assert late.first is None
        assert late.tests["bootstrap"].difference is None
        assert late.tests["bootstrap"].undefined == "the run of no fold tells any two apart"
        assert "delong" not in late.tests
        assert found.metrics["auroc_murmur"].tests["bootstrap"].difference is not None
    assert "delong" in of_one.metrics["auroc_murmur"].tests


def test_the_result_is_read_back_and_follows_from_its_file_to_the_bit(plan):
    conclude(plan, num_resamples=10)

    results = read_results(plan.directory)

    assert [one.run.seed for one in results] == list(SEEDS)
    assert [len(one.parts["late"]["test"]) for one in results] == [16, 16]
    found = recomputed(*results)
    assert found.differing == {}
    assert found.num_equal > 20


def test_a_person_tested_on_twice_is_refused_whatever_label_it_is_about(plan):
    """Fold 2 tests one of fold 1 on `late` alone."""
    path = plan.runs[1].directory / "predictions.csv"
    planted = EVERYONE[1 - 1 :: 3][1]
    path.write_text(path.read_text() + f"late,{planted},{planted},test,no,yes,0.75,0.25\n")
    metrics = json.loads((path.parent / "final_metrics.json").read_text())
    metrics["n_by_class"]["test"]["late"]["no"] += 1
    (path.parent / "final_metrics.json").write_text(json.dumps(metrics))

    with pytest.raises(DataError, match=rf"fold_2/seed_5 are both tested on person '{planted}'"):
        conclude(plan)


def test_seeds_that_hold_out_others_may_have_other_numbers_of_a_label(tmp_path):
    """Without folds; nobody whom the second seed holds out has `late`."""
    plan = plan_of(tmp_path, folds=0)
    rng = np.random.default_rng(1)
    for run, units in zip(plan.runs, (EVERYONE[:12], EVERYONE[12::3]), strict=True):
        write_run_of_labels(
            run.directory, task=TASK, told=told_of(rng, units), config={"seed": run.config.seed}
        )

    metrics = conclude(plan, num_resamples=10)

    assert metrics["undefined"]["test_auroc_late"] == "no unit has it"
    assert metrics["test_auroc_late"] is None
    assert not [name for name in metrics["intervals"]["test"] if name.endswith("_late")]
    first = said(plan, "murmur", 5)
    late = said(plan, "late", 5)
    second = said(plan, "murmur", 6)
    expected = [np.mean([roc_auc_score(*one[1:]) for one in (first, late)]),
                roc_auc_score(*second[1:])]  # fmt: skip
    assert metrics["test_auroc"] == pytest.approx(np.mean(expected))
    results = read_results(plan.directory)
    assert [len(one.parts["murmur"]["test"]) for one in results] == [12, 4]
    assert recomputed(*results).differing == {}


def test_a_row_that_was_lost_is_noticed_seed_by_seed(tmp_path):
    """Of a task of one label, where the second seed tests fewer."""
    config = FinetuneConfig(
        task="circor_outcome", data_dir=tmp_path / "data", output_dir=tmp_path, seed=5
    )
    plan = planned_folds(config, folds=0, num_seeds=2)
    for run, num in zip(plan.runs, (14, 10), strict=True):
        labels, rows = made_up_answers("circor_outcome", num, seed=run.config.seed)
        settings = {"seed": run.config.seed}
        write_run(run.directory, labels=labels, probabilities=rows, config=settings)
    conclude(plan, num_resamples=10)

    assert [len(one.parts[""]["test"]) for one in read_results(plan.directory)] == [14, 10]
    path = plan.directory / "predictions.csv"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    with pytest.raises(DataError, match="has 9 rows of test, but the run had 10"):
        read_results(plan.directory)
