"""Who would be on which side of a split, counted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pahcl_core.data.collection import Collection
from pahcl_core.data.label_counts import Counts, label_counts, person_counts
from pahcl_core.data.splits import FRACTIONS, SEED, SIDES, having_labels, split_everyone
from pahcl_core.errors import DataError


@dataclass(frozen=True, kw_only=True, slots=True)
class SideCounts:
    """Who is on one side of a split."""

    num_subjects: int
    num_persons: int
    num_recordings: int

    subjects: Counts
    """Subjects by label."""

    persons: Counts
    """Persons by label; one whose subjects differ in it counts for each value."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SplitBalance:
    """What a split of a collection gives."""

    labels: tuple[str, ...]
    """That it keeps alike on all sides, the most important first."""

    seed: int
    fractions: tuple[float, float, float]
    """Of the persons, for training, validation and test."""

    num_unlabelled: int
    """Subjects who lack one of the labels: in no fine-tuning, and in a pretraining on the training
    side, or on none if somebody who is the same person is held out."""

    sides: Mapping[str, SideCounts]
    """`train`, `val` and `test`; none of them where the collection cannot be split."""

    refusal: str | None = None
    """Why there is no split, if there is none."""


def split_balance(collection: Collection, labels: Sequence[str]) -> SplitBalance:
    """The split that pretraining gets by default, with those who lack a label among the trained on.

    Fine-tuning gets the same without them.

    Args:
        collection: As its reader gave it.
        labels: By which people are dealt out, the most important first; possibly none.
    """
    refusal = None
    sides: dict[str, SideCounts] = {}
    try:
        split = split_everyone(collection.subjects, labels=labels, seed=SEED, fractions=FRACTIONS)
    except DataError as error:
        refusal = str(error)
    else:
        sides = {side: _side(collection, getattr(split, side)) for side in SIDES}
    return SplitBalance(
        labels=tuple(labels),
        seed=SEED,
        fractions=FRACTIONS,
        num_unlabelled=len(collection.subjects) - len(having_labels(collection.subjects, labels)),
        sides=sides,
        refusal=refusal,
    )


def _side(collection: Collection, subject_ids: Sequence[str]) -> SideCounts:
    wanted = set(subject_ids)
    subjects = [one for one in collection.subjects if one.subject_id in wanted]
    return SideCounts(
        num_subjects=len(subjects),
        num_persons=len({subject.person_id for subject in subjects}),
        num_recordings=sum(one.subject_id in wanted for one in collection.recordings),
        subjects=label_counts([subject.labels for subject in subjects]),
        persons=person_counts(subjects),
    )
