"""Two methods that tell several labels: each by itself, on those who have it."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from pahcl_core.data.tasks import Task
from pahcl_core.errors import DataError, SettingError
from pahcl_core.evaluation.comparison import compare, compared
from pahcl_core.evaluation.methods import Method
from pahcl_core.evaluation.run_results import read_result
from support.made_up_runs import made_up_answers, write_run, write_run_of_labels

# What is so comes first here, so that nothing rests on its being the second.
TASK = Task(name="sounds", labels=("murmur", "late"), classes=("yes", "no"), positive="yes")


def answers(num, *, seed, skill, lack_late=0, first=0):
    """Of so many persons, the last `lack_late` of whom have no `late`."""
    rng = np.random.default_rng(seed)
    told = {}
    for place, label in enumerate(TASK.labels):
        own = {}
        for number in range(num - (lack_late if label == "late" else 0)):
            true = number % (2 + place) == 0
            logit = rng.normal() + skill * (1 if true else -1)
            own[f"u{first + number}"] = ("yes" if true else "no", 1 / (1 + np.exp(-logit)))
        told[label] = own
    return told


@pytest.fixture
def make(tmp_path):
    def made(name, told, *, seed=0, task=TASK, **changes):
        written = write_run_of_labels(
            tmp_path / name, task=task, told=told, config={"seed": seed}, **changes
        )
        return read_result(written)

    return made


def methods(first, second):
    return Method(name="a", runs=tuple(first)), Method(name="b", runs=tuple(second))


def test_each_label_is_compared_on_those_who_have_it(make):
    """Against scikit-learn and scipy; the runs name their people in other orders."""
    good, weak = answers(40, seed=0, skill=1.0, lack_late=14), answers(40, seed=1, skill=0.1)
    turned = {label: dict(reversed(own.items())) for label, own in weak.items()}

    found = compare(*methods([make("a", good)], [make("b", turned)]), num_resamples=50)

    assert (found.num_persons, found.one_test_set) == (40, True)
    for label, num in (("murmur", 40), ("late", 26)):
        units = list(good[label])
        assert len(units) == num
        true = np.array([good[label][unit][0] == "yes" for unit in units])
        rows = [np.array([told[label][unit][1] for unit in units]) for told in (good, weak)]
        areas = [roc_auc_score(true, row) for row in rows]
        auroc = found.metrics[f"auroc_{label}"]
        assert (auroc.first, auroc.second) == pytest.approx(areas)
        assert auroc.tests["bootstrap"].difference == pytest.approx(areas[0] - areas[1])
        assert auroc.tests["delong"].difference == pytest.approx(areas[0] - areas[1])
        assert auroc.tests["bootstrap"].num == num
        right = [(row >= 0.5) == true for row in rows]
        only = int((right[0] & ~right[1]).sum()), int((right[1] & ~right[0]).sum())
        expected = stats.binomtest(only[0], sum(only)).pvalue
        assert found.metrics[f"accuracy_{label}"].tests["mcnemar"].p == pytest.approx(expected)
    assert all(name.endswith(("_murmur", "_late")) for name in found.metrics)


def runs_of_two(make, folds):
    """Of a method that knows much and of one that knows little, each over so many folds."""
    return [
        [
            make(
                f"{name}{fold}",
                answers(24, seed=seed + fold, skill=skill, lack_late=6, first=100 * fold),
                seed=fold,
                train=[f"t{n}" for n in range(40)],
            )
            for fold in range(folds)
        ]
        for name, seed, skill in (("a", 0, 0.8), ("b", 50, 0.2))
    ]


@pytest.mark.parametrize("folds", [1, 3])
def test_a_label_comes_to_what_it_would_come_to_alone(make, folds):
    """Every test of every metric is that of runs which tell this label and no other."""
    runs = runs_of_two(make, folds)

    found = compare(*methods(*runs), num_resamples=60, seed=3)

    for label, part in TASK.parts.items():
        alone = [
            [replace(one, task=part, parts={"": one.parts[label]}) for one in of] for of in runs
        ]
        expected = compare(*methods(*alone), num_resamples=60, seed=3)
        own = {
            name.removesuffix(f"_{label}"): one
            for name, one in found.metrics.items()
            if name.endswith(f"_{label}")
        }
        assert own == expected.metrics
        tests = {"wilcoxon", "corrected_t"} if folds > 1 else {"delong"}
        assert tests < set(own["auroc"].tests)


def test_the_t_test_is_corrected_by_the_persons_who_have_the_label(make):
    """Nadeau and Bengio's variance, from 40 persons trained on and 18 with `late` tested on."""
    runs = runs_of_two(make, 3)

    found = compare(*methods(*runs), names=["accuracy_late"], num_resamples=20)

    scores = [[(one.predicted == one.labels).mean() for run in of
               if (one := run.parts["late"]["test"])] for of in runs]  # fmt: skip
    apart = np.subtract(*scores)
    error = np.sqrt((1 / 3 + 18 / 40) * apart.var(ddof=1))
    test = found.metrics["accuracy_late"].tests["corrected_t"]
    assert test.p == pytest.approx(2 * stats.t.sf(abs(apart.mean()) / error, 2))


