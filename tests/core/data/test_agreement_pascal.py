"""The reader of the PASCAL challenge against another one, on the real recordings."""

import csv
import wave

import numpy as np
import pytest

from oracles.pascal_reader import read_recordings
from pahcl_core.data.audio import read_audio
from pahcl_core.data.check import check_collection
from pahcl_core.data.pascal import read_pascal
from pahcl_core.data.pascal_names import parse_name
from pahcl_core.data.pascal_timing import read_pascal_timing
from pahcl_core.data.preparation import SignalConfig
from pahcl_core.data.splits import split_people
from support.prepared import prepare

pytestmark = pytest.mark.real_data


@pytest.fixture(scope="module")
def expected(real_pascal):
    return read_recordings(real_pascal)


@pytest.fixture(scope="module")
def collection(real_pascal):
    return read_pascal(real_pascal, strict=True)


def test_the_same_recordings_with_the_same_labels_persons_and_lengths(collection, expected):
    """By the tables' names there, by the files' here."""
    found = {
        one.recording_id: {
            "label": subject.labels["published_class"],
            "remark": subject.attributes.get("remark", ""),
            "rate": one.sample_rate,
            "length": one.num_samples,
            "person": subject.person_id,
        }
        for one, subject in zip(collection.recordings, collection.subjects, strict=True)
    }

    assert found == expected


def test_the_class_is_the_published_one_or_missing(collection, expected):
    for recording in collection.recordings:
        label = expected[recording.recording_id]["label"]
        in_task = label in ("normal", "murmur", "extrasystole")
        assert recording.labels.get("class") == (label if in_task else None)


@pytest.mark.parametrize("folder", ["set_a", "set_b"])
def test_every_name_in_the_tables_makes_sense(real_pascal, folder):
    """Also of the recordings that are not here: with the class and remark of their columns."""
    with (real_pascal / f"{folder}.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        name = parse_name(folder, row["fname"].split("/")[1].removesuffix(".wav"))

        label = row["label"].replace("extrastole", "extrasystole")
        assert (name.published_class or "", name.remark or "") == (label, row["sublabel"])
    assert len(rows) > 100


def test_the_same_samples(collection):
    """As Python's own reader has them, full scale 32768; every tenth recording."""
    for recording in collection.recordings[::10]:
        with wave.open(str(recording.path)) as file:
            reference = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")

        samples, sample_rate = read_audio(recording.path)

        assert sample_rate == recording.sample_rate
        np.testing.assert_array_equal(samples, np.float32(reference / 32768))


def test_no_person_is_on_two_sides_of_a_split(collection, expected):
    """Of those that have a class."""
    subjects = [one for one in collection.subjects if "class" in one.labels]
    for seed in range(10):
        split = split_people(subjects, label="class", seed=seed)

        train, val, test = (
            {expected[one]["person"] for one in side}
            for side in (split.train, split.val, split.test)
        )
        assert train.isdisjoint(val | test)
        assert val.isdisjoint(test)


def test_every_recording_can_be_prepared(collection):
    """From either rate, also the shortest of less than a second."""
    cycles, problems = prepare(collection, SignalConfig())

    assert problems == ()
    assert len(cycles.recordings) == len(collection.recordings)
    assert min(one.duration_s for one in collection.recordings) < 1.0


def test_a_thorough_check_finds_nothing_but_what_is_not_said(collection):
    """No recording is damaged, and none is there under two persons."""
    assert check_collection(collection).problems == collection.problems


def test_the_same_positions_of_sounds(real_pascal, collection):
    """Every row of the table whose recording is here, in seconds; and within the recording."""
    expected = {}
    with (real_pascal / "set_a_timing.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            if (real_pascal / row["fname"]).exists():
                sounds = expected.setdefault(row["fname"][:-4], {"S1": [], "S2": []})
                sounds[row["sound"]].append(int(row["location"]) / 44100)

    positions, _ = read_pascal_timing(real_pascal)

    found = {name: {"S1": [*one.s1_s], "S2": [*one.s2_s]} for name, one in positions.items()}
    assert found == expected
    lengths = {one.recording_id: one.duration_s for one in collection.recordings}
    assert all(one.s2_s[-1] < lengths[name] for name, one in positions.items())
