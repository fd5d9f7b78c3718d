"""Two methods against each other: each test against the function or library that defines it."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import accuracy_score, roc_auc_score

from oracles.resampling import quantile, resamples
from pahcl_core.errors import SettingError
from pahcl_core.evaluation.comparison import compare
from pahcl_core.evaluation.methods import Method
from pahcl_core.evaluation.run_results import read_result
from support.made_up_runs import made_up_answers, write_run


@pytest.fixture
def make(tmp_path):
    def made(name, answers, *, seed=0, ids=None, **changes):
        labels, rows = answers
        return read_result(
            write_run(
                tmp_path / name,
                labels=labels,
                probabilities=rows,
                ids=ids,
                config={"seed": seed},
                **changes,
            )
        )

    return made


def method(name, *runs):
    return Method(name=name, runs=runs)


def test_one_pair_of_runs(make):
    """The difference first minus second; its interval by a loop; DeLong and McNemar beside it."""
    labels, good = made_up_answers("circor_outcome", 40, seed=0, skill=2.0)
    _, poor = made_up_answers("circor_outcome", 40, seed=1, skill=0.5)

    found = compare(
        method("good", make("a", (labels, good))), method("poor", make("b", (labels, poor))),
        num_resamples=200, seed=4,
    )  # fmt: skip

    true = np.array([one == "Abnormal" for one in labels]).astype(int)
    areas = [roc_auc_score(true, rows[:, 1]) for rows in (good, poor)]
    auroc = found.metrics["auroc"]
    assert (auroc.first, auroc.second) == pytest.approx(areas)
    assert areas[0] - areas[1] > 0.1
    assert auroc.tests["bootstrap"].difference == pytest.approx(areas[0] - areas[1])
    assert list(auroc.tests) == ["bootstrap", "delong"]
    draws = resamples([f"u{n}" for n in range(40)], 200, np.random.default_rng(4))
    apart = [roc_auc_score(true[u], good[u, 1]) - roc_auc_score(true[u], poor[u, 1]) for u in draws]
    assert auroc.tests["bootstrap"].low == pytest.approx(quantile(apart, 0.025), abs=1e-12)
    assert auroc.tests["delong"].difference == pytest.approx(areas[0] - areas[1])
    assert auroc.tests["delong"].low < auroc.tests["delong"].difference < auroc.tests["delong"].high
    right = [rows.argmax(axis=1) == true for rows in (good, poor)]
    only = int((right[0] & ~right[1]).sum()), int((right[1] & ~right[0]).sum())
    mcnemar = found.metrics["accuracy"].tests["mcnemar"]
    assert mcnemar.p == pytest.approx(stats.binomtest(only[0], sum(only)).pvalue)
    assert (found.num_persons, found.one_test_set, found.num_unpaired) == (40, True, 0)
    assert "cost" in found.metrics


def test_turned_round_the_difference_has_the_other_sign(make):
    labels, good = made_up_answers("circor_outcome", 30, seed=0, skill=2.0)
    _, poor = made_up_answers("circor_outcome", 30, seed=1, skill=0.5)
    one, other = method("x", make("a", (labels, good))), method("y", make("b", (labels, poor)))

    there, back = (
        compare(*both, num_resamples=100).metrics["auroc"].tests["bootstrap"]
        for both in ((one, other), (other, one))
    )

    assert there.difference == -back.difference > 0
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low))
    assert there.p == back.p


def test_over_seeds_on_one_test_set(make):
    """Values are means over seeds; Wilcoxon is scipy's; nothing is corrected for other tests."""
    labels, _ = made_up_answers("circor_outcome", 30, seed=0)
    rows = {
        name: [
            made_up_answers("circor_outcome", 30, seed=s + shift, skill=skill)[1] for s in range(4)
        ]
        for name, shift, skill in (("a", 0, 1.5), ("b", 50, 0.5))
    }
    both = [
        method(name, *(make(f"{name}{s}", (labels, one), seed=s) for s, one in enumerate(each)))
        for name, each in rows.items()
    ]

    found = compare(*both, names=["accuracy"], num_resamples=100)

    true = np.array([one == "Abnormal" for one in labels]).astype(int)
    scores = {n: [accuracy_score(true, r.argmax(axis=1)) for r in each] for n, each in rows.items()}
    accuracy = found.metrics["accuracy"]
    assert accuracy.first == pytest.approx(np.mean(scores["a"]))
    assert list(accuracy.tests) == ["bootstrap", "wilcoxon"]
    expected = stats.wilcoxon(np.round(np.subtract(scores["a"], scores["b"]), 12)).pvalue
    assert accuracy.tests["wilcoxon"].p == pytest.approx(expected)
    assert accuracy.tests["wilcoxon"].num == 4
    assert found.one_test_set


