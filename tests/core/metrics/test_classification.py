"""Metrics against counting, against scikit-learn by other ways, by hand, and where none can be."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from oracles.classification import all_metrics
from pahcl_core.metrics.classification import classification_metrics

TWO = ("Normal", "Abnormal")
THREE = ("Absent", "Present", "Unknown")
SURE = {0: [0.8, 0.1, 0.1], 1: [0.1, 0.8, 0.1], 2: [0.1, 0.1, 0.8]}


def scored(labels, rows, *, names=THREE, positive="Present"):
    return classification_metrics(
        np.array(labels, dtype=np.int64),
        np.array(rows, dtype=np.float64),
        class_names=names,
        positive=positive,
    )


def said(labels, answers):
    """Scores where the model is sure of its answers."""
    return scored(labels, [SURE[answer] for answer in answers])


def assert_equals_counting(labels, rows, names, positive):
    """Every value by counting; what counting leaves undefined is, with a reason."""
    scores = scored(labels, rows, names=names, positive=names[positive])

    expected = all_metrics(labels, rows, names, positive)
    defined = {name: value for name, value in expected.items() if value is not None}
    assert dict(scores.values) == pytest.approx(defined, rel=1e-12, abs=1e-12)
    assert set(scores.undefined) == set(expected) - set(defined)
    assert all(scores.undefined.values())


@pytest.mark.parametrize("names", [TWO, THREE, ("a", "b", "c", "d", "e")])
@pytest.mark.parametrize("seed", range(5))
def test_every_metric_equals_counting(names, seed):
    """Probabilities of one digit, so that there are ties in class and in rank."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, len(names), size=60).tolist()
    rows = rng.dirichlet(np.ones(len(names)), size=60).round(1).tolist()

    for positive in range(len(names)):
        assert_equals_counting(labels, rows, names, positive)


@settings(deadline=None)
@given(
    st.integers(2, 4).flatmap(
        lambda classes: st.lists(
            st.tuples(
                st.integers(0, classes - 1),
                st.lists(st.integers(0, 3), min_size=classes, max_size=classes),
            ),
            min_size=1,
            max_size=8,
        )
    )
)
def test_every_metric_equals_counting_for_a_handful_of_units(units):
    """One unit, one class, missing classes, ties everywhere."""
    labels = [label for label, _ in units]
    rows = [[value / 3 for value in row] for _, row in units]
    names = THREE[:2] if len(rows[0]) == 2 else ("a", "b", "c", "d")[: len(rows[0])]

    assert_equals_counting(labels, rows, names, len(names) - 1)


