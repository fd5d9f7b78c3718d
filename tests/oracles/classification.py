"""Metrics of a classifier, by counting: pairs of units, units above a threshold, cells of a table.

None stands for what is undefined.
"""

from collections.abc import Sequence


def most_probable(row: Sequence[float]) -> int:
    """Index of the largest, the first one on a tie."""
    best = 0
    for index, value in enumerate(row):
        if value > row[best]:
            best = index
    return best


def confusion(labels: Sequence[int], said: Sequence[int], num_classes: int) -> list[list[int]]:
    """Units by what was said (row) and what is true (column)."""
    table = [[0] * num_classes for _ in range(num_classes)]
    for label, answer in zip(labels, said, strict=True):
        table[answer][label] += 1
    return table


def ratio(part: float, whole: float) -> float | None:
    """The share, if there is a whole."""
    return part / whole if whole else None


def mean(values: Sequence[float | None]) -> float | None:
    """Of those that are defined, if any is."""
    defined = [value for value in values if value is not None]
    return sum(defined) / len(defined) if defined else None


def one_against_the_rest(
    labels: Sequence[int], said: Sequence[int], positive: int
) -> dict[str, float | None]:
    """Sensitivity, specificity, precision and F1 of one class."""
    hits = missed = alarms = rejected = 0
    for label, answer in zip(labels, said, strict=True):
        if label == positive and answer == positive:
            hits += 1
        elif label == positive:
            missed += 1
        elif answer == positive:
            alarms += 1
        else:
            rejected += 1
    return {
        "sensitivity": ratio(hits, hits + missed),
        "specificity": ratio(rejected, rejected + alarms),
        "precision": ratio(hits, hits + alarms),
        "f1": ratio(2 * hits, 2 * hits + missed + alarms),
    }


def auroc(true: Sequence[bool], score: Sequence[float]) -> float | None:
    """Share of pairs in which the positive has the higher score; a tie counts half."""
    won, pairs = 0.0, 0
    for positive, high in zip(true, score, strict=True):
        for other, low in zip(true, score, strict=True):
            if positive and not other:
                pairs += 1
                won += 1.0 if high > low else 0.5 if high == low else 0.0
    return ratio(won, pairs)


def average_precision(true: Sequence[bool], score: Sequence[float]) -> float | None:
    """Precision at each positive's own score, averaged over the positives.

    Undefined without positives, and by our convention without negatives as well.
    """
    if all(true) or not any(true):
        return None
    precisions = []
    for positive, threshold in zip(true, score, strict=True):
        if positive:
            above = [t for t, s in zip(true, score, strict=True) if s >= threshold]
            precisions.append(sum(above) / len(above))
    return sum(precisions) / len(precisions)


def all_metrics(
    labels: Sequence[int], rows: Sequence[Sequence[float]], names: Sequence[str], positive: int
) -> dict[str, float | None]:
    """Everything at once, by name."""
    said = [most_probable(row) for row in rows]
    classes = range(len(names))
    by_class = [one_against_the_rest(labels, said, c) for c in classes]
    recalls = [scores["sensitivity"] for scores in by_class]
    result = {
        "accuracy": ratio(sum(a == b for a, b in zip(labels, said, strict=True)), len(labels)),
        "balanced_accuracy": mean(recalls) if len(set(labels)) > 1 else None,
        "f1_macro": mean([scores["f1"] for scores in by_class]),
        "recall": recalls[positive],
        **by_class[positive],
    }
    for area, function in (("auroc", auroc), ("auprc", average_precision)):
        areas = [function([la == c for la in labels], [row[c] for row in rows]) for c in classes]
        if len(names) == 2:
            result[area] = areas[positive]
            continue
        result[area] = mean(areas)
        result |= {f"{area}_{name}": value for name, value in zip(names, areas, strict=True)}
    return result
