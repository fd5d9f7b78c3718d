"""What a run says of its own certainty: each part against what it is defined by."""

import json

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from sklearn.metrics import log_loss, recall_score, roc_auc_score

from oracles.calibration import equal_mass_error
from oracles.resampling import quantile, resamples
from pahcl_core.data.tasks import TASKS
from pahcl_core.training.assessment import answers_by_location, assess, at_temperature
from pahcl_core.training.scoring import Answers, score_answers

OUTCOME, MURMUR = TASKS["circor_outcome"], TASKS["circor_murmur"]


def made_up(task, num, seed, *, skill=1.5, attributes=None):
    """Units of persons, some of whom have two; the first few answers are wrong for sure."""
    rng = np.random.default_rng(seed)
    labels = np.arange(num) % len(task.classes)
    logits = rng.normal(size=(num, len(task.classes))) + skill * np.eye(len(task.classes))[labels]
    rows = np.exp(2 * logits)
    return Answers(
        ids=tuple(f"u{n}" for n in range(num)),
        persons=tuple(f"p{n - n % 5 // 4}" for n in range(num)),
        labels=labels,
        probabilities=rows / rows.sum(axis=1, keepdims=True),
        attributes=attributes or {},
    )


@pytest.fixture(scope="module")
def splits():
    sex = tuple("Female" if n % 3 else "Male" for n in range(40))
    test = made_up(OUTCOME, 40, 1, attributes={"sex": sex, "age": ("",) * 40})
    return {"train": made_up(OUTCOME, 9, 3), "val": made_up(OUTCOME, 30, 0), "test": test}


@pytest.fixture(scope="module")
def found(splits):
    return assess(splits, OUTCOME, num_resamples=300)


def test_every_metric_has_its_interval(found, splits):
    """And those of two of them are what a loop over resamples gives."""
    test = splits["test"]
    assert set(found["intervals"]["test"]) == set(score_answers(test, OUTCOME).values)
    draws = resamples(test.persons, 300, np.random.default_rng(0))
    said = test.probabilities.argmax(axis=1)
    true = -np.log(test.probabilities[np.arange(40), test.labels])
    areas = [
        roc_auc_score(test.labels[u], test.probabilities[u, 1])
        for u in draws
        if len(set(test.labels[u])) == 2
    ]
    for name, values in {
        "auroc": areas,
        "loss": [true[u].mean() for u in draws],
        "sensitivity": [recall_score(test.labels[u], said[u]) for u in draws],
    }.items():
        expected = [quantile(values, 0.025), quantile(values, 0.975)]
        assert found["intervals"]["test"][name] == pytest.approx(expected, abs=1e-12)
    assert found["intervals"]["num_resamples"] == 300
    assert "train" not in found["intervals"]


def test_calibration_is_that_of_the_definition(found, splits):
    test = splits["test"]
    calibration = found["calibration"]
    right = (test.probabilities.argmax(axis=1) == test.labels).tolist()
    expected = equal_mass_error(test.probabilities.max(axis=1).tolist(), right, 10)
    assert calibration["test"]["ece"] == pytest.approx(expected)
    assert sum(one["num"] for one in calibration["test"]["bins"]) == 40
    # Brier by hand, of the one probability there is.
    squares = (test.probabilities[:, 1] - test.labels) ** 2
    assert calibration["test"]["brier"] == pytest.approx(squares.mean())


def test_the_temperature_is_the_best_of_the_validation_units_alone(found, splits):
    val = splits["val"]
    best = minimize_scalar(
        lambda t: log_loss(val.labels, at_temperature(val.probabilities, t)),
        bounds=(0.05, 20), method="bounded", options={"xatol": 1e-9},
    )  # fmt: skip
    assert found["calibration"]["temperature"] == pytest.approx(best.x, rel=1e-4)
    scaled = at_temperature(splits["test"].probabilities, best.x)
    assert found["calibration"]["test_at_temperature"]["brier"] == pytest.approx(
        ((scaled[:, 1] - splits["test"].labels) ** 2).mean(), rel=1e-3
    )


def test_a_temperature_by_hand():
    """At 2, the odds of 0.9 against 0.1 become their root: 3 to 1."""
    assert at_temperature(np.array([[0.9, 0.1]]), 2.0).tolist() == [pytest.approx([0.75, 0.25])]


