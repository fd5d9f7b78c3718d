"""Folds: everyone tested on once, nobody on two sides, every label everywhere, always the same."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pahcl_core.data.collection import Subject
from pahcl_core.data.folds import Fold, split_fold
from pahcl_core.data.splits import Split
from pahcl_core.errors import DataError, SettingError


def subject(number: str, person: str | None = None, **labels: str) -> Subject:
    return Subject(subject_id=number, person_id=person or number, labels=labels)


@st.composite
def populations(draw) -> list[Subject]:
    """At least six persons for a murmur, some of them with a second subject, some unlabelled."""
    subjects = []
    for murmur in ("Absent", "Present", "Unknown"):
        for number in range(draw(st.integers(6, 20))):
            name = f"{murmur}{number}"
            outcome = draw(st.sampled_from(["Normal", "Abnormal"]))
            subjects.append(subject(name, name, murmur=murmur, outcome=outcome))
            if draw(st.integers(0, 4)) == 0:
                subjects.append(subject(f"{name}+", name, murmur=murmur, outcome=outcome))
    subjects += [subject(f"nothing{number}") for number in range(draw(st.integers(0, 3)))]
    return draw(st.permutations(subjects))


def folds_of(subjects, count: int, *, seed: int = 0, share=(0.6, 0.2)) -> list[Split]:
    return [
        split_fold(
            subjects,
            labels=("murmur", "outcome"),
            fold=Fold(number=number, count=count),
            seed=seed,
            train_and_val=share,
        )
        for number in range(1, count + 1)
    ]


@settings(max_examples=40, deadline=None)
@given(populations(), st.integers(2, 5), st.integers(0, 2**40))
def test_everyone_with_labels_is_tested_on_once_and_nobody_is_on_two_sides(subjects, count, seed):
    splits = folds_of(subjects, count, seed=seed)

    person = {one.subject_id: one.person_id for one in subjects}
    labelled = sorted(one.subject_id for one in subjects if one.labels)
    assert sorted(one for split in splits for one in split.test) == labelled
    for number, split in enumerate(splits, start=1):
        assert (split.fold, split.folds) == (number, count)
        assert sorted((*split.train, *split.val, *split.test)) == sorted(person)
        train, val, test = ({person[one] for one in side} for side in _sides(split))
        assert train.isdisjoint(val | test)
        assert val.isdisjoint(test)
        assert {one for one in person if one.startswith("nothing")} <= set(split.train)


@settings(max_examples=25, deadline=None)
@given(populations(), st.integers(2, 5), st.data())
def test_folds_depend_on_people_and_seed_alone(subjects, count, data):
    again = data.draw(st.permutations(subjects))

    assert folds_of(again, count, seed=3) == folds_of(subjects, count, seed=3)


@settings(max_examples=25, deadline=None)
@given(populations(), st.integers(2, 5))
def test_every_murmur_is_on_every_side_in_equal_parts(subjects, count):
    splits = folds_of(subjects, count)

    first = {one.subject_id: one for one in subjects if one.labels and "+" not in one.subject_id}
    total = Counter(one.labels["murmur"] for one in first.values())
    sizes = []
    for split in splits:
        for side in _sides(split):
            assert {first[one].labels["murmur"] for one in side if one in first} == set(total)
        tested = Counter(first[one].labels["murmur"] for one in split.test if one in first)
        for murmur, all_ in total.items():
            assert all_ // count <= tested[murmur] <= -(-all_ // count)
        sizes.append(tested.total())
    assert max(sizes) - min(sizes) <= 1


def test_a_further_label_is_spread_evenly_too():
    """Of 40 persons alike in murmur every other is abnormal: four of each in each of five folds."""
    people = [
        subject(f"{n}", murmur="Absent", outcome="Normal" if n % 2 else "Abnormal")
        for n in range(40)
    ]

    for split in folds_of(people, 5, seed=7):
        outcomes = Counter(people[int(one)].labels["outcome"] for one in split.test)
        assert outcomes == {"Normal": 4, "Abnormal": 4}


def test_the_others_are_shared_out_as_asked():
    """With 100 persons: a fifth tested on, of the other 80 a quarter or a half validated on."""
    people = [subject(f"{n}", murmur="Absent", outcome="Normal") for n in range(100)]

    for share, expected in (((0.6, 0.2), (60, 20, 20)), ((0.3, 0.3), (40, 40, 20))):
        for split in folds_of(people, 5, share=share):
            assert tuple(len(side) for side in _sides(split)) == expected


def test_another_seed_gives_other_folds():
    people = [subject(f"{n}", murmur="Absent", outcome="Normal") for n in range(30)]

    assert len({folds_of(people, 3, seed=seed)[0].test for seed in range(10)}) == 10


def test_without_labels_all_count_alike():
    people = [subject(f"{n}") for n in range(11)]

    splits = [
        split_fold(
            people,
            labels=(),
            fold=Fold(number=number, count=3),
            seed=1,
            train_and_val=(0.5, 0.5),
        )
        for number in (1, 2, 3)
    ]

    assert [len(split.test) for split in splits] == [4, 4, 3]


@pytest.mark.parametrize(
    ("num_rare", "count", "message"),
    [
        (4, 5, r"only 4 persons with murmur 'Present': 5 folds need at least 5"),
        (3, 2, r"only 3 persons with murmur 'Present': 2 folds need at least 4"),
    ],
)
def test_refuses_more_folds_than_there_are_people_of_a_label(num_rare, count, message):
    people = [subject(f"a{n}", murmur="Absent", outcome="Normal") for n in range(20)]
    people += [subject(f"p{n}", murmur="Present", outcome="Normal") for n in range(num_rare)]

    with pytest.raises(DataError, match=message):
        folds_of(people, count)


@pytest.mark.parametrize(
    ("number", "count", "message"),
    [(1, 1, "at least 2 folds, got 1"), (0, 3, "between 1 and 3, got 0"), (4, 3, "1 and 3, got 4")],
)
def test_refuses_a_fold_that_there_is_not(number, count, message):
    with pytest.raises(SettingError, match=message):
        Fold(number=number, count=count)


def _sides(split: Split) -> tuple[tuple[str, ...], ...]:
    return split.train, split.val, split.test
