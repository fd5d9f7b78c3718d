"""Splits of a collection: by person, stratified by label, and the same for the same seed anywhere.

Two subjects can be one person (CirCor recorded some people in two campaigns), so the person is
what is drawn, and all of a person's subjects follow. Persons are put in order by a hash of the
seed and their number, so neither the order of the subjects nor any library's random generator
matters.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from pahcl_core.data.collection import Subject
from pahcl_core.data.dealing import (
    evenly_dealt,
    members_of,
    order_alike,
    require_labels,
    shuffled,
    strata_of,
    whole_shares,
)
from pahcl_core.errors import DataError, SettingError

SIDES = ("train", "val", "test")

FRACTIONS = (0.6, 0.2, 0.2)
"""Of the persons, for training, validation and test, unless a run says otherwise."""

SEED = 42
"""Of a split, and of all else that a run draws, unless it says otherwise."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Split:
    """Subject numbers per side, each side sorted; no person is on two of them."""

    train: tuple[str, ...]
    val: tuple[str, ...]
    test: tuple[str, ...]
    fold: int = 0
    """Which of the folds the test side is, from 1 on; 0 where it was held out once."""

    folds: int = 0
    """How many there are; 0 likewise."""


def split_people(
    subjects: Sequence[Subject],
    *,
    label: str | None,
    also: Sequence[str] = (),
    seed: int,
    fractions: tuple[float, float, float] = (0.7, 0.15, 0.15),
) -> Split:
    """Divide all subjects, person by person, into training, validation and test.

    Args:
        subjects: All of the collection, in any order.
        label: Name of the label whose shares are kept alike on all sides. A person whose
            subjects differ in it counts for the one that fewest subjects have. None for no label.
        also: Further labels whose shares come out alike within each value of `label`, as far as
            the numbers allow.
        seed: Another seed gives another split.
        fractions: Of the persons, for training, validation and test; positive, with sum 1.

    Returns:
        The split. Each side has at least one person for each label.

    Raises:
        SettingError: If `fractions` are not three positive numbers with sum 1.
        DataError: If a subject lacks a label, or fewer than three persons have one of them, or
            there are fewer than three.
    """
    if min(fractions) <= 0 or not math.isclose(sum(fractions), 1.0, abs_tol=1e-6):
        raise SettingError(f"fractions must be three positive numbers with sum 1, got {fractions}")
    members = members_of(subjects)
    require_labels(subjects, also if label is None else (label, *also))
    strata = {"": list(members)} if label is None else strata_of(members, label=label)
    sides: tuple[list[str], ...] = tuple([] for _ in SIDES)
    for value, persons in strata.items():
        if len(persons) < len(SIDES):
            which = "" if label is None else f" with {label} {value!r}"
            raise DataError(
                f"only {len(persons)} persons{which}: a split into training, validation and test "
                f"needs at least {len(SIDES)}"
            )
        alike = order_alike(persons, members, also=also, seed=seed)
        for person, side in zip(
            alike, evenly_dealt(whole_shares(len(persons), fractions)), strict=True
        ):
            sides[side].extend(subject.subject_id for subject in members[person])
    train, val, test = (tuple(sorted(side)) for side in sides)
    return Split(train=train, val=val, test=test)


def split_everyone(
    subjects: Sequence[Subject],
    *,
    labels: Sequence[str],
    seed: int,
    fractions: tuple[float, float, float] = FRACTIONS,
) -> Split:
    """`split_people` where some lack a label: they are trained on, if nobody of theirs is held out.

    Args:
        subjects: All of the collection, in any order.
        labels: Names of the labels whose shares are kept alike, the most important first;
            possibly none.
        seed: Another seed gives another split.
        fractions: Of the persons who have the labels.

    Raises:
        SettingError, DataError: As `split_people`.
    """
    labelled = having_labels(subjects, labels)
    first = labels[0] if labels else None
    split = split_people(labelled, label=first, also=labels[1:], seed=seed, fractions=fractions)
    return with_unlabelled(split, subjects, labelled)


