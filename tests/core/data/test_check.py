"""The full look at a collection: counts by hand, and each fault it must find."""

import json
import threading

import numpy as np
import pytest
from scipy.io import wavfile

from pahcl_core.data.check import check_collection
from pahcl_core.data.circor import read_circor

PATIENTS = (
    {"Patient ID": "7", "Recording locations:": "AV+MV", "Additional ID": "8"},
    {"Patient ID": "8", "Murmur": "Present", "Murmur locations": "MV", "Outcome": "Abnormal"},
    {"Patient ID": "9", "Recording locations:": "MV", "Murmur": "Unknown"},
)


@pytest.fixture
def root(make_circor):
    """Four recordings of a quarter second, all different."""
    root = make_circor(*PATIENTS)
    for number, path in enumerate(sorted((root / "training_data").glob("*.wav")), start=1):
        wavfile.write(path, 4000, np.arange(1000, dtype=np.int16) * number)
    return root


def reasons(root) -> dict[str, str]:
    return {one.file: one.reason for one in check_collection(read_circor(root)).problems}


def test_counts(root):
    """Four quarter seconds, of each of which a tenth of a second is annotated as S1."""
    report = check_collection(read_circor(root))

    assert (report.num_subjects, report.num_persons, report.num_recordings) == (3, 2, 4)
    assert report.hours == pytest.approx(1.0 / 3600)
    assert report.annotated_hours == pytest.approx(0.4 / 3600)
    assert report.sample_rates == {4000: 4}
    assert report.subject_labels == {
        "murmur": {"Absent": 1, "Present": 1, "Unknown": 1},
        "outcome": {"Normal": 2, "Abnormal": 1},
    }
    assert report.recording_labels["murmur"] == {"Absent": 3, "Unknown": 1}
    assert report.locations == {
        "AV": {"murmur": {"Absent": 2}, "outcome": {"Abnormal": 1, "Normal": 1}},
        "MV": {"murmur": {"Absent": 1, "Unknown": 1}, "outcome": {"Normal": 2}},
    }
    assert report.problems == ()


def test_lines_tell_a_person(root):
    (root / "PROVENANCE.toml").write_text('provenance = "synthetic"')

    lines = check_collection(read_circor(root)).lines()

    assert lines[0] == f"circor (synthetic) in {root}"
    assert lines[1] == "subjects: 3, who are 2 persons"
    assert "sample rates: 4 at 4000 Hz" in lines
    assert "murmur, by recording: 3 Absent, 1 Unknown" in lines
    assert "at MV: murmur 1 Absent, 1 Unknown; outcome 2 Normal" in lines
    assert lines[-1] == "problems: 0"


def test_a_dictionary_tells_a_program(root):
    (root / "training_data" / "7_AV.tsv").write_text("0\t0\t28\n")

    content = json.loads(json.dumps(check_collection(read_circor(root)).as_dict()))

    assert content["sample_rates"] == {"4000": 4}
    assert content["provenance"] == "real"
    assert content["locations"]["AV"]["murmur"] == {"Absent": 2}
    assert content["problems"] == [
        {
            "file": "training_data/7_AV.tsv",
            "reason": "state 28 is not one of 0–4; the row was left out",
            "row": 1,
        }
    ]


def test_finds_samples_that_cannot_be_decoded(root):
    """The header is fine, so the reader took it."""
    wavfile.write(root / "training_data" / "7_AV.wav", 4000, np.float32([0.0, np.nan]))

    assert reasons(root)["training_data/7_AV.wav"] == "holds samples that are not finite numbers"


def test_finds_silence(root):
    wavfile.write(root / "training_data" / "7_AV.wav", 4000, np.full(1000, 3, dtype=np.int16))

    assert reasons(root)["training_data/7_AV.wav"] == "is silent: all its samples are equal"


def test_finds_states_that_run_past_the_end(root):
    (root / "training_data" / "7_AV.tsv").write_text("0\t0.2\t1\n0.2\t0.9\t2\n")

    assert reasons(root) == {
        "training_data/7_AV.tsv": "runs to 0.9 s; the recording ends at 0.25 s"
    }


def test_finds_the_same_sound_under_two_persons(root):
    """7 and 9 are two persons; 7 and 8 are one, so no split parts them."""
    folder = root / "training_data"
    for name in ("8_AV", "9_MV"):
        (folder / f"{name}.wav").write_bytes((folder / "7_AV.wav").read_bytes())

    assert reasons(root) == {
        "training_data/9_MV.wav": "has the samples of 7_AV, which is another person's"
    }


def test_keeps_the_readers_problems(root):
    (root / "training_data" / "7_AV.tsv").unlink()

    assert list(reasons(root)) == ["training_data/7_AV.tsv"]


def test_threads_change_nothing_but_the_thread(root):
    (root / "training_data" / "7_AV.tsv").write_text("")
    collection = read_circor(root)
    seen = []

    def progress(items, total):
        for item in items:
            seen.append((total, threading.current_thread() is threading.main_thread()))
            yield item

    report = check_collection(collection, num_workers=3, progress=progress)

    assert report == check_collection(collection)
    assert seen == [(4, True)] * 4
