"""The reader against another one, on recordings of patients and on synthetic ones."""

import csv
import wave

import numpy as np
import pytest

from oracles.circor_reader import (
    murmur_at,
    person_of,
    read_lengths,
    read_listed_recordings,
    read_patients,
)
from pahcl_core.data.annotation import read_annotation
from pahcl_core.data.audio import read_audio
from pahcl_core.data.check import check_collection
from pahcl_core.data.circor import read_circor
from pahcl_core.data.splits import few_shot, split_people
from pahcl_core.data.synthetic_circor import write_synthetic_circor


@pytest.fixture(
    scope="module", params=[pytest.param("real", marks=pytest.mark.real_data), "synthetic"]
)
def root(request, tmp_path_factory):
    """A CirCor tree of each provenance."""
    if request.param == "real":
        return request.getfixturevalue("real_circor")
    folder = tmp_path_factory.mktemp("synthetic") / "circor"
    write_synthetic_circor(folder, num_patients=60, seed=5, duration_s=(3.0, 4.0))
    return folder


@pytest.fixture(scope="module")
def collection(root):
    return read_circor(root)


def test_the_same_recordings_with_the_same_lengths(collection, root):
    expected = read_lengths(root / "training_data")

    found = {one.recording_id: (one.sample_rate, one.num_samples) for one in collection.recordings}

    assert found == expected


def test_the_same_samples(collection):
    """As Python's own reader has them, full scale 32768; every recording."""
    for recording in collection.recordings:
        with wave.open(str(recording.path)) as file:
            reference = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")

        samples, sample_rate = read_audio(recording.path)

        assert sample_rate == recording.sample_rate
        np.testing.assert_array_equal(samples, np.float32(reference / 32768))


def test_the_same_states(collection):
    """As the `csv` module reads them: every row of a state from 0 to 4 that lasts at all."""
    num_rows = 0
    for recording in collection.recordings:
        with recording.states_path.open(newline="") as file:
            rows = [tuple(map(float, row)) for row in csv.reader(file, delimiter="\t")]
        expected = [row for row in rows if row[0] < row[1] and row[2] in range(5)]

        states, _ = read_annotation(recording, file="")

        found = zip(states.start_s, states.end_s, states.state, strict=True)
        assert [tuple(map(float, row)) for row in found] == expected
        num_rows += len(expected)
    assert num_rows > 10 * len(collection.recordings)


def test_the_same_patients_with_the_same_labels(collection, root):
    patients = read_patients(root / "training_data")

    found = {one.subject_id: dict(one.labels) for one in collection.subjects}

    assert found == {
        number: {"murmur": patient["Murmur"], "outcome": patient["Outcome"]}
        for number, patient in patients.items()
    }
    for one in collection.subjects:
        assert one.attributes.get("campaign", "nan") == patients[one.subject_id]["Campaign"]


def test_recordings_have_the_labels_of_their_own_patient(collection, root):
    patients = read_patients(root / "training_data")
    listed = read_listed_recordings(root / "training_data")

    found = {
        one.recording_id: (one.subject_id, one.location, dict(one.labels))
        for one in collection.recordings
    }

    assert found == {
        name: (
            patient,
            location,
            {
                "murmur": murmur_at(patients[patient], location),
                "outcome": patients[patient]["Outcome"],
            },
        )
        for name, (patient, location) in listed.items()
    }


def test_the_same_persons(collection, root):
    expected = person_of(read_patients(root / "training_data"))

    assert {one.subject_id: int(one.person_id) for one in collection.subjects} == expected
    assert len(set(expected.values())) < len(expected), "some people were recorded twice"


@pytest.mark.parametrize("label", ["murmur", "outcome"])
def test_no_person_is_on_two_sides_of_a_split(collection, root, label):
    persons = person_of(read_patients(root / "training_data"))
    for seed in range(30):
        split = split_people(collection.subjects, label=label, seed=seed)

        train, val, test = (
            {persons[one] for one in side} for side in (split.train, split.val, split.test)
        )
        assert train.isdisjoint(val | test)
        assert val.isdisjoint(test)
        assert len(train | val | test) == len(set(persons.values()))
        few = few_shot(collection.subjects, split.train, label=label, ratio=0.1, seed=seed)
        assert {persons[one] for one in few} <= train


def test_a_thorough_check_finds_all_but_few_rows_usable(collection):
    """No recording is damaged or shared between persons, and the labels add up."""
    report = check_collection(collection)

    assert report.num_recordings == len(collection.recordings)
    for labels in (report.recording_labels, *report.locations.values()):
        totals = {name: sum(counts.values()) for name, counts in labels.items()}
        assert totals["murmur"] == totals["outcome"]
    assert not [one for one in report.problems if one.file.endswith(".wav")]
    assert len(report.problems) <= 0.01 * report.num_recordings
