"""How sure the figures of a run are, how well calibrated its answers, and for whom they hold.

What `assess` makes is part of `final_metrics.json`, so a reader of that file needs nothing else:

- `intervals`: by split and metric `[low, high]`, 95 % over persons; null where there is none, with
  the reason under `undefined`; `left_out` counts resamples in which a metric is undefined.
- `classes`: by split and class, how many there are, recall, precision and F1.
- `confusion_matrix`: by split, a row for each true class.
- `calibration`: by split ECE and Brier score, with the points of a reliability plot for the test;
  the temperature that the validation units ask for, and what the test comes to with it.
- `subgroups`: of the test, by attribute and group; `location` is what can be told from one place.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from jaxtyping import Float64

from pahcl_core.data.tasks import Task
from pahcl_core.metrics.bootstrap import NUM_RESAMPLES, Interval, bootstrap
from pahcl_core.metrics.bootstrap_runs import bootstrap_mean_over_runs
from pahcl_core.metrics.calibration import brier, fit_temperature, reliability
from pahcl_core.metrics.classification import by_class, confusion_matrix
from pahcl_core.metrics.subgroups import subgroups
from pahcl_core.training.scoring import OFFICIAL, Answers, challenge_of, score_answers

LOCATION = "location"
_CONFIDENCE = 0.95
_IN_SUBGROUPS = ("auroc", "sensitivity", "specificity", "accuracy")
_SCORED = ("val", "test")


def assess(
    splits: Mapping[str, Answers],
    task: Task,
    *,
    by_location: Mapping[str, Answers] | None = None,
    num_resamples: int = NUM_RESAMPLES,
) -> dict[str, Any]:
    """Everything in the module docstring, as plain values for JSON.

    Args:
        splits: What was said in `val` and `test`; other splits are passed over.
        task: Whose classes and challenge these are.
        by_location: What was said of the test from each location alone, if that is known.
        num_resamples: Of persons.
    """
    scored = {name: splits[name] for name in _SCORED if name in splits and len(splits[name])}
    counts = {
        name: confusion_matrix(one.labels, one.predicted, len(task.classes))
        for name, one in scored.items()
    }
    return {
        "intervals": _intervals(scored, task, num_resamples),
        "classes": {
            name: dict(zip(task.classes, (asdict(row) for row in by_class(count)), strict=True))
            for name, count in counts.items()
        },
        "confusion_matrix": {name: count.tolist() for name, count in counts.items()},
        "calibration": _calibration(scored),
        "subgroups": _subgroups(scored, task, by_location or {}, num_resamples),
    }


def _intervals(scored: Mapping[str, Answers], task: Task, num_resamples: int) -> dict[str, Any]:
    """Of every metric that `score_answers` gives."""
    ends: dict[str, dict[str, list[float] | None]] = {}
    left_out: dict[str, int] = {}
    undefined: dict[str, str] = {}
    for split, answers in scored.items():
        ends[split] = {}
        for name, one in _bootstrapped(answers, task, num_resamples).items():
            ends[split][name] = _ends(one)
            if one.num_left_out:
                left_out[f"{split}_{name}"] = one.num_left_out
            if ends[split][name] is None:
                undefined[f"{split}_{name}"] = one.undefined
    return {
        "confidence": _CONFIDENCE,
        "resampled": "persons",
        "num_resamples": num_resamples,
        **ends,
        "left_out": left_out,
        "undefined": undefined,
    }


def _bootstrapped(answers: Answers, task: Task, num_resamples: int) -> dict[str, Interval]:
    found = bootstrap(
        answers.labels,
        answers.probabilities,
        answers.persons,
        class_names=task.classes,
        positive=task.positive,
        challenge=challenge_of(task),
        predicted=answers.predicted,
        confidence=_CONFIDENCE,
        num_resamples=num_resamples,
    )
    found["loss"] = bootstrap_mean_over_runs(
        [(answers.losses, answers.persons)], confidence=_CONFIDENCE, num_resamples=num_resamples
    )
    scores = score_answers(answers, task)
    # The reason of a score is better than that of its resamples.
    given = {
        name: replace(found[name], undefined=reason) for name, reason in scores.undefined.items()
    }
    return {name: given.get(name, found[name]) for name in (*scores.values, *scores.undefined)}


def _ends(interval: Interval) -> list[float] | None:
    if interval.low is None or interval.high is None:
        return None
    return [interval.low, interval.high]


def _calibration(scored: Mapping[str, Answers]) -> dict[str, Any]:
    """ECE and Brier of each split; the temperature comes from the validation units alone."""
    found: dict[str, Any] = {name: _how_calibrated(one) for name, one in scored.items()}
    if "val" not in scored:
        return found
    fitted = fit_temperature(scored["val"].labels, _logits(scored["val"]))
    found["temperature"] = fitted.value
    if fitted.value is None:
        found["temperature_undefined"] = fitted.undefined
    elif "test" in scored:
        test = scored["test"]
        scaled = at_temperature(test.probabilities, fitted.value)
        found["test_at_temperature"] = {
            "ece": reliability(test.labels, scaled).error,
            "brier": brier(test.labels, scaled),
        }
    return found


def _how_calibrated(answers: Answers) -> dict[str, Any]:
    points = reliability(answers.labels, answers.probabilities)
    return {
        "ece": points.error,
        "brier": brier(answers.labels, answers.probabilities),
        "bins": [
            {"confidence": confidence, "accuracy": accuracy, "num": num}
            for confidence, accuracy, num in zip(
                points.confidence.tolist(),
                points.accuracy.tolist(),
                points.count.tolist(),
                strict=True,
            )
        ],
    }


def _logits(answers: Answers) -> Float64[np.ndarray, "units classes"]:
    """Up to a constant per unit, which changes nothing; of a pooled answer, its logarithm."""
    tiny = np.finfo(float).tiny
    logits: Float64[np.ndarray, "units classes"] = np.log(np.maximum(answers.probabilities, tiny))
    return logits


def at_temperature(
    probabilities: Float64[np.ndarray, "units classes"], temperature: float
) -> Float64[np.ndarray, "units classes"]:
    """The same answers, surer or less sure.

    Args:
        probabilities: Each row adds up to 1.
        temperature: Divides their logarithms; above 1 makes them less sure.
    """
    tiny = np.finfo(float).tiny
    logits = np.log(np.maximum(probabilities, tiny)) / temperature
    weight = np.exp(logits - logits.max(axis=1, keepdims=True))
    scaled: Float64[np.ndarray, "units classes"] = weight / weight.sum(axis=1, keepdims=True)
    return scaled


def _subgroups(
    scored: Mapping[str, Answers],
    task: Task,
    by_location: Mapping[str, Answers],
    num_resamples: int,
) -> dict[str, Any]:
    test = scored.get("test")
    if test is None:
        return {}
    found = {
        name: _groups(test, groups, task, num_resamples)
        for name, groups in test.attributes.items()
        if any(groups)
    }
    at = {place: one for place, one in by_location.items() if len(one)}
    if at:
        found[LOCATION] = {}
        for place, one in at.items():
            found[LOCATION] |= _groups(one, [place] * len(one), task, num_resamples)
    return found


def _groups(
    answers: Answers, groups: Sequence[str], task: Task, num_resamples: int
) -> dict[str, Any]:
    challenge = challenge_of(task)
    found = subgroups(
        answers.labels,
        answers.probabilities,
        answers.persons,
        groups,
        class_names=task.classes,
        positive=task.positive,
        challenge=challenge,
        predicted=answers.predicted,
        names=(*_IN_SUBGROUPS, *OFFICIAL.get(challenge, ())),
        num_resamples=num_resamples,
    )
    return {
        name: {
            "n": group.num,
            "n_persons": group.num_persons,
            "n_by_class": dict(group.num_by_class),
            "metrics": {metric: _plain(one) for metric, one in group.metrics.items()},
        }
        for name, group in found.items()
    }


def _plain(interval: Interval) -> dict[str, Any]:
    reason = {"undefined": interval.undefined} if interval.undefined else {}
    return {"value": interval.value, "low": interval.low, "high": interval.high, **reason}


def answers_by_location(
    answers: Answers,
    subject: Sequence[str],
    recording: Sequence[str],
    location: Sequence[str],
    probabilities: Float64[np.ndarray, "cycles classes"],
) -> dict[str, Answers]:
    """What would be said of each unit from one location alone, by location.

    The mean over a recording's cycles, then over the recordings of that location, against the
    unit's own class: a murmur that is silent there is one that cannot be told there.

    Args:
        answers: Of the units, with their classes.
        subject: Whose each cycle is; cycles of others are passed over.
        recording: Its recording, by any name.
        location: Where that was recorded; empty where it is not known.
        probabilities: What is said of each cycle by itself.
    """
    place_of = {one: number for number, one in enumerate(answers.ids)}
    rows: dict[str, dict[int, dict[str, list[int]]]] = {}
    for cycle, (who, where) in enumerate(zip(subject, location, strict=True)):
        if where and who in place_of:
            at = rows.setdefault(where, {}).setdefault(place_of[who], {})
            at.setdefault(recording[cycle], []).append(cycle)
    found = {}
    for where in sorted(rows):
        units = sorted(rows[where])
        means = [
            np.mean([probabilities[own].mean(axis=0) for own in rows[where][unit].values()], axis=0)
            for unit in units
        ]
        found[where] = Answers(
            ids=tuple(answers.ids[unit] for unit in units),
            persons=tuple(answers.persons[unit] for unit in units),
            labels=answers.labels[units],
            probabilities=np.stack(means),
            attributes={},
        )
    return found
