"""Cycles to recordings to patients, by loops over rows."""

from collections.abc import Sequence

Row = Sequence[float]


def mean_by(group: Sequence[int], rows: Sequence[Row]) -> dict[int, list[float]]:
    """Mean row of each group, in ascending order of the groups."""
    members: dict[int, list[Row]] = {}
    for number, row in zip(group, rows, strict=True):
        members.setdefault(number, []).append(row)
    return {
        number: [sum(column) / len(column) for column in zip(*members[number], strict=True)]
        for number in sorted(members)
    }


def pool_any(rows: Sequence[Row], positive: int) -> list[float]:
    """The highest of the positive class; the others share the rest in proportion to their sums."""
    highest = max(row[positive] for row in rows)
    sums = [sum(row[c] for row in rows) for c in range(len(rows[0]))]
    others = sum(value for c, value in enumerate(sums) if c != positive)
    return [
        highest if c == positive else (1 - highest) * value / others if others else 0.0
        for c, value in enumerate(sums)
    ]