def test_of_a_label_that_few_have_nothing_is_said(make):
    told = [answers(20, seed=seed, skill=1.0, lack_late=11) for seed in (0, 1)]

    found = compare(*methods([make("a", told[0])], [make("b", told[1])]), num_resamples=20)

    late = found.metrics["auroc_late"]
    assert (late.first, late.second) == (None, None)
    assert late.tests["bootstrap"].undefined == ("9 test persons in common have it, fewer than 10")
    assert found.metrics["auroc_murmur"].first is not None


def test_nobody_need_have_a_label(make):
    told = [{**answers(20, seed=seed, skill=1.0), "late": {}} for seed in (0, 1)]

    found = compare(*methods([make("a", told[0])], [make("b", told[1])]), num_resamples=20)

    test = found.metrics["auroc_late"].tests["bootstrap"]
    assert test.undefined == "0 test persons in common have it, fewer than 10"
    with pytest.raises(DataError, match="have 9 test persons in common, fewer than 10"):
        compare(
            *methods([make("c", answers(9, seed=0, skill=1.0))],
                     [make("d", answers(9, seed=1, skill=1.0))])
        )  # fmt: skip


def test_a_label_that_a_pair_of_runs_lacks_is_not_compared(make):
    """Everybody in the first fold has `late`, and nobody in the second."""
    runs = [
        [
            make(f"{name}0", answers(20, seed=seed, skill=1.0)),
            make(f"{name}1", {**answers(20, seed=seed, skill=1.0, first=50), "late": {}}, seed=1),
        ]
        for name, seed in (("a", 0), ("b", 1))
    ]

    found = compare(*methods(*runs), num_resamples=20)

    test = found.metrics["auroc_late"].tests["bootstrap"]
    assert test.undefined == "0 test persons in common have it, fewer than 10"
    assert found.metrics["auroc_murmur"].tests["bootstrap"].num == 40


def test_a_metric_is_asked_for_of_all_labels_or_of_one(make):
    both = methods(
        [make("a", answers(20, seed=0, skill=1.0))], [make("b", answers(20, seed=1, skill=1.0))]
    )

    found = compare(*both, names=["f1", "accuracy_late", "f1_late"], num_resamples=20)

    assert list(found.metrics) == ["f1_murmur", "f1_late", "accuracy_late"]
    with pytest.raises(SettingError, match="no metric named 'f1_lat', did you mean 'f1_late'"):
        compare(*both, names=["f1_lat"])


def test_who_is_in_one_test_alone_is_counted_whatever_label_they_have(make):
    one, other = (answers(20, seed=seed, skill=1.0, first=2 * seed, lack_late=3) for seed in (0, 1))
    other = {label: {unit: (one[label].get(unit, said)[0], said[1]) for unit, said in own.items()}
             for label, own in other.items()}  # fmt: skip

    found = compare(*methods([make("a", one)], [make("b", other)]), num_resamples=20)

    assert [pair.num_other for pair in found.pairs] == [(2, 2)]
    assert found.num_persons == 18
    told = found.as_dict()["pairs"][0]
    assert (told["n_units"], told["n_persons"]) == (18, 18)
    assert found.metrics["auroc_late"].tests["bootstrap"].num == 15


def test_runs_that_tell_other_labels_are_refused(make, tmp_path):
    told = answers(20, seed=0, skill=1.0)
    several = make("several", told)
    labels, rows = made_up_answers("circor_murmur", 20, seed=0)
    murmur = read_result(
        write_run(tmp_path / "one", task="circor_murmur", labels=labels, probabilities=rows)
    )
    with pytest.raises(
        DataError,
        match=r"several tells murmur, late; .*one tells murmur: runs can be compared that",
    ):
        compared([several, murmur], "run")
    fewer = make(
        "fewer", {**told, "click": told["late"]}, task=replace(TASK, labels=("murmur", "click"))
    )
    with pytest.raises(
        DataError, match=r"tells murmur, late; .*fewer tells murmur, click: runs can be"
    ):
        compared([several, fewer], "run")


def test_the_order_of_labels_makes_no_other_task(make):
    told = [answers(20, seed=seed, skill=1.0) for seed in (0, 1)]
    turned = make("turned", told[1], task=replace(TASK, labels=TASK.labels[::-1]))

    found = compare(*methods([make("a", told[0])], [turned]), names=["auroc"], num_resamples=20)

    plain = compare(
        *methods([make("b", told[0])], [make("c", told[1])]), names=["auroc"], num_resamples=20
    )
    assert found.metrics == plain.metrics


def test_runs_that_do_not_agree_on_a_label_are_refused(make):
    told = answers(20, seed=0, skill=1.0)
    true, said = told["late"]["u4"]
    other = {**told, "late": {**told["late"], "u4": ("yes" if true == "no" else "no", said)}}

    with pytest.raises(DataError, match="do not agree on the late of 'u4': they are not of the"):
        compared([make("a", told), make("b", other)], "run")
