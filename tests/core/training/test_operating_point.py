"""The operating point: chosen on validation units alone, by each rule, by hand and by oracles."""

import json

import numpy as np
import pytest

from oracles.challenge2022 import counts, outcome_cost
from pahcl_core.data.tasks import TASKS
from pahcl_core.training.operating_point import OperatingPointConfig, operating_point
from pahcl_core.training.scoring import Answers, score_answers

MURMUR, OUTCOME = TASKS["circor_murmur"], TASKS["circor_outcome"]
YOUDEN = OperatingPointConfig(rule="youden")


def answers(labels, rows, **attributes) -> Answers:
    return Answers(
        ids=tuple(f"u{n}" for n in range(len(labels))),
        persons=tuple(f"p{n}" for n in range(len(labels))),
        labels=np.array(labels),
        probabilities=np.array(rows, dtype=float),
        attributes=attributes,
    )


def of_two(labels, scores, **attributes) -> Answers:
    return answers(labels, [[1 - one, one] for one in scores], **attributes)


# Sure that who is well is well: at a half, two of three who are ill are missed.
VAL = of_two([0, 0, 0, 0, 1, 1, 1], [0.05, 0.1, 0.15, 0.35, 0.3, 0.4, 0.6])


def test_by_default_the_most_probable_class_is_said():
    point = operating_point(OperatingPointConfig(), VAL, OUTCOME)

    assert point.of(VAL, OUTCOME).predicted.tolist() == [0, 0, 0, 0, 0, 0, 1]
    assert point.as_dict() == {"rule": "most_probable"}


def test_youden_by_hand():
    """At 0.225 all who are ill and three of four who are well are right; at 0.375 two and four."""
    point = operating_point(YOUDEN, VAL, OUTCOME)

    assert point.threshold == pytest.approx(0.225)
    assert point.value == pytest.approx(1 + 3 / 4 - 1)
    assert point.of(VAL, OUTCOME).predicted.tolist() == [0, 0, 0, 1, 1, 1, 1]
    assert point.as_dict() == {
        "rule": "youden", "class": "Abnormal", "threshold": point.threshold,
        "chosen_for": "val_youden", "value": point.value,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("aim", "threshold", "specificity"), [(1.0, 0.225, 0.75), (0.6, 0.375, 1.0), (0.3, 0.5, 1.0)]
)
def test_a_target_sensitivity_at_the_least_cost_of_specificity(aim, threshold, specificity):
    """Of those that miss nobody more than allowed; with specificity alike, nearest to a half."""
    config = OperatingPointConfig(rule="sensitivity", sensitivity=aim)

    point = operating_point(config, VAL, OUTCOME)

    assert point.threshold == pytest.approx(threshold)
    assert point.value == specificity
    told = point.as_dict()
    assert (told["sensitivity"], told["chosen_for"]) == (aim, "val_specificity")


def test_the_cost_of_the_challenge_refers_more_than_a_half_would():
    """Against the oracle's cost at every place between two scores."""
    config = OperatingPointConfig(rule="challenge")
    rng = np.random.default_rng(0)
    labels = (rng.random(60) < 0.5).astype(int)
    scores = np.clip(0.25 * labels + 0.6 * rng.random(60), 0, 1)
    val = of_two(labels, scores)

    point = operating_point(config, val, OUTCOME)

    def cost_at(threshold):
        said = [OUTCOME.classes[int(one >= threshold)] for one in scores]
        return float(outcome_cost(counts([OUTCOME.classes[one] for one in labels], said)))

    costs = [cost_at(one) for one in [0.0, *np.nextafter(scores, 2.0)]]
    assert point.value == pytest.approx(min(costs))
    assert point.value < cost_at(0.5)
    decided = score_answers(point.of(val, OUTCOME), OUTCOME)
    assert decided.values["cost"] == pytest.approx(point.value)
    assert point.as_dict()["chosen_for"] == "val_cost"


def test_murmurs_by_weighted_accuracy_one_against_the_rest():
    """Weights 5, 3, 1: who is present at 0.3 counts more than one who is absent and is said not."""
    val = answers(
        [1, 0, 0, 2],
        [[0.6, 0.3, 0.1], [0.6, 0.35, 0.05], [0.9, 0.05, 0.05], [0.2, 0.1, 0.7]],
    )

    point = operating_point(OperatingPointConfig(rule="challenge"), val, MURMUR)

    assert point.threshold == pytest.approx(0.2)
    assert point.value == pytest.approx((5 + 1 + 3) / (5 + 1 + 1 + 3))
    assert point.of(val, MURMUR).predicted.tolist() == [1, 1, 0, 2]


def test_recordings_by_macc():
    task = TASKS["physionet2016"]
    val = of_two([0, 0, 1, 1], [0.1, 0.3, 0.2, 0.4], quality=("good",) * 4)

    point = operating_point(OperatingPointConfig(rule="challenge"), val, task)

    assert point.as_dict()["chosen_for"] == "val_macc"
    assert point.value == pytest.approx(0.75)
    assert point.threshold == pytest.approx(0.35)  # 0.15 is worth the same, and farther off


@pytest.mark.parametrize(
    ("val", "reason"),
    [
        (None, "there are no validation units"),
        (of_two([0, 0], [0.1, 0.9]), "nobody in validation is Abnormal"),
        (of_two([1, 1], [0.1, 0.9]), "everybody in validation is Abnormal"),
    ],
)
@pytest.mark.parametrize("rule", ["youden", "sensitivity", "challenge"])
def test_where_there_is_nothing_to_choose_by_the_most_probable_is_said(val, reason, rule):
    point = operating_point(OperatingPointConfig(rule=rule), val, OUTCOME)

    assert point.threshold is None
    assert point.as_dict()["undefined"] == reason
    assert point.of(VAL, OUTCOME).predicted.tolist() == [0, 0, 0, 0, 0, 0, 1]
    json.dumps(point.as_dict(), allow_nan=False)


def test_a_target_is_a_share():
    with pytest.raises(ValueError, match=r"sensitivity must lie in \(0, 1\], got 0"):
        OperatingPointConfig(sensitivity=0.0)
