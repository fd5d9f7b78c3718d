"""Labels dealt out anew: the same labels, other people, and a pipeline that comes to chance."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from pahcl_core.baselines.baseline import baseline, learnt
from pahcl_core.baselines.settings import BaselineConfig
from pahcl_core.data.collection import Collection, Recording, Subject
from pahcl_core.data.physionet2016 import read_physionet2016
from pahcl_core.data.preparation import SignalConfig
from pahcl_core.data.readers import reader_of_task
from pahcl_core.data.split_files import write_split
from pahcl_core.data.synthetic_folder import write_synthetic_folder
from pahcl_core.data.synthetic_physionet2016 import write_synthetic_physionet2016
from pahcl_core.data.tasks import TASKS, Task
from pahcl_core.errors import DataError
from pahcl_core.training.finetune import finetune
from pahcl_core.training.people import read_cohort, read_people
from pahcl_core.training.permuted import permuted
from pahcl_core.training.settings import ReadingConfig, ScheduleConfig, SplitConfig
from pahcl_track import NullTracker

NAMES = ("murmur", "outcome")
SEEDS = range(1, 9)


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    root = tmp_path_factory.mktemp("collection") / "physionet2016"
    write_synthetic_physionet2016(root, num_recordings=60, seed=1, duration_s=(3.0, 3.2))
    return root


@pytest.fixture(scope="module")
def config(people, tmp_path_factory):
    return BaselineConfig(
        features="phase_bands",
        task="physionet2016",
        data_dir=people,
        output_dir=tmp_path_factory.mktemp("outputs"),
        signal=SignalConfig(sample_rate=500, high_hz=200.0),
        split=SplitConfig(folds=3),
        num_workers=1,
    )


def with_seed(config, seed, fold=1):
    """A config whose labels are permuted by this seed; 0 for not."""
    return replace(
        config,
        reading=ReadingConfig(permuted_labels=seed),
        split=replace(config.split, fold=fold),
        experiment_name=f"permuted_{seed}_{fold}",
    )


def made_up(numbers) -> Collection:
    """Persons with so many subjects each; the labels of every subject are its own number."""
    subjects, recordings = [], []
    for person, count in enumerate(numbers):
        for place in range(count):
            name = f"{person}.{place}"
            labels = {"murmur": name, "outcome": name} if person else {"murmur": name}
            subjects.append(Subject(subject_id=name, person_id=f"p{person}", labels=labels))
            recordings.append(
                Recording(
                    recording_id=name,
                    subject_id=name,
                    path=Path("x"),
                    sample_rate=1,
                    num_samples=1,
                    labels={**labels, "other": "kept"},
                )
            )  # fmt: skip
    return Collection(
        name="circor", root=Path("x"), provenance="synthetic", subjects=tuple(subjects),
        recordings=tuple(recordings),
    )  # fmt: skip


def test_a_persons_labels_go_together_and_in_turn():
    """Person 0 lacks a label and stays out of it."""
    before = made_up([1, 1, 2, 1, 3, 2])

    after = permuted(before, NAMES, seed=3)

    assert [one.subject_id for one in after.subjects] == [one.subject_id for one in before.subjects]
    giver_of = {}
    for one in after.subjects:
        giver, place = one.labels["murmur"].split(".")
        person, own = one.subject_id.split(".")
        if person == "0":
            assert one == before.subjects[0]
            continue
        assert giver_of.setdefault(person, giver) == giver
        assert int(place) == int(own) % {"1": 1, "2": 2, "3": 1, "4": 3, "5": 2}[giver]
        assert one.labels["outcome"] == one.labels["murmur"]
    assert sorted(giver_of.values()) == ["1", "2", "3", "4", "5"]
    assert any(person != giver for person, giver in giver_of.items())
    labels = {one.subject_id: one.labels for one in after.subjects}
    for one in after.recordings:
        assert one.labels == {**labels[one.subject_id], "other": "kept"}


def test_what_a_giver_lacks_whoever_gets_theirs_lacks_too():
    """Also where they had it themselves, and in their recordings; other labels stay."""
    before = made_up([1] * 9)
    before = replace(
        before,
        subjects=tuple(
            replace(one, labels={**one.labels, "own": "kept", "outcome": "x"})
            if number % 2
            else replace(one, labels={"murmur": one.labels["murmur"], "own": "kept"})
            for number, one in enumerate(before.subjects)
        ),
    )

    after = permuted(before, ["murmur"], also=["outcome"], seed=3)

    labels_of = {one.labels["murmur"]: one.labels for one in before.subjects}
    assert all(one.labels == labels_of[one.labels["murmur"]] for one in after.subjects)
    assert {one.labels["murmur"] for one in after.subjects} == set(labels_of)
    for one, recording in zip(after.subjects, after.recordings, strict=True):
        told = {name: label for name, label in one.labels.items() if name != "own"}
        assert recording.labels == {**told, "other": "kept"}


def test_of_a_task_of_several_labels_each_is_dealt_out_anew(config, tmp_path):
    """All of one person go to one other, with what the sides are dealt by."""
    write_synthetic_folder(tmp_path / "own", num_subjects=24, seed=1, duration_s=(3.0, 3.0))
    table = tmp_path / "own" / "recordings.csv"
    header, *rows = table.read_text().splitlines()
    late = {f"s{n:03}": ("absent", "present", "absent", "")[n % 4] for n in range(1, 25)}
    rows = [f"{row},{late[row.split(',')[1]]}" for row in rows]
    table.write_text("\n".join([f"{header},late", *rows]) + "\n")
    task = Task(
        name="two", labels=("murmur", "late"), classes=("absent", "present"), positive="present"
    )
    own = replace(config, task="two", own_task=task, data_dir=tmp_path / "own")

    true, permuted_once = (
        read_people(
            "folder", own.data_dir, with_seed(own, seed).as_finetune, reader=reader_of_task(task)
        )[0]
        for seed in (0, 1)
    )

    names = (*task.labels, task.dealt_by)
    for name in names:
        was, now = ([s.labels.get(name) for s in one.subjects] for one in (true, permuted_once))
        assert sorted(was, key=str) == sorted(now, key=str)
        assert was != now, name
    together = [
        sorted(tuple(s.labels.get(name, "") for name in names) for s in one.subjects)
        for one in (true, permuted_once)
    ]
    assert together[0] == together[1]
    told = {s.subject_id: s.labels for s in permuted_once.subjects}
    assert all(
        recording.labels.get(name) == told[recording.subject_id].get(name)
        for recording in permuted_once.recordings
        for name in task.labels
    )


def test_seeds_differ_and_one_seed_does_not(people):
    collection = read_physionet2016(people)

    found = [permuted(collection, ("class",), seed=seed) for seed in (1, 1, 2)]

    told = [tuple(one.labels["class"] for one in again.subjects) for again in found]
    assert told[0] == told[1] != told[2]
    assert {*told[0]} == {one.labels["class"] for one in collection.subjects}


def area(config, seed):
    """The mean over folds of the test's area under the ROC curve."""
    found = []
    for fold in (1, 2, 3):
        own = with_seed(config, seed, fold)
        cohort = read_cohort(own.as_finetune, lambda items, total: items)
        _, said = learnt(own, cohort, TASKS["physionet2016"])
        found.append(roc_auc_score(said["test"].labels == 1, said["test"].probabilities[:, 1]))
    return np.mean(found)


