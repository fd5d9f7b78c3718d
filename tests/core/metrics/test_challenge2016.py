"""MAcc against the Challenge's formula, written out with its ten counts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pahcl_core.metrics.challenge2016 import macc
from pahcl_core.metrics.classification import Scores
from pahcl_core.metrics.pascal2011 import pascal_scores

ANSWERS = ("abnormal", "normal", "unsure")
RECORDING = st.tuples(st.booleans(), st.sampled_from(ANSWERS), st.booleans())


def macc_by_counts(recordings):
    """Se and Sp as published: counts by truth, answer and quality, and the shares as weights."""

    def half(truth, own):
        total = sum(1 for abnormal, _, _ in recordings if abnormal == truth)
        result = 0.0
        for good in (True, False):
            rows = [answer for abnormal, answer, q in recordings if (abnormal, q) == (truth, good)]
            if rows:
                weight = len(rows) / total
                right = rows.count(own) + (0 if good else rows.count("unsure"))
                result += weight * right / len(rows)
        return result

    return (half(True, "abnormal") + half(False, "normal")) / 2


def score(recordings):
    abnormal = np.array([row[0] for row in recordings])
    answers = np.array([row[1] for row in recordings])
    good = np.array([row[2] for row in recordings])
    return macc(abnormal, answers == "abnormal", answers == "normal", good)


@given(st.lists(RECORDING, min_size=2, max_size=30))
def test_equals_the_published_formula(recordings):
    if len({abnormal for abnormal, _, _ in recordings}) < 2:
        recordings = [(True, "abnormal", True), (False, "unsure", False), *recordings]

    assert score(recordings) == pytest.approx(macc_by_counts(recordings), abs=1e-12)


def test_a_case_worked_out_by_hand():
    """Abnormal: 2 good (1 right), 1 poor left open: 2/3. Normal: 1 good left open, 1 right: 1/2."""
    recordings = [
        (True, "abnormal", True), (True, "normal", True), (True, "unsure", False),
        (False, "unsure", True), (False, "normal", False),
    ]  # fmt: skip

    assert score(recordings) == pytest.approx((2 / 3 + 1 / 2) / 2)


def test_without_unsure_it_is_the_mean_of_sensitivity_and_specificity():
    recordings = [(True, "abnormal", False)] * 3 + [(True, "normal", True)]
    recordings += [(False, "normal", True)] * 1 + [(False, "abnormal", False)] * 4

    assert score(recordings) == pytest.approx((3 / 4 + 1 / 5) / 2)


def test_needs_both_kinds():
    with pytest.raises(ValueError, match="needs abnormal and normal"):
        score([(True, "abnormal", True)])


def test_refuses_two_answers_at_once():
    both = np.array([True, True])
    with pytest.raises(ValueError, match="normal and abnormal at once"):
        macc(np.array([True, False]), both, both, both)


CLASSES = ("normal", "murmur", "extrasystole")


def pascal(labels, predicted) -> Scores:
    return pascal_scores(np.array(labels), np.array(predicted), CLASSES, normal="normal")


def test_pascal_measures_by_hand():
    """Ill: 4, 3 of them called ill. Healthy: 5, 4 called healthy."""
    labels = [0, 0, 0, 0, 0, 1, 1, 2, 2]
    predicted = [0, 0, 0, 0, 1, 1, 0, 1, 2]

    scores = pascal(labels, predicted)

    assert scores.values["precision_normal"] == pytest.approx(4 / 5)
    assert scores.values["precision_murmur"] == pytest.approx(1 / 3)
    assert scores.values["precision_extrasystole"] == 1.0
    assert scores.values["youden"] == pytest.approx(3 / 4 + 4 / 5 - 1)
    power = np.sqrt(3) / np.pi * (np.log(3) + np.log(4))
    assert scores.values["discriminant_power"] == pytest.approx(power)
    assert scores.undefined == {}


def test_pascal_measures_that_cannot_be_computed_say_why():
    perfect = pascal([0, 0, 1], [0, 0, 1])
    healthy = pascal([0, 0], [0, 1])

    assert perfect.values["youden"] == 1.0
    assert perfect.undefined == {
        "precision_extrasystole": "nothing was predicted extrasystole",
        "discriminant_power": "a sensitivity or specificity of 0 or 1 has no logit",
    }
    assert healthy.undefined["youden"] == "everything is normal"