def test_without_a_temperature_there_is_a_reason():
    sure = Answers(
        ids=("a", "b"), persons=("a", "b"), labels=np.array([0, 1]),
        probabilities=np.array([[0.9, 0.1], [0.2, 0.8]]), attributes={},
    )  # fmt: skip
    found = assess({"val": sure, "test": sure}, OUTCOME, num_resamples=10)["calibration"]

    assert found["temperature"] is None
    assert found["temperature_undefined"].startswith("every answer is right")
    assert "test_at_temperature" not in found


def test_an_undefined_metric_has_no_interval_and_the_reason_of_its_score():
    """One class in the test set."""
    test = made_up(OUTCOME, 6, 0)
    only = Answers(
        ids=test.ids, persons=test.persons, labels=np.ones(6, dtype=np.int64),
        probabilities=test.probabilities, attributes={},
    )  # fmt: skip
    intervals = assess({"test": only}, OUTCOME, num_resamples=10)["intervals"]

    assert intervals["test"]["auroc"] is None
    assert intervals["undefined"]["test_auroc"] == "everybody is Abnormal"
    assert intervals["left_out"]["test_auroc"] == 10
    assert intervals["test"]["accuracy"] is not None


def test_subgroups_are_told_apart_and_an_attribute_that_nobody_has_is_not(found, splits):
    test = splits["test"]
    assert list(found["subgroups"]) == ["sex"]
    male = [n for n in range(40) if n % 3 == 0]
    group = found["subgroups"]["sex"]["Male"]
    assert (group["n"], sum(group["n_by_class"].values())) == (14, 14)
    assert group["n_persons"] == len({test.persons[n] for n in male})
    expected = roc_auc_score(test.labels[male], test.probabilities[male, 1])
    assert group["metrics"]["auroc"]["value"] == pytest.approx(expected)
    assert {"weighted_accuracy", "cost"} <= set(group["metrics"])


def test_one_person_and_one_class_end_nothing():
    alone = Answers(
        ids=("a",), persons=("a",), labels=np.array([1]),
        probabilities=np.array([[0.2, 0.5, 0.3]]), attributes={"sex": ("Male",)},
    )  # fmt: skip
    found = assess({"test": alone}, MURMUR, num_resamples=5)

    assert found["intervals"]["test"]["accuracy"] is None
    assert "only one person" in found["intervals"]["undefined"]["test_accuracy"]
    json.dumps(found, allow_nan=False)


def test_it_is_the_same_every_time(splits, found):
    assert assess(splits, OUTCOME, num_resamples=300) == found


def test_a_location_speaks_for_itself():
    """By hand: two recordings at AV weigh the same, however many cycles they have."""
    units = Answers(
        ids=("a", "b"), persons=("a", "b"), labels=np.array([1, 0]),
        probabilities=np.array([[0.5, 0.5], [0.5, 0.5]]), attributes={},
    )  # fmt: skip
    cycles = [
        ("a", "a_AV_1", "AV", 0.2), ("a", "a_AV_1", "AV", 0.4), ("a", "a_AV_2", "AV", 0.9),
        ("a", "a_MV", "MV", 0.1), ("b", "b_MV", "MV", 0.3), ("x", "x_MV", "MV", 0.7),
        ("b", "b", "", 0.8),
    ]  # fmt: skip
    positive = np.array([cycle[3] for cycle in cycles])

    found = answers_by_location(
        units, *([cycle[n] for cycle in cycles] for n in range(3)),
        np.column_stack([1 - positive, positive]),
    )  # fmt: skip

    assert list(found) == ["AV", "MV"]
    assert (found["AV"].ids, found["AV"].labels.tolist()) == (("a",), [1])
    assert found["AV"].probabilities[:, 1].tolist() == pytest.approx([0.6])
    assert (found["MV"].ids, found["MV"].labels.tolist()) == (("a", "b"), [1, 0])
    assert found["MV"].probabilities[:, 1].tolist() == pytest.approx([0.1, 0.3])
    table = assess({"test": units}, OUTCOME, by_location=found, num_resamples=5)
    assert table["subgroups"]["location"]["MV"]["n"] == 2
    assert table["subgroups"]["location"]["MV"]["metrics"]["auroc"]["value"] == 0.0
    assert table["subgroups"]["location"]["AV"]["metrics"]["auroc"]["undefined"]
