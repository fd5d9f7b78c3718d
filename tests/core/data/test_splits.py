"""Splits: nobody on two sides, whatever the seed; every label everywhere; written and read back."""

import hashlib
import os
import subprocess
import sys
from collections import Counter, defaultdict
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pahcl_core.data.collection import Subject
from pahcl_core.data.splits import Split, few_shot, split_people
from pahcl_core.errors import DataError, SettingError


def subject(subject_id: str, murmur: str, person: str | None = None) -> Subject:
    return Subject(subject_id=subject_id, person_id=person or subject_id, labels={"murmur": murmur})


def persons_with(label: str, count: int) -> list[Subject]:
    return [subject(f"{label}{number}", label) for number in range(count)]


@st.composite
def populations(draw) -> list[Subject]:
    """Persons with one to three subjects each, whose labels may differ; 3 or more for a label."""
    subjects: list[Subject] = []
    for label, least in (("Absent", 12), ("Present", 3), ("Unknown", 3)):
        for person in range(draw(st.integers(least, least + 12))):
            name = f"{label}{person}"
            subjects.append(subject(f"{name}a", label, name))
            for extra in range(draw(st.sampled_from([0, 0, 0, 1, 2]))):
                other = draw(st.sampled_from([label, "Absent"]))
                subjects.append(subject(f"{name}{'bc'[extra]}", other, name))
    return draw(st.permutations(subjects))


def sides_of(split: Split) -> dict[str, tuple[str, ...]]:
    return {"train": split.train, "val": split.val, "test": split.test}


@settings(max_examples=60, deadline=None)
@given(populations(), st.integers(0, 2**63))
def test_splits_people_completely_and_nobody_twice(subjects, seed):
    """Every subject on one side, and all subjects of a person on the same."""
    split = split_people(subjects, label="murmur", seed=seed)

    person = {one.subject_id: one.person_id for one in subjects}
    everyone = [*split.train, *split.val, *split.test]
    assert sorted(everyone) == sorted(person)
    train, val, test = ({person[one] for one in side} for side in sides_of(split).values())
    assert train.isdisjoint(val | test)
    assert val.isdisjoint(test)


@settings(max_examples=40, deadline=None)
@given(populations(), st.integers(0, 99), st.data())
def test_the_order_of_the_subjects_does_not_matter(subjects, seed, data):
    again = data.draw(st.permutations(subjects))

    split = split_people(subjects, label="murmur", seed=seed)

    assert split_people(again, label="murmur", seed=seed) == split
    taken = few_shot(subjects, split.train, label="murmur", ratio=0.4, seed=seed)
    assert few_shot(again, split.train[::-1], label="murmur", ratio=0.4, seed=seed) == taken


@settings(max_examples=40, deadline=None)
@given(populations(), st.integers(0, 99))
def test_every_label_is_on_every_side(subjects, seed):
    """Counted by the rarer label of each person; the draw above keeps three persons for each."""
    frequency = Counter(one.labels["murmur"] for one in subjects)
    label_of = defaultdict(list)
    for one in subjects:
        label_of[one.person_id].append(one.labels["murmur"])
    stratum = {name: min(all_, key=lambda x: (frequency[x], x)) for name, all_ in label_of.items()}
    if min(Counter(stratum.values()).values()) < 3:
        with pytest.raises(DataError, match="needs at least 3"):
            split_people(subjects, label="murmur", seed=seed)
        return

    split = split_people(subjects, label="murmur", seed=seed)

    person = {one.subject_id: one.person_id for one in subjects}
    for side in sides_of(split).values():
        assert {stratum[person[one]] for one in side} == set(stratum.values())


@pytest.mark.parametrize(
    ("fractions", "expected"),
    [((0.7, 0.15, 0.15), (70, 15, 15)), ((0.5, 0.25, 0.25), (50, 25, 25))],
)
def test_fractions_are_of_each_labels_persons(fractions, expected):
    """100 and 20 persons divide evenly."""
    subjects = persons_with("Absent", 100) + persons_with("Present", 20)

    split = split_people(subjects, label="murmur", seed=1, fractions=fractions)

    for side, count in zip(sides_of(split).values(), expected, strict=True):
        found = Counter("Present" if one.startswith("Present") else "Absent" for one in side)
        assert found == {"Absent": count, "Present": count / 5}


