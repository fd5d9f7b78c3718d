"""How many there are of what."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from pahcl_core.data.collection import Subject

Counts = Mapping[str, Mapping[str, int]]
"""By label name and value, from most to least frequent."""

K = TypeVar("K")


def counts_of(values: Iterable[K]) -> dict[K, int]:
    """How often each value occurs, the most frequent first."""
    counts = Counter(values)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], str(item[0]))))


def label_counts(labels: Sequence[Mapping[str, str]]) -> dict[str, dict[str, int]]:
    """How many have each value of each label; who lacks a label counts for none of its values."""
    names = list(dict.fromkeys(name for one in labels for name in one))
    return {name: counts_of(one[name] for one in labels if name in one) for name in names}


def person_counts(subjects: Sequence[Subject]) -> dict[str, dict[str, int]]:
    """The same of persons; one whose subjects differ in a label counts for each of the values."""
    names = list(dict.fromkeys(name for subject in subjects for name in subject.labels))
    return {
        name: counts_of(
            value
            for _, value in {(s.person_id, s.labels[name]) for s in subjects if name in s.labels}
        )
        for name in names
    }
