"""The Challenge's scores: by a table of counts in whole numbers, and by hand."""

import numpy as np
import pytest

from oracles import challenge2022 as by_counts
from pahcl_core.metrics.challenge2022 import challenge_scores, cost, weighted_accuracy

MURMUR = ("Absent", "Present", "Unknown")
OUTCOME = ("Normal", "Abnormal")


def scores(label, labels, said, names):
    index = {name: i for i, name in enumerate(names)}
    rows = (np.array([index[name] for name in row], dtype=np.int64) for row in (labels, said))
    return challenge_scores(label, *rows, names)


def drawn(names, seed, size=50):
    """Random labels, and answers that are right about half of the time."""
    rng = np.random.default_rng(seed)
    labels, other = rng.choice(names, size=(2, size)).tolist()
    right = rng.uniform(size=size) < 0.5
    return labels, [a if r else b for a, b, r in zip(labels, other, right, strict=True)]


@pytest.mark.parametrize("names", [MURMUR, ("Present", "Unknown", "Absent")])
@pytest.mark.parametrize("seed", range(5))
def test_murmur_equals_the_table_of_counts(names, seed):
    """In whatever order the classes are given."""
    labels, said = drawn(MURMUR, seed)

    found = scores("murmur", labels, said, names)

    expected = by_counts.weighted_accuracy(by_counts.counts(labels, said))
    assert found == {"weighted_accuracy": pytest.approx(float(expected), rel=1e-12)}


@pytest.mark.parametrize("names", [OUTCOME, ("Abnormal", "Normal")])
@pytest.mark.parametrize("seed", range(5))
def test_outcome_equals_the_table_of_counts(names, seed):
    labels, said = drawn(OUTCOME, seed)

    found = scores("outcome", labels, said, names)

    table = by_counts.counts(labels, said)
    assert found == {
        "weighted_accuracy": pytest.approx(float(by_counts.weighted_accuracy(table)), rel=1e-12),
        "cost": pytest.approx(float(by_counts.outcome_cost(table)), rel=1e-12),
    }


def test_murmur_by_hand():
    """4 present, 2 unknown, 10 absent: 20 + 6 + 10 points, of which 15 + 3 + 8 are won."""
    labels = ["Present"] * 4 + ["Unknown"] * 2 + ["Absent"] * 10
    said = ["Present"] * 3 + ["Absent"] + ["Unknown", "Present"] + ["Absent"] * 8 + ["Present"] * 2

    assert scores("murmur", labels, said, MURMUR)["weighted_accuracy"] == pytest.approx(26 / 36)


@pytest.mark.parametrize(("answer", "won"), [("Present", 20), ("Unknown", 6), ("Absent", 10)])
def test_one_answer_for_all_wins_the_weight_of_its_class(answer, won):
    labels = ["Present"] * 4 + ["Unknown"] * 2 + ["Absent"] * 10

    found = scores("murmur", labels, [answer] * 16, MURMUR)["weighted_accuracy"]

    assert found == pytest.approx(won / 36)


def test_outcome_by_hand():
    """10 patients, 4 of them abnormal; 3 of those and 2 others are referred, one is missed.

    Half are referred: 25 + 397/2 - 1718/4 + 11296/16 = 500. Points: 15 + 4 of 20 + 6.
    """
    labels = ["Abnormal"] * 4 + ["Normal"] * 6
    said = ["Abnormal"] * 3 + ["Normal"] + ["Abnormal"] * 2 + ["Normal"] * 4

    found = scores("outcome", labels, said, OUTCOME)

    assert found["cost"] == pytest.approx(10 + 500 + 3 * 1000 + 1 * 5000)
    assert found["weighted_accuracy"] == pytest.approx(19 / 26)


@pytest.mark.parametrize(
    ("true", "referred", "dollars"),
    [
        (False, False, 35),  # screening, and the expert's idle office
        (False, True, 10_010),  # 10 + 25 + 397 - 1718 + 11296
        (True, True, 20_010),
        (True, False, 50_035),
    ],
)
def test_what_one_patient_costs(true, referred, dollars):
    assert cost(np.array([true]), np.array([referred])) == pytest.approx(dollars)


def test_the_trivial_answers_cost_what_the_challenge_published():
    """All abnormal costs 15,083 on its hidden test set, and so all normal must cost 25,400.

    By hand: 10,010 for referring all leaves 5,073 for treatment: 50.73 % are abnormal.
    """
    true = np.arange(10_000) < 5073

    assert cost(true, np.ones(10_000, dtype=bool)) == pytest.approx(15_083)
    assert cost(true, np.zeros(10_000, dtype=bool)) == pytest.approx(35 + 25_365)


@pytest.mark.parametrize(("label", "names"), [("murmur", MURMUR), ("outcome", OUTCOME)])
def test_a_perfect_answer_wins_everything(label, names):
    labels, _ = drawn(names, 0)

    assert scores(label, labels, labels, names)["weighted_accuracy"] == 1.0


def test_a_class_nobody_is_of_weighs_nothing():
    """Only absent ones: half of them right."""
    found = scores("murmur", ["Absent"] * 4, ["Absent", "Absent", "Present", "Unknown"], MURMUR)

    assert found["weighted_accuracy"] == 0.5


def test_a_label_the_challenge_does_not_know_has_no_scores():
    assert scores("grade", ["soft", "loud"], ["soft", "loud"], ("soft", "loud")) == {}


NONE, ONE, TWO = (np.zeros(n, dtype=np.int64) for n in (0, 1, 2))


@pytest.mark.parametrize(
    ("labels", "said", "message"),
    [
        (NONE, NONE, "no patients to score"),
        (TWO, ONE, "1 predictions for 2 patients"),
        (TWO - 1, TWO, "labels must be at least 0, got -1"),
    ],
)
def test_what_has_no_weighted_accuracy_is_refused(labels, said, message):
    with pytest.raises(ValueError, match=message):
        weighted_accuracy(labels, said, [1.0, 5.0])


@pytest.mark.parametrize(
    ("true", "referred", "message"),
    [(NONE, NONE, "no patients to score"), (TWO, ONE, "1 predictions for 2 patients")],
)
def test_what_has_no_cost_is_refused(true, referred, message):
    with pytest.raises(ValueError, match=message):
        cost(true.astype(bool), referred.astype(bool))