def test_over_folds_the_t_test_is_corrected_by_the_persons(make):
    """Nadeau and Bengio's variance, from 60 persons trained on and 20 tested on."""
    train = [f"t{n}" for n in range(60)]
    both = []
    for name, shift, skill in (("a", 0, 2.0), ("b", 50, 0.8)):
        runs = []
        for fold in range(3):
            answers = made_up_answers("circor_outcome", 20, seed=fold + shift, skill=skill)
            ids = [f"u{fold}_{n}" for n in range(20)]
            runs.append(make(f"{name}{fold}", answers, seed=fold, ids=ids, train=train))
        both.append(method(name, *runs))

    found = compare(*both, names=["accuracy"], num_resamples=100)

    def score(run):
        test = run.parts[""]["test"]
        return accuracy_score(test.labels, test.probabilities.argmax(axis=1))

    apart = np.array([score(a) - score(b) for a, b in zip(both[0].runs, both[1].runs, strict=True)])
    error = np.sqrt((1 / 3 + 20 / 60) * apart.var(ddof=1))
    test = found.metrics["accuracy"].tests["corrected_t"]
    assert test.difference == pytest.approx(apart.mean())
    assert test.p == pytest.approx(2 * stats.t.sf(abs(apart.mean()) / error, 2))
    assert (found.num_persons, found.one_test_set) == (60, False)


def test_three_classes_are_compared_by_the_positive_one(make):
    labels, good = made_up_answers("circor_murmur", 30, seed=0, skill=2.0)
    _, poor = made_up_answers("circor_murmur", 30, seed=1, skill=0.5)

    found = compare(
        *(method(n, make(n, (labels, rows), task="circor_murmur")) for n, rows in
          (("a", good), ("b", poor))),
        num_resamples=50,
    )  # fmt: skip

    true = np.array([one == "Present" for one in labels])
    area = found.metrics["auroc_Present"]
    assert area.first == pytest.approx(roc_auc_score(true, good[:, 1]))
    assert "delong" in area.tests
    assert "delong" not in found.metrics["auroc"].tests
    assert "weighted_accuracy" in found.metrics


def test_what_is_undefined_has_the_reason_of_the_score(make):
    """One class: no area, no sensitivity; accuracy stands."""
    labels, rows = ["Abnormal"] * 12, made_up_answers("circor_outcome", 12, seed=0)[1]

    found = compare(
        method("a", make("a", (labels, rows))), method("b", make("b", (labels, rows[::-1]))),
        num_resamples=20,
    )  # fmt: skip

    auroc = found.metrics["auroc"]
    assert (auroc.first, auroc.tests["bootstrap"].difference) == (None, None)
    assert auroc.tests["bootstrap"].undefined == "everybody is Abnormal"
    assert auroc.tests["delong"].undefined == "everything is of the class"
    assert found.metrics["accuracy"].tests["bootstrap"].difference is not None


def test_a_metric_that_there_is_not_is_refused(make):
    labels, rows = made_up_answers("circor_outcome", 12, seed=0)
    both = [method(name, make(name, (labels, rows))) for name in ("a", "b")]

    with pytest.raises(SettingError, match="no metric named 'aurok', did you mean 'auroc'"):
        compare(*both, names=["aurok"])


def test_the_same_answers_are_no_better(make):
    labels, rows = made_up_answers("circor_outcome", 12, seed=0)

    found = compare(
        *(method(name, make(name, (labels, rows))) for name in ("a", "b")), num_resamples=50
    )

    for name, one in found.metrics.items():
        test = one.tests["bootstrap"]
        assert (test.difference, test.low, test.high, test.p) == (0.0, 0.0, 0.0, 1.0), name
    assert found.metrics["accuracy"].tests["mcnemar"].p == 1.0