@pytest.mark.parametrize("seed", range(5))
def test_three_classes_agree_with_scikit_learn(seed):
    """By its multi-class and report functions, which the code does not call."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, size=80)
    rows = rng.dirichlet(1 + 2 * np.eye(3)[labels][:, ::-1].mean(axis=0), size=80)
    answer = rows.argmax(axis=1)

    values = scored(labels, rows).values

    report = sklearn_metrics.classification_report(labels, answer, output_dict=True)
    assert values["accuracy"] == pytest.approx(report["accuracy"])
    assert values["f1_macro"] == pytest.approx(report["macro avg"]["f1-score"])
    assert values["balanced_accuracy"] == pytest.approx(report["macro avg"]["recall"])
    for ours, theirs in (("precision", "precision"), ("recall", "recall"), ("f1", "f1-score")):
        assert values[ours] == pytest.approx(report["1"][theirs])
    assert values["specificity"] == pytest.approx(
        sklearn_metrics.recall_score(labels == 1, answer == 1, pos_label=False)
    )
    macro = sklearn_metrics.roc_auc_score(labels, rows, multi_class="ovr", average="macro")
    assert values["auroc"] == pytest.approx(macro)
    for index, name in enumerate(THREE):
        false, true, _ = sklearn_metrics.roc_curve(labels == index, rows[:, index])
        assert values[f"auroc_{name}"] == pytest.approx(sklearn_metrics.auc(false, true))
        precision, recall, _ = sklearn_metrics.precision_recall_curve(
            labels == index, rows[:, index]
        )
        steps = -np.diff(recall) * precision[:-1]
        assert values[f"auprc_{name}"] == pytest.approx(steps.sum())


def test_two_classes_by_hand():
    """Six people; ranks of the abnormal ones: 1, 3 and a tie at 4 with a normal one.

    Pairs won: 3 + 2 + 1.5 of 9. Precision at the abnormal ones: 1/1, 2/3, 3/5.
    """
    p = [0.9, 0.8, 0.7, 0.4, 0.4, 0.2]
    labels = [1, 0, 1, 1, 0, 0]

    scores = scored(labels, [[1 - q, q] for q in p], names=TWO, positive="Abnormal")

    assert dict(scores.values) == pytest.approx(
        {
            "accuracy": 4 / 6,  # 0.9 and 0.7 are hits, 0.8 is an alarm
            "balanced_accuracy": 2 / 3,
            "f1": 2 / 3,
            "f1_macro": 2 / 3,
            "precision": 2 / 3,
            "recall": 2 / 3,
            "sensitivity": 2 / 3,
            "specificity": 2 / 3,
            "auroc": 6.5 / 9,
            "auprc": (1 + 2 / 3 + 3 / 5) / 3,
        }
    )
    assert dict(scores.undefined) == {}


def test_three_classes_by_hand():
    """Of 5 absent, 4 present and 1 unknown: 4, 2 and 0 are right; unknown is said twice.

    F1: absent 8/10 (one missed, one alarm), present 4/7 (two missed, one alarm), unknown 0.
    """
    scores = said([0] * 5 + [1] * 4 + [2], [0, 0, 0, 0, 2, 1, 1, 0, 2, 1]).values

    assert scores["accuracy"] == pytest.approx(0.6)
    assert scores["balanced_accuracy"] == pytest.approx((0.8 + 0.5 + 0) / 3)
    assert scores["sensitivity"] == scores["recall"] == pytest.approx(0.5)
    assert scores["specificity"] == pytest.approx(5 / 6)
    assert scores["precision"] == pytest.approx(2 / 3)
    assert scores["f1"] == pytest.approx(4 / 7)
    assert scores["f1_macro"] == pytest.approx((0.8 + 4 / 7 + 0) / 3)


@pytest.mark.parametrize("names", [TWO, THREE])
def test_a_perfect_prediction_scores_one(names):
    labels = [0, 1, 0, 1] if names == TWO else [0, 1, 2, 1]
    rows = np.eye(len(names))[labels]

    scores = scored(labels, rows, names=names, positive=names[1])

    assert set(scores.values.values()) == {1.0}
    assert dict(scores.undefined) == {}


def test_the_same_answer_for_all_ranks_nobody():
    """By hand: every pair is a tie, and precision is the share of the positives throughout."""
    scores = scored([0, 1, 0, 0], [[0.5, 0.5]] * 4, names=TWO, positive="Abnormal")

    assert scores.values["auroc"] == 0.5
    assert scores.values["auprc"] == 0.25
    assert scores.values["accuracy"] == 0.75  # on a tie the first class is said
    assert scores.values["sensitivity"] == 0.0
    assert "precision" not in scores.values
    assert scores.undefined["precision"] == "nobody was predicted Abnormal"


def test_only_the_rank_matters_to_the_areas():
    """Rows need not add up to 1."""
    rng = np.random.default_rng(0)
    labels, rows = rng.integers(0, 3, size=40), rng.uniform(size=(40, 3))

    before, after = scored(labels, rows).values, scored(labels, 5 * rows**3).values

    areas = [name for name in before if name.startswith("au")]
    assert len(areas) == 8
    assert all(before[name] == after[name] for name in areas)


def test_the_order_of_the_units_does_not_matter():
    rng = np.random.default_rng(0)
    labels, rows = rng.integers(0, 3, size=40), rng.dirichlet(np.ones(3), size=40).round(1)
    order = rng.permutation(40)

    before, after = scored(labels, rows).values, scored(labels[order], rows[order]).values

    assert dict(before) == pytest.approx(dict(after))


def test_of_one_class_only_what_can_be_said_is_said():
    """Everybody is absent; one is taken for present. Nothing of it is 0 for want of anybody."""
    scores = said([0, 0, 0, 0], [0, 0, 1, 0])

    # F1: absent 6/7; present was said once, and never true.
    expected = {"accuracy": 0.75, "specificity": 0.75, "precision": 0.0, "f1": 0.0}
    assert dict(scores.values) == pytest.approx(expected | {"f1_macro": (6 / 7 + 0) / 2})
    assert dict(scores.undefined) == {
        "balanced_accuracy": "only one class occurs",
        "sensitivity": "nobody is Present",
        "recall": "nobody is Present",
        "auroc": "only one class occurs",
        "auprc": "only one class occurs",
        "auroc_Absent": "everybody is Absent",
        "auprc_Absent": "everybody is Absent",
        "auroc_Present": "nobody is Present",
        "auprc_Present": "nobody is Present",
        "auroc_Unknown": "nobody is Unknown",
        "auprc_Unknown": "nobody is Unknown",
    }


def test_where_everybody_is_positive_nobody_can_be_rejected():
    scores = said([1, 1, 1], [1, 1, 0])

    assert scores.undefined["specificity"] == "everybody is Present"
    assert scores.values["sensitivity"] == pytest.approx(2 / 3)
    assert scores.values["precision"] == 1.0


def test_a_class_that_neither_occurs_nor_is_said_is_left_out_of_the_means():
    """F1: absent 2/3, present 2/3; unknown has none, and 0 for it would give 4/9."""
    scores = said([0, 0, 1], [0, 1, 1])

    assert scores.values["f1_macro"] == pytest.approx(2 / 3)
    assert scores.values["balanced_accuracy"] == pytest.approx(0.75)
    assert scores.undefined["auroc_Unknown"] == "nobody is Unknown"
    assert scores.values["auroc"] == pytest.approx(0.75)  # absent 0.75, present 0.75


def test_a_class_that_is_said_but_does_not_occur_has_an_f1_of_zero():
    """Absent 2/3, present 1, unknown 0: a claim about nobody is a fault, not a gap."""
    scores = said([0, 0, 1], [0, 2, 1])

    assert scores.values["f1_macro"] == pytest.approx((2 / 3 + 1 + 0) / 3)


def test_a_positive_class_that_neither_occurs_nor_is_said_has_no_f1():
    scores = said([0, 2], [0, 2])

    assert scores.undefined["f1"] == "nobody is Present, nor was predicted so"
    assert scores.undefined["precision"] == "nobody was predicted Present"
    assert scores.values["f1_macro"] == 1.0


def test_with_two_classes_the_areas_of_one_class_are_undefined():
    scores = scored([0, 0], [[0.6, 0.4], [0.3, 0.7]], names=TWO, positive="Abnormal")

    assert scores.undefined["auroc"] == scores.undefined["auprc"] == "nobody is Abnormal"


@pytest.mark.parametrize("answer", [0, 1])
def test_one_unit_is_right_or_wrong(answer):
    scores = said([0], [answer])

    assert scores.values["accuracy"] == 1.0 - answer
    assert {"balanced_accuracy", "sensitivity", "auroc", "auprc"} <= set(scores.undefined)


@pytest.mark.parametrize(
    ("labels", "rows", "message"),
    [
        ([], np.zeros((0, 3)), "no units to score"),
        ([0, 1], [SURE[0]], r"probabilities of shape \(1, 3\) for 2 labels and 3 classes"),
        ([0], [[0.5, 0.5]], r"probabilities of shape \(1, 2\) for 1 labels and 3 classes"),
        ([0, 3], [SURE[0], SURE[1]], "labels must be 0 to 2, got 0 to 3"),
        ([-1, 1], [SURE[0], SURE[1]], "labels must be 0 to 2, got -1 to 1"),
        ([0, 0], [SURE[0], [np.nan] * 3], "probabilities of 1 of 2 units are not finite"),
        ([0, 1], [SURE[0], [0, np.inf, 0]], "probabilities of 1 of 2 units are not finite"),
    ],
)
def test_what_cannot_be_scored_is_refused(labels, rows, message):
    with pytest.raises(ValueError, match=message):
        scored(labels, rows)


def test_a_positive_class_that_is_none_is_refused():
    with pytest.raises(ValueError, match="'present' is not one of Absent, Present, Unknown"):
        scored([0], [SURE[0]], positive="present")