def with_unlabelled(
    split: Split, subjects: Sequence[Subject], labelled: Sequence[Subject]
) -> Split:
    """A split of those who have labels, with the others trained on if nobody of theirs is held out.

    Args:
        split: Of the labelled.
        subjects: All of the collection.
        labelled: Those dealt out.
    """
    person = {subject.subject_id: subject.person_id for subject in subjects}
    held_out = {person[one] for one in (*split.val, *split.test)}
    dealt = {subject.subject_id for subject in labelled}
    others = [one for one in person if one not in dealt and person[one] not in held_out]
    return replace(split, train=tuple(sorted((*split.train, *others))))


def set_aside(
    subjects: Sequence[Subject], ids: Sequence[str], *, share: float, seed: int, least: int = 1
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Divide some subjects in two, person by person, without a look at their labels.

    Who is set aside has nothing to do with who is on which side of a split of the same seed, nor
    with whom `few_shot` takes.

    Args:
        subjects: All of the collection, in any order.
        ids: Those to divide.
        share: Of the persons, to set aside: above 0 and below 1.
        seed: Another seed sets others aside.
        least: So many persons at least are set aside, and so many are not.

    Returns:
        The subject numbers of the others, and of those set aside, each sorted.

    Raises:
        SettingError: If `share` is out of range.
        DataError: If there are fewer than twice `least` persons.
    """
    if not 0 < share < 1:
        raise SettingError(f"the share of persons must lie between 0 and 1, got {share:g}")
    wanted = set(ids)
    members = members_of(one for one in subjects if one.subject_id in wanted)
    if len(members) < 2 * least:
        count = "1 person" if len(members) == 1 else f"{len(members)} persons"
        raise DataError(f"{count}, where there must be at least {2 * least}")
    _, nearest = whole_shares(len(members), (1 - share, share))
    num_aside = min(max(nearest, least), len(members) - least)
    persons = shuffled(members, seed=f"{seed}/set aside")
    others, aside = (
        tuple(sorted(one.subject_id for person in chosen for one in members[person]))
        for chosen in (persons[num_aside:], persons[:num_aside])
    )
    return others, aside


def having_labels(subjects: Iterable[Subject], labels: Sequence[str]) -> tuple[Subject, ...]:
    """Those who can be scored: some of PASCAL's recordings have no class of the task."""
    return tuple(s for s in subjects if all(label in s.labels for label in labels))


def few_shot(
    subjects: Sequence[Subject],
    train_ids: Sequence[str],
    *,
    label: str,
    ratio: float | None = None,
    per_class: int = 0,
    seed: int,
) -> tuple[str, ...]:
    """A part of the training subjects: whole persons, the same part or number of every label's.

    With the same seed, who asks for more gets everyone that who asks for fewer gets.

    Args:
        subjects: All of the collection, in any order.
        train_ids: Subjects of the training side.
        label: Name of the label whose shares are kept. A person whose subjects differ in it counts
            for the one that fewest subjects have.
        ratio: Part of the persons, above 0 and at most 1, of each label at least one; None to take
            a number.
        per_class: That number, of each label.
        seed: Another seed takes others.

    Returns:
        Subject numbers, sorted.

    Raises:
        SettingError: If `ratio` or `per_class` is out of range.
        DataError: If `train_ids` names an unknown subject, a subject lacks the label, or fewer
            than `per_class` persons have one.
    """
    if ratio is not None and not 0 < ratio <= 1:
        raise SettingError(f"the ratio of persons must be above 0 and at most 1, got {ratio:g}")
    if ratio is None and per_class < 1:
        raise SettingError(f"the number of persons must be at least 1, got {per_class}")
    known = {subject.subject_id: subject for subject in subjects}
    for subject_id in train_ids:
        if subject_id not in known:
            raise DataError(f"subject {subject_id!r} of the split is not in the collection")
    chosen = [known[subject_id] for subject_id in train_ids]
    require_labels(chosen, (label,))
    members = members_of(chosen)
    taken: list[str] = []
    for value, persons in strata_of(members, label=label).items():
        count = per_class if ratio is None else max(1, round(ratio * len(persons)))
        if count > len(persons):
            raise DataError(
                f"{count} persons of each class are asked for, but only {len(persons)} of the "
                f"training persons have {label} {value!r}; ask for at most {len(persons)}"
            )
        for person in shuffled(persons, seed=seed)[:count]:
            taken.extend(subject.subject_id for subject in members[person])
    return tuple(sorted(taken))
