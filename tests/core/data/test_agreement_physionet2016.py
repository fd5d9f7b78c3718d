"""The reader of the Challenge 2016 against another one, on the real recordings."""

import wave

import numpy as np
import pytest

from oracles.physionet2016_reader import read_recordings, read_states
from pahcl_core.data.annotation import read_annotation
from pahcl_core.data.audio import read_audio
from pahcl_core.data.check import check_collection
from pahcl_core.data.physionet2016 import read_physionet2016
from pahcl_core.data.physionet2016_states import read_mat_states
from pahcl_core.data.splits import split_people

pytestmark = pytest.mark.real_data

STATES = {"S1": 1, "systole": 2, "S2": 3, "diastole": 4, "(N": 0, "N)": 0}


@pytest.fixture(scope="module")
def expected(real_physionet2016):
    return read_recordings(real_physionet2016)


@pytest.fixture(scope="module")
def collection(real_physionet2016):
    return read_physionet2016(real_physionet2016, strict=True)


def test_the_same_recordings_with_the_same_labels_and_lengths(collection, expected):
    """Labels as in the headers, which we do not read."""
    found = {
        one.recording_id: (dict(one.labels), one.sample_rate, one.num_samples)
        for one in collection.recordings
    }

    assert found == {
        name: (
            {"class": one["label"], "quality": one["quality"]},
            one["rate"],
            one["length"],
        )
        for name, one in expected.items()
    }


def test_the_same_persons(collection, expected):
    assert {one.subject_id: one.person_id for one in collection.subjects} == {
        name: one["person"] for name, one in expected.items()
    }
    assert {one.attributes["database"] for one in collection.subjects} == set("abcdef")


def test_the_same_samples(collection):
    """As Python's own reader has them, full scale 32768; every tenth recording."""
    for recording in collection.recordings[::10]:
        with wave.open(str(recording.path)) as file:
            reference = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")

        samples, sample_rate = read_audio(recording.path)

        assert sample_rate == 2000
        np.testing.assert_array_equal(samples, np.float32(reference / 32768))


@pytest.mark.slow
def test_the_same_states(collection, expected):
    """Every state of every recording; and each lasts until the next."""
    for recording in collection.recordings:
        states = expected[recording.recording_id]["states"]
        assert (recording.states_path is None) == (states is None)
        if states is None:
            continue

        annotation, problems = read_annotation(recording, file="")

        assert problems == []
        found = zip(np.rint(annotation.start_s * 2000), annotation.state, strict=True)
        assert list(found) == [(start, STATES[name]) for start, name in states]
        np.testing.assert_array_equal(annotation.end_s[:-1], annotation.start_s[1:])
        assert annotation.end_s[-1] == recording.duration_s


def test_the_algorithms_states_are_read_alike(real_physionet2016):
    """They stand in for hand-corrected ones that are missing; every twentieth file."""
    paths = sorted((real_physionet2016 / "annotations/springer_alg").glob("*/*.mat"))
    for path in paths[::20]:
        annotation, problems = read_mat_states(path, file="", duration_s=1000.0)

        assert problems == []
        found = zip(np.rint(annotation.start_s * 2000), annotation.state, strict=True)
        assert list(found) == [
            (start, STATES[name]) for start, name in read_states(path, "state_ans0")
        ]


def test_no_person_is_on_two_sides_of_a_split(collection, expected):
    for seed in range(10):
        split = split_people(collection.subjects, label="class", seed=seed)

        train, val, test = (
            {expected[one]["person"] for one in side}
            for side in (split.train, split.val, split.test)
        )
        assert train.isdisjoint(val | test)
        assert val.isdisjoint(test)
        assert len(split.train + split.val + split.test) == len(expected)


@pytest.mark.slow
def test_a_thorough_check_finds_nothing_but_what_is_not_said(collection):
    """No recording is damaged, and none is there under two persons."""
    report = check_collection(collection)

    assert report.problems == collection.problems
    assert all(" have no " in problem.reason for problem in report.problems)
    assert report.sample_rates == {2000: len(collection.recordings)}
