"""Dividing those pretrained on: persons stay whole, shares are kept, and labels play no part."""

import hashlib
import itertools
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pahcl_core.data.collection import Subject
from pahcl_core.data.splits import few_shot, set_aside, split_people
from pahcl_core.errors import DataError, SettingError


def people(sizes) -> list[Subject]:
    """Persons with so many subjects each."""
    numbers = itertools.count()
    return [
        Subject(subject_id=f"{next(numbers):03}", person_id=f"q{person}", labels={"class": "a"})
        for person, size in enumerate(sizes)
        for _ in range(size)
    ]


def ids(subjects) -> list[str]:
    return [one.subject_id for one in subjects]


@given(
    sizes=st.lists(st.integers(1, 3), min_size=2, max_size=60),
    share=st.floats(0.01, 0.99),
    seed=st.integers(0, 2**32),
)
def test_no_person_is_on_both_sides_and_the_share_is_kept(sizes, share, seed):
    """To the nearest person, and one at least on either side."""
    subjects = people(sizes)

    others, aside = set_aside(subjects, ids(subjects), share=share, seed=seed)

    person = {one.subject_id: one.person_id for one in subjects}
    assert sorted((*others, *aside)) == ids(subjects)
    persons = {person[one] for one in aside}
    assert not persons & {person[one] for one in others}
    wanted = min(max(share * len(sizes), 1), len(sizes) - 1)
    assert abs(len(persons) - wanted) <= 0.5 + 1e-9


@given(sizes=st.lists(st.integers(1, 3), min_size=2, max_size=20), seed=st.integers(0, 2**32))
def test_neither_order_nor_labels_nor_people_who_are_not_meant_matter(sizes, seed):
    subjects = people(sizes)
    chosen = ids(subjects)
    first = set_aside(subjects, chosen, share=0.3, seed=seed)

    others = [Subject(subject_id="z", person_id="z")]
    relabelled = [replace(one, labels={}) for one in reversed(subjects)]

    assert set_aside([*others, *relabelled], chosen[::-1], share=0.3, seed=seed) == first


def test_by_hand():
    """The first ten of a hundred persons by the hash of the seed, the purpose and their number."""
    subjects = people([1] * 100)
    order = sorted(
        subjects,
        key=lambda one: hashlib.sha256(f"42/set aside/{one.person_id}".encode()).hexdigest(),
    )

    others, aside = set_aside(subjects, ids(subjects), share=0.1, seed=42)

    assert aside == tuple(sorted(ids(order[:10])))
    assert others == tuple(sorted(ids(order[10:])))


def test_every_person_is_set_aside_by_some_seed_as_often_as_any():
    """2000 seeds, 2 of 10 persons: 400 times each, within 5 standard deviations."""
    subjects = people([1] * 10)
    times = Counter()
    for seed in range(2000):
        times.update(set_aside(subjects, ids(subjects), share=0.2, seed=seed)[1])

    assert len(times) == 10
    assert all(abs(n - 400) < 5 * (2000 * 0.2 * 0.8) ** 0.5 for n in times.values())


def test_it_is_not_the_choice_of_the_other_divisions_of_a_seed():
    """Else those whom few-shot trains on were the ones that no pretraining has seen."""
    subjects = people([1] * 400)
    _, aside = set_aside(subjects, ids(subjects), share=0.1, seed=3)
    few = few_shot(subjects, ids(subjects), label="class", ratio=0.1, seed=3)
    test = split_people(subjects, label=None, seed=3, fractions=(0.8, 0.1, 0.1)).test

    assert len(aside) == len(few) == len(test) == 40
    for other in (few, test):  # 4 of 40 are expected in both; 15 would be 6 deviations more
        assert len(set(aside) & set(other)) < 15


@pytest.mark.parametrize(
    ("num_people", "least", "num_aside"), [(4, 2, 2), (9, 2, 2), (30, 2, 3), (2, 1, 1), (3, 1, 1)]
)
def test_so_many_at_least(num_people, least, num_aside):
    subjects = people([1] * num_people)

    _, aside = set_aside(subjects, ids(subjects), share=0.1, seed=0, least=least)

    assert len(aside) == num_aside


def test_so_many_at_least_are_left():
    subjects = people([1] * 5)

    others, _ = set_aside(subjects, ids(subjects), share=0.9, seed=0, least=2)

    assert len(others) == 2


@pytest.mark.parametrize(
    ("num_people", "least", "message"),
    [
        (0, 1, "^0 persons, where there must be at least 2$"),
        (1, 1, "^1 person, where there must be at least 2$"),
        (3, 2, "^3 persons, where there must be at least 4$"),
    ],
)
def test_too_few_are_refused(num_people, least, message):
    """Persons count, not their subjects."""
    subjects = people([3] * num_people)

    with pytest.raises(DataError, match=message):
        set_aside(subjects, ids(subjects), share=0.1, seed=0, least=least)


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1])
def test_a_share_out_of_range_is_refused(share):
    with pytest.raises(SettingError, match="share of persons must lie between 0 and 1, got"):
        set_aside(people([1, 1]), ["000", "001"], share=share, seed=0)
