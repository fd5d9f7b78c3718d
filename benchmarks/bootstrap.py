"""How long the intervals of a test set take.

    python benchmarks/bootstrap.py [--resamples N] [--json]

10,000 resamples of persons, each scored by AUROC, sensitivity, specificity, accuracy, F1 and the
weighted accuracy of the Challenge 2022, for test sets of 200 and of 1,000 persons with one to three
units each: murmur, with three classes and so three areas, and outcome, with two. Seconds are those
of the processor, of one thread; the labels and the probabilities are made up. Beside them stands
what a loop over the same resamples would take, extrapolated from a few of them.
"""

import argparse
import sys
import time

import numpy as np
from _checks import Check, format_table, report
from threadpoolctl import threadpool_limits

from pahcl_core.metrics.bootstrap import NUM_RESAMPLES, bootstrap
from pahcl_core.metrics.challenge2022 import challenge_scores
from pahcl_core.metrics.classification import classification_metrics

MOST_S = 2.0
NAMES = ("auroc", "sensitivity", "specificity", "accuracy", "f1", "weighted_accuracy")
CLASSES = {"murmur": ("Absent", "Present", "Unknown"), "outcome": ("Normal", "Abnormal")}
POSITIVE = {"murmur": "Present", "outcome": "Abnormal"}
SHARES = {"murmur": (0.74, 0.19, 0.07), "outcome": (0.52, 0.48)}
_IN_LOOP = 20


def main() -> int:
    """Make up test sets, time, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--resamples", type=int, default=NUM_RESAMPLES)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    checks, rows = [], []
    with threadpool_limits(1):
        for label in CLASSES:
            for num_persons in (200, 1000):
                labels, probabilities, persons = test_set(label, num_persons)
                begun = time.process_time()
                found = bootstrap(
                    labels,
                    probabilities,
                    [f"p{number}" for number in persons],
                    class_names=CLASSES[label],
                    positive=POSITIVE[label],
                    challenge=label,
                    names=NAMES,
                    num_resamples=options.resamples,
                )
                seconds = time.process_time() - begun
                loop = seconds_of_a_loop(label, labels, probabilities, persons)
                area = found["auroc"]
                rows.append(
                    [
                        f"{label}, {num_persons} persons, {len(labels)} units",
                        f"{seconds:.2f}",
                        f"{loop * options.resamples:.0f}",
                        f"{area.value:.3f} ({area.low:.3f} to {area.high:.3f})",
                    ]
                )
                name = f"{options.resamples} resamples, {label}, {num_persons} persons"
                checks.append(Check(name=name, value=seconds, unit="s", most=MOST_S))
    table = format_table(["test set", "seconds", "in a loop", "AUROC"], rows)
    return report(checks, as_json=options.json, table=table)


def test_set(label: str, num_persons: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """True classes, probabilities that know a little of them, and whose the units are."""
    rng = np.random.default_rng(num_persons)
    persons = np.repeat(np.arange(num_persons), rng.integers(1, 4, num_persons))
    classes = np.arange(len(SHARES[label]))
    labels = rng.choice(classes, num_persons, p=SHARES[label])[persons]
    logits = rng.normal(size=(len(labels), len(classes)))
    logits[np.arange(len(labels)), labels] += 1.5
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return labels, probabilities, persons


def seconds_of_a_loop(
    label: str, labels: np.ndarray, probabilities: np.ndarray, persons: np.ndarray
) -> float:
    """Of one resample scored by itself, on average."""
    rng = np.random.default_rng(0)
    units_of = [np.flatnonzero(persons == person) for person in range(persons.max() + 1)]
    begun = time.process_time()
    for _ in range(_IN_LOOP):
        drawn = rng.integers(0, len(units_of), len(units_of))
        units = np.concatenate([units_of[person] for person in drawn])
        classification_metrics(
            labels[units],
            probabilities[units],
            class_names=CLASSES[label],
            positive=POSITIVE[label],
        )
        said = probabilities[units].argmax(axis=1)
        challenge_scores(label, labels[units], said, CLASSES[label])
    return (time.process_time() - begun) / _IN_LOOP


if __name__ == "__main__":
    sys.exit(main())