@pytest.mark.parametrize("number", range(3, 40))
def test_counts_are_within_one_of_the_fractions(number):
    """Save where a side would be empty."""
    split = split_people(persons_with("Absent", number), label="murmur", seed=0)

    counts = [len(side) for side in sides_of(split).values()]
    assert sum(counts) == number
    for count, fraction in zip(counts, (0.7, 0.15, 0.15), strict=True):
        assert count >= 1
        assert abs(count - fraction * number) < (1 if number > 6 else 2)


def test_a_person_with_two_labels_counts_for_the_rarer():
    """Three such persons are enough for Present to be on every side, without any other."""
    subjects = persons_with("Absent", 30)
    for number in range(3):
        subjects.append(subject(f"first{number}", "Present", f"pair{number}"))
        subjects.append(subject(f"second{number}", "Absent", f"pair{number}"))

    split = split_people(subjects, label="murmur", seed=5)

    for side in sides_of(split).values():
        assert sum(one.startswith("first") for one in side) == 1
        assert sum(one.startswith("second") for one in side) == 1


def test_another_seed_gives_another_split():
    subjects = persons_with("Absent", 40)

    splits = {split_people(subjects, label="murmur", seed=seed).test for seed in range(20)}

    assert len(splits) == 20


def test_everyone_is_in_the_test_set_for_some_seed():
    """And about as often as the fraction says: the hash is no favouritism."""
    subjects = persons_with("Absent", 20)

    times = Counter(
        one for seed in range(400) for one in split_people(subjects, label="murmur", seed=seed).test
    )

    assert len(times) == 20
    assert all(30 <= count <= 95 for count in times.values())  # 60 expected, deviation 7


def test_the_order_is_the_documented_hash():
    """By hand: persons sorted by SHA-256 of seed/person, and 2, 1, 1 of four dealt evenly."""
    subjects = persons_with("Absent", 4)
    order = sorted(
        (one.person_id for one in subjects),
        key=lambda person: hashlib.sha256(f"3/{person}".encode()).hexdigest(),
    )

    split = split_people(subjects, label="murmur", seed=3, fractions=(0.5, 0.25, 0.25))

    assert split.train == tuple(sorted([order[0], order[3]]))
    assert (split.val, split.test) == ((order[1],), (order[2],))


@pytest.mark.parametrize("seed", range(20))
def test_further_labels_come_out_alike(seed):
    """Half of 40 are abnormal, and so is half of every side, give or take one."""
    subjects = [
        replace(one, labels={"murmur": "Absent", "outcome": ["Normal", "Abnormal"][number % 2]})
        for number, one in enumerate(persons_with("Absent", 40))
    ]
    outcome = {one.subject_id: one.labels["outcome"] for one in subjects}

    split = split_people(subjects, label="murmur", also=("outcome",), seed=seed)

    for side, share in zip(sides_of(split).values(), (28, 6, 6), strict=True):
        assert len(side) == share
        assert abs(sum(outcome[one] == "Abnormal" for one in side) - share / 2) <= 1


def test_refuses_a_subject_without_a_further_label():
    with pytest.raises(DataError, match="subject 'Absent0' has no label 'outcome'"):
        split_people(persons_with("Absent", 5), label="murmur", also=("outcome",), seed=0)


def test_the_hash_seed_of_python_does_not_matter():
    """Two interpreters that hash text differently split alike."""
    program = (
        "from pahcl_core.data.collection import Subject\n"
        "from pahcl_core.data.splits import split_people\n"
        "people = [Subject(subject_id=str(i), person_id=str(i // 2), labels={'m': 'ab'[i % 5 > 2]})"
        " for i in range(60)]\n"
        "import sys; sys.stdout.write(repr(split_people(people, label='m', seed=4)))"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("1", "2")
    }

    assert len(outputs) == 1


@pytest.mark.parametrize("fractions", [(0.7, 0.3, 0.0), (0.7, 0.2, 0.2), (1.2, -0.1, -0.1)])
def test_refuses_fractions_that_are_none(fractions):
    with pytest.raises(SettingError, match="three positive numbers with sum 1"):
        split_people(persons_with("A", 9), label="murmur", seed=0, fractions=fractions)


