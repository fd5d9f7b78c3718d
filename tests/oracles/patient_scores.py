"""From cycles to patients in loops, and every score of `predictions.csv` from the file alone."""

import csv
import math

import numpy as np
from sklearn import metrics

# Reyna et al., "Heart murmur detection from phonocardiogram recordings: The George B. Moody
# PhysioNet Challenge 2022", PLOS Digital Health 2(9), 2023: the weights of the two scores.
WEIGHTS = {"Present": 5, "Unknown": 3, "Absent": 1, "Abnormal": 5, "Normal": 1}


def pooled(by_recording, pooling, positive):
    """Probabilities of a patient from those of their cycles: a list of recordings of lists."""
    recordings = []
    for cycles in by_recording:
        recordings.append([sum(column) / len(cycles) for column in zip(*cycles, strict=True)])
    mean = [sum(column) / len(recordings) for column in zip(*recordings, strict=True)]
    if pooling == "mean":
        return mean
    highest = max(recording[positive] for recording in recordings)
    others = sum(p for column, p in enumerate(mean) if column != positive)
    return [
        highest if column == positive else p * (1 - highest) / others
        for column, p in enumerate(mean)
    ]


def read_split(path, split):
    """True classes, classes said and probabilities of one split."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == split]
    classes = [name.removeprefix("p_") for name in rows[0] if name.startswith("p_")]
    table = np.array([[float(row[f"p_{name}"]) for name in classes] for row in rows])
    labels = np.array([row["label"] for row in rows])
    said = np.array([row["prediction"] for row in rows])
    return classes, labels, said, table


def scores_from_file(path, split, positive, *, most_probable=True):
    """Every score that can be computed, by name; those that cannot are None."""
    classes, labels, said, table = read_split(path, split)
    if most_probable:
        assert [classes[row.argmax()] for row in table] == said.tolist()
    present = sorted(set(labels))
    tp = int(((labels == positive) & (said == positive)).sum())
    fp = int(((labels != positive) & (said == positive)).sum())
    fn = int(((labels == positive) & (said != positive)).sum())
    tn = int(((labels != positive) & (said != positive)).sum())
    found = {
        "loss": -sum(math.log(row[classes.index(c)]) for c, row in zip(labels, table, strict=True))
        / len(labels),
        "accuracy": metrics.accuracy_score(labels, said),
        "balanced_accuracy": np.mean([(said[labels == c] == c).mean() for c in present])
        if len(present) > 1
        else None,
        "f1_macro": metrics.f1_score(labels, said, average="macro", zero_division=0),
        "sensitivity": tp / (tp + fn) if tp + fn else None,
        "recall": tp / (tp + fn) if tp + fn else None,
        "specificity": tn / (tn + fp) if tn + fp else None,
        "precision": tp / (tp + fp) if tp + fp else None,
        "f1": 2 * tp / (2 * tp + fp + fn) if tp + fp + fn else None,
        "weighted_accuracy": sum(WEIGHTS[c] for c, s in zip(labels, said, strict=True) if c == s)
        / sum(WEIGHTS[c] for c in labels),
    }
    found |= _areas(classes, labels, table, positive)
    if "Abnormal" in classes:
        found["cost"] = _cost(labels == "Abnormal", said == "Abnormal")
    if classes == ["Absent", "Present", "Unknown"]:
        found["auroc_present_absent"] = _present_absent(labels, table)
    return found


def _areas(classes, labels, table, positive):
    by_class = {}
    for column, name in enumerate(classes):
        true = labels == name
        both = true.any() and not true.all()
        by_class[name] = (
            (
                _auroc(true, table[:, column]),
                metrics.average_precision_score(true, table[:, column]),
            )
            if both
            else (None, None)
        )
    if len(classes) == 2:
        return dict(zip(("auroc", "auprc"), by_class[positive], strict=True))
    found = {}
    for position, area in enumerate(("auroc", "auprc")):
        for name, areas in by_class.items():
            found[f"{area}_{name}"] = areas[position]
        defined = [areas[position] for areas in by_class.values() if areas[position] is not None]
        found[area] = sum(defined) / len(defined) if defined else None
    return found


def _present_absent(labels, table):
    """Of the patients who are one or the other, by how probable the one is if it is either."""
    either = labels != "Unknown"
    true = labels[either] == "Present"
    scores = np.array([p / (a + p) for a, p, _ in table[either].tolist()])
    return _auroc(true, scores) if true.any() and not true.all() else None


def _auroc(true, scores):
    """Share of pairs, a true and a false one, in which the true scores higher; ties are half."""
    wins = 0.0
    for high in scores[true]:
        for low in scores[~true]:
            wins += 1.0 if high > low else 0.5 if high == low else 0.0
    return wins / (true.sum() * (~true).sum())


def _cost(abnormal, referred):
    """The Challenge's costs: algorithm, expert, treatment, missed treatment; per patient."""
    patients = len(abnormal)
    share = referred.sum() / patients
    expert = 25 + 397 * share - 1718 * share**2 + 11296 * share**4
    treatment = 10_000 * (abnormal & referred).sum() / patients
    missed = 50_000 * (abnormal & ~referred).sum() / patients
    return 10 + expert + treatment + missed
