"""Folds of a collection: everyone is tested on once, by runs that did not hear them.

The persons are dealt out to the folds in equal parts, alike in every label; those of one fold are
the test side, and the others are dealt out to training and validation. Who is in which fold depends
on the persons, their labels and the seed alone, so that pretraining and the runs of every task of a
collection leave the same persons out.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pahcl_core.data.collection import Subject
from pahcl_core.data.dealing import (
    evenly_dealt,
    members_of,
    order_alike,
    require_labels,
    strata_of,
    whole_shares,
)
from pahcl_core.data.splits import Split, having_labels, with_unlabelled
from pahcl_core.errors import DataError, SettingError


@dataclass(frozen=True, kw_only=True, slots=True)
class Fold:
    """One of several equal parts of the persons."""

    number: int
    """From 1 to `count`."""

    count: int
    """At least 2."""

    def __post_init__(self) -> None:
        if self.count < 2:
            raise SettingError(f"there must be at least 2 folds, got {self.count}")
        if not 1 <= self.number <= self.count:
            raise SettingError(f"the fold must lie between 1 and {self.count}, got {self.number}")


def fewest_for(folds: int) -> int:
    """How many persons of a value so many folds need: everywhere one is tested and two are not."""
    return 4 if folds == 2 else folds


def split_fold(
    subjects: Sequence[Subject],
    *,
    labels: Sequence[str],
    fold: Fold,
    seed: int,
    train_and_val: tuple[float, float],
) -> Split:
    """The split whose test side is one fold. Who lacks a label is in none, and trained on.

    Args:
        subjects: All of the collection, in any order.
        labels: Names of the labels whose shares are kept alike, the most important first; a person
            whose subjects differ in it counts for the one that fewest subjects have. May be none.
        fold: Which.
        seed: Another seed gives other folds.
        train_and_val: How the others are shared out between training and validation.

    Returns:
        The split; of each value of the first label every side has at least one person.

    Raises:
        DataError: If there are too few persons, of one value of the first label or of all.
    """
    labelled = having_labels(subjects, labels)
    members = members_of(labelled)
    require_labels(labelled, labels)
    strata = strata_of(members, label=labels[0]) if labels else {"": list(members)}
    shares = tuple(share / sum(train_and_val) for share in train_and_val)
    sides: tuple[list[str], ...] = ([], [], [])
    dealt = 0
    least = fewest_for(fold.count)
    for value, persons in strata.items():
        if len(persons) < least:
            which = f" with {labels[0]} {value!r}" if labels else ""
            raise DataError(
                f"only {len(persons)} persons{which}: {fold.count} folds need at least {least}"
            )
        alike = order_alike(persons, members, also=labels[1:], seed=f"{seed}/folds")
        # Each value goes on where the last one ended, so that all folds come out alike in size.
        own = [(dealt + place) % fold.count + 1 == fold.number for place in range(len(alike))]
        dealt += len(alike)
        others = [one for one, is_own in zip(alike, own, strict=True) if not is_own]
        sides[2].extend(one for one, is_own in zip(alike, own, strict=True) if is_own)
        for person, side in zip(
            others, evenly_dealt(whole_shares(len(others), shares)), strict=True
        ):
            sides[side].append(person)
    train, val, test = (
        tuple(sorted(one.subject_id for person in side for one in members[person]))
        for side in sides
    )
    split = Split(train=train, val=val, test=test, fold=fold.number, folds=fold.count)
    return with_unlabelled(split, subjects, labelled)