def test_with_permuted_labels_a_baseline_comes_to_chance_and_with_the_true_ones_not(config):
    """The mean over 8 permutations of 60 recordings is seldom farther than 0.1 from a half."""
    assert area(config, 0) > 0.9
    assert np.mean([area(config, seed) for seed in SEEDS]) == pytest.approx(0.5, abs=0.1)


def test_a_planted_leak_shows_with_permuted_labels(config):
    """Whoever trains on those under test knows their labels by heart, whatever these are."""
    leaking = replace(with_seed(config, 1), model="boosting")
    cohort = read_cohort(leaking.as_finetune, lambda items, total: items)
    everyone = tuple(sorted({*cohort.split.train, *cohort.split.test}))
    cohort = replace(cohort, split=replace(cohort.split, train=everyone))

    _, said = learnt(leaking, cohort, TASKS["physionet2016"])

    true = said["test"].labels == 1
    assert roc_auc_score(true, said["test"].probabilities[:, 1]) > 0.9


def test_a_planted_leak_is_caught_before_anything_is_learnt(config, tmp_path):
    """Somebody under test is put into the training of a split on file."""
    split = read_cohort(config.as_finetune, lambda items, total: items).split
    planted = replace(split, train=(*split.train, split.test[0]))
    write_split(tmp_path / "splits.json", planted)
    leaking = replace(config, split=SplitConfig(file=tmp_path / "splits.json"))

    with pytest.raises(DataError, match=r"person .* is in both 'train' and 'test'"):
        baseline(leaking, tracker=NullTracker())


@pytest.mark.slow
def test_with_permuted_labels_a_network_comes_to_chance(config, finetune_config):
    """Trained long enough to know its training patients by heart."""
    found = []
    for seed in SEEDS[:3]:
        alike = finetune_config(
            data_dir=config.data_dir,
            output_dir=config.output_dir,
            task="physionet2016",
            reading=ReadingConfig(permuted_labels=seed),
            split=SplitConfig(folds=3, fold=1 + seed % 3),
            experiment_name=f"network_{seed}",
            training=ScheduleConfig(epochs=6, batch_size=16, checkpoint_every=0),
        )
        found.append(finetune(alike, tracker=NullTracker()).metrics)

    assert np.mean([one["test_auroc"] for one in found]) == pytest.approx(0.5, abs=0.2)


def test_folds_are_alike_in_the_labels_that_are_learnt(config):
    """The permuted ones, the same for whoever has the seed."""
    one, other = (
        read_cohort(with_seed(config, 2, fold).as_finetune, lambda items, total: items)
        for fold in (1, 2)
    )

    labels = [
        {s.subject_id: s.labels["class"] for s in c.collection.subjects} for c in (one, other)
    ]
    assert labels[0] == labels[1]
    assert set(one.split.test).isdisjoint(other.split.test)
    true = read_cohort(with_seed(config, 0).as_finetune, lambda items, total: items)
    assert {s.subject_id: s.labels["class"] for s in true.collection.subjects} != labels[0]


def test_a_warning_says_that_labels_are_permuted(config, caplog):
    read_cohort(with_seed(config, 2).as_finetune, lambda items, total: items)

    assert "the labels are PERMUTED" in caplog.text
