"""How persons are put in order and dealt out, for splits and for folds alike.

Persons are put in order by a hash of the seed and their number, so neither the order of the
subjects nor any library's random generator matters.
"""

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from pahcl_core.data.collection import Subject
from pahcl_core.errors import DataError


def require_labels(subjects: Iterable[Subject], labels: Sequence[str]) -> None:
    """Refuse to deal out by a label that somebody lacks.

    Raises:
        DataError: Naming the first subject and label.
    """
    for subject in subjects:
        for label in labels:
            if label not in subject.labels:
                raise DataError(f"subject {subject.subject_id!r} has no label {label!r}")


def members_of(subjects: Iterable[Subject]) -> dict[str, list[Subject]]:
    """Subjects by person."""
    members: dict[str, list[Subject]] = defaultdict(list)
    for subject in subjects:
        members[subject.person_id].append(subject)
    return dict(members)


def strata_of(members: dict[str, list[Subject]], *, label: str) -> dict[str, list[str]]:
    """Persons by label, rarest label first; the person counts for the rarest it has."""
    frequency: Counter[str] = Counter()
    for subject in (subject for group in members.values() for subject in group):
        frequency[subject.labels[label]] += 1
    rank = {value: (frequency[value], value) for value in frequency}
    strata: dict[str, list[str]] = {value: [] for value in sorted(rank, key=rank.__getitem__)}
    for person, group in members.items():
        rarest = min((subject.labels[label] for subject in group), key=rank.__getitem__)
        strata[rarest].append(person)
    return {value: persons for value, persons in strata.items() if persons}


def shuffled(persons: Iterable[str], *, seed: int | str) -> list[str]:
    """In an order that the seed alone decides."""
    return sorted(persons, key=lambda one: hashlib.sha256(f"{seed}/{one}".encode()).digest())


def order_alike(
    persons: Iterable[str],
    members: Mapping[str, Sequence[Subject]],
    *,
    also: Sequence[str],
    seed: int | str,
) -> list[str]:
    """Shuffled, then those who are alike in further labels beside one another.

    Args:
        persons: To put in order.
        members: Their subjects.
        also: Names of those labels, the most important first.
        seed: Another seed gives another order.
    """
    return sorted(
        shuffled(persons, seed=seed),
        key=lambda person: [min(s.labels[name] for s in members[person]) for name in also],
    )


def evenly_dealt(shares: tuple[int, ...]) -> Iterator[int]:
    """Which side each of a row of persons goes to: evenly along the row, so many to each side."""
    total = sum(shares)
    counts = [0] * len(shares)
    for number in range(1, total + 1):
        lacking = [
            share * number / total - count for share, count in zip(shares, counts, strict=True)
        ]
        side = max(range(len(shares)), key=lambda one: (counts[one] < shares[one], lacking[one]))
        counts[side] += 1
        yield side


def whole_shares(total: int, fractions: tuple[float, ...]) -> tuple[int, ...]:
    """Whole numbers nearest to the fractions (largest remainder), none of them zero."""
    counts = [math.floor(total * fraction) for fraction in fractions]
    by_remainder = sorted(
        range(len(fractions)), key=lambda side: counts[side] - total * fractions[side]
    )
    for side in by_remainder[: total - sum(counts)]:
        counts[side] += 1
    for side, count in enumerate(counts):
        if count == 0:
            counts[counts.index(max(counts))] -= 1
            counts[side] += 1
    return tuple(counts)