def test_refuses_too_few_persons_of_a_label():
    """Subjects do not count: these four are two persons."""
    subjects = persons_with("Absent", 30)
    subjects += [subject(f"x{number}", "Present", f"p{number % 2}") for number in range(4)]

    with pytest.raises(DataError, match=r"only 2 persons with murmur 'Present'.*at least 3"):
        split_people(subjects, label="murmur", seed=0)


def test_refuses_a_subject_without_the_label():
    subjects = [*persons_with("Absent", 5), replace(subject("7", "Absent"), labels={})]

    with pytest.raises(DataError, match="subject '7' has no label 'murmur'"):
        split_people(subjects, label="murmur", seed=0)


@settings(max_examples=40, deadline=None)
@given(populations(), st.integers(0, 99), st.floats(0.01, 1), st.floats(0.01, 1))
def test_few_shot_takes_whole_persons_and_nests(subjects, seed, first, second):
    """The larger ratio has everyone the smaller has, and never half a person."""
    everyone = [one.subject_id for one in subjects]
    person = {one.subject_id: one.person_id for one in subjects}

    few, more = (
        set(few_shot(subjects, everyone, label="murmur", ratio=ratio, seed=seed))
        for ratio in sorted([first, second])
    )

    assert few <= more
    for taken in (few, more):
        whole = {person[one] for one in taken}
        assert taken == {one for one in everyone if person[one] in whole}


def test_few_shot_counts_persons_of_each_label():
    """A tenth of 40 is 4, of 10 is 1, and of 3 is 1, too: no label is lost."""
    subjects = persons_with("Absent", 40) + persons_with("Present", 10) + persons_with("Rare", 3)
    everyone = [one.subject_id for one in subjects]

    taken = few_shot(subjects, everyone, label="murmur", ratio=0.1, seed=0)

    assert Counter(one.rstrip("0123456789") for one in taken) == {
        "Absent": 4,
        "Present": 1,
        "Rare": 1,
    }


@settings(max_examples=40, deadline=None)
@given(populations(), st.integers(0, 99))
def test_so_many_persons_of_each_label_nest(subjects, seed):
    """Whole persons, and who is taken where fewer are asked for is among them."""
    everyone = [one.subject_id for one in subjects]
    person = {one.subject_id: one.person_id for one in subjects}

    few, more = (
        set(few_shot(subjects, everyone, label="murmur", per_class=count, seed=seed))
        for count in (1, 2)
    )

    assert few < more
    for taken in (few, more):
        whole = {person[one] for one in taken}
        assert taken == {one for one in everyone if person[one] in whole}
    assert len({person[one] for one in more}) == 2 * len({person[one] for one in few})


def test_few_shot_takes_so_many_of_each_label():
    subjects = persons_with("Absent", 40) + persons_with("Present", 10) + persons_with("Rare", 3)
    everyone = [one.subject_id for one in subjects]

    taken = few_shot(subjects, everyone, label="murmur", per_class=3, seed=0)

    assert Counter(one.rstrip("0123456789") for one in taken) == {
        "Absent": 3,
        "Present": 3,
        "Rare": 3,
    }
    with pytest.raises(
        DataError,
        match="4 persons of each class are asked for, but only 3 of the training persons have "
        "murmur 'Rare'; ask for at most 3",
    ):
        few_shot(subjects, everyone, label="murmur", per_class=4, seed=0)


def test_few_shot_refuses_no_number():
    with pytest.raises(SettingError, match="the number of persons must be at least 1, got 0"):
        few_shot([], [], label="murmur", seed=0)


def test_few_shot_takes_from_the_training_side_only():
    subjects = persons_with("Absent", 40)
    train = tuple(one.subject_id for one in subjects[:7])

    assert few_shot(subjects, train, label="murmur", ratio=1.0, seed=0) == tuple(sorted(train))


@pytest.mark.parametrize("ratio", [0.0, -0.1, 1.5])
def test_few_shot_refuses_a_ratio_out_of_range(ratio):
    with pytest.raises(SettingError, match="above 0 and at most 1"):
        few_shot([], [], label="murmur", ratio=ratio, seed=0)


def test_few_shot_refuses_unknown_subjects():
    with pytest.raises(DataError, match="subject 'nobody' of the split is not in the collection"):
        few_shot(persons_with("A", 3), ["nobody"], label="murmur", ratio=0.5, seed=0)
