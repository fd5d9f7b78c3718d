"""Scores of the PhysioNet Challenge 2022 from a table of counts, in fractions.

Reyna et al., "Heart murmur detection from phonocardiogram recordings: The George B. Moody PhysioNet
Challenge 2022", PLOS Digital Health 2023.
"""

from collections.abc import Sequence
from fractions import Fraction

POINTS = {"Present": 5, "Unknown": 3, "Absent": 1, "Abnormal": 5, "Normal": 1}


def counts(labels: Sequence[str], said: Sequence[str]) -> dict[tuple[str, str], int]:
    """How many patients there are of each (what was said, what is true)."""
    table: dict[tuple[str, str], int] = {}
    for pair in zip(said, labels, strict=True):
        table[pair] = table.get(pair, 0) + 1
    return table


def weighted_accuracy(table: dict[tuple[str, str], int]) -> Fraction:
    """Points won over points there are; a patient is worth as many as their true class."""
    won = sum(POINTS[true] * number for (said, true), number in table.items() if said == true)
    return Fraction(won, sum(POINTS[true] * number for (_, true), number in table.items()))


def outcome_cost(table: dict[tuple[str, str], int]) -> Fraction:
    """Dollars for everybody together, divided by everybody."""
    patients = sum(table.values())
    treated = table.get(("Abnormal", "Abnormal"), 0)
    referred = treated + table.get(("Abnormal", "Normal"), 0)
    missed = table.get(("Normal", "Abnormal"), 0)
    share = Fraction(referred, patients)
    dollars = 10 * patients
    dollars += patients * (25 + 397 * share - 1718 * share**2 + 11296 * share**4)
    dollars += 10_000 * treated + 50_000 * missed
    return dollars / patients
