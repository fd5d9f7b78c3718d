"""Counting who is where: against plain counts of the split that training makes."""

from pathlib import Path

from pahcl_core.data.collection import Collection, Recording, Subject
from pahcl_core.data.label_counts import label_counts, person_counts
from pahcl_core.data.split_balance import split_balance
from pahcl_core.data.splits import FRACTIONS, SEED, split_everyone
from pahcl_core.training.settings import FinetuneConfig, PretrainConfig


def subject(number, label, *, person=None):
    labels = {} if label is None else {"class": label, "more": "x"}
    return Subject(subject_id=str(number), person_id=person or f"p{number}", labels=labels)


def collection(*subjects):
    """Two recordings of each subject of an even number, one of the others."""
    recordings = tuple(
        Recording(
            recording_id=f"{one.subject_id}_{take}",
            subject_id=one.subject_id,
            path=Path(f"{one.subject_id}_{take}.wav"),
            sample_rate=4000,
            num_samples=4000,
        )
        for one in subjects
        for take in range(2 - int(one.subject_id) % 2)
    )
    return Collection(
        name="pascal", root=Path(), provenance="real", subjects=subjects, recordings=recordings
    )


PEOPLE = (
    *(subject(number, "normal") for number in range(20)),
    *(subject(number, "murmur", person=f"q{number // 2}") for number in range(20, 40)),
    *(subject(number, None, person=f"q{number // 2 - 10}") for number in range(40, 50)),
    subject(50, None),
)
"""Twenty persons once, ten twice; of five of these and of another there is no label, too."""


def test_each_side_is_counted():
    found = split_balance(collection(*PEOPLE), ("class", "more"))

    split = split_everyone(PEOPLE, labels=("class", "more"), seed=SEED)
    for name in ("train", "val", "test"):
        on_side = [one for one in PEOPLE if one.subject_id in getattr(split, name)]
        side = found.sides[name]
        assert side.num_subjects == len(on_side)
        assert side.num_persons == len({one.person_id for one in on_side})
        assert side.num_recordings == sum(2 - int(one.subject_id) % 2 for one in on_side)
        for value in ("normal", "murmur"):
            having = [one for one in on_side if one.labels.get("class") == value]
            assert side.subjects["class"][value] == len(having)
            assert side.persons["class"][value] == len({one.person_id for one in having})


def test_shares_by_hand():
    """60, 20 and 20 % of twenty persons once and of ten twice."""
    sides = split_balance(collection(*PEOPLE), ("class",)).sides

    assert [sides[name].subjects["class"] for name in ("train", "val", "test")] == [
        {"normal": 12, "murmur": 12},
        {"murmur": 4, "normal": 4},
        {"murmur": 4, "normal": 4},
    ]
    assert sides["train"].persons["class"] == {"normal": 12, "murmur": 6}


def test_people_without_any_label_are_dealt_out_as_well():
    """60, 20 and 20 % of ten."""
    found = split_balance(collection(*(subject(number, None) for number in range(10))), ())

    assert [side.num_persons for side in found.sides.values()] == [6, 2, 2]
    assert found.num_unlabelled == 0


def test_the_settings_are_those_of_a_run():
    """What a run with default settings uses, and what is written in the report."""
    found = split_balance(collection(*PEOPLE), ("class",))
    pretraining = PretrainConfig(data={"pascal": Path()})
    tuning = FinetuneConfig(task="pascal", data_dir=Path())

    assert found.seed == SEED == pretraining.seed == tuning.seed
    assert found.fractions == FRACTIONS == pretraining.split.fractions == tuning.split.fractions
    assert found.labels == ("class",)


def test_whoever_lacks_a_label_is_trained_on_unless_the_person_is_held_out():
    """And they are counted; some of them are on no side."""
    found = split_balance(collection(*PEOPLE), ("class",))

    split = split_everyone(PEOPLE, labels=("class",), seed=SEED)
    held_out = {one.person_id for one in PEOPLE if one.subject_id in (*split.val, *split.test)}
    unlabelled = [one for one in PEOPLE if not one.labels]
    assert found.num_unlabelled == 11
    assert {one.subject_id for one in unlabelled if one.person_id not in held_out} <= set(
        split.train
    )
    nowhere = sum(one.person_id in held_out for one in unlabelled)
    assert 0 < nowhere < 11
    assert sum(side.num_subjects for side in found.sides.values()) == len(PEOPLE) - nowhere


def test_too_few_people_are_no_split_but_a_reason():
    found = split_balance(collection(*PEOPLE[:20], subject(99, "murmur")), ("class",))

    assert found.sides == {}
    assert found.refusal is not None
    assert found.refusal.startswith("only 1 persons with class 'murmur'")


def test_counts_are_ordered_and_leave_out_who_has_no_label():
    """By hand; a person whose subjects differ counts twice, one whose agree once."""
    subjects = [
        subject(1, "b", person="p"),
        subject(2, "a", person="p"),
        subject(3, "a", person="q"),
        subject(4, "a", person="q"),
        subject(5, None),
    ]

    assert label_counts([one.labels for one in subjects])["class"] == {"a": 3, "b": 1}
    assert list(label_counts([one.labels for one in subjects])["class"]) == ["a", "b"]
    assert person_counts(subjects)["class"] == {"a": 2, "b": 1}
