"""The full look at a collection: counts by hand, and each fault it must find."""

import threading

import numpy as np
import pytest
from scipy.io import wavfile

from pahcl_core.data.check import check_collection
from pahcl_core.data.circor import read_circor
from pahcl_core.data.synthesis import RecordingProfile, synthesise_recording

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
    assert report.location_recordings == {"AV": 2, "MV": 2}
    assert report.durations_s == (0.25,) * 4
    assert report.person_labels["murmur"] == {"Absent": 1, "Present": 1, "Unknown": 1}
    assert report.person_labels["outcome"] == {"Normal": 2, "Abnormal": 1}
    assert report.locations == {
        "AV": {"murmur": {"Absent": 2}, "outcome": {"Abnormal": 1, "Normal": 1}},
        "MV": {"murmur": {"Absent": 1, "Unknown": 1}, "outcome": {"Normal": 2}},
    }
    assert report.problems == ()


def test_a_person_counts_for_each_of_their_labels(make_circor):
    """1 and 2 are one person, who has a murmur in one campaign and none in the other."""
    root = make_circor(
        {"Patient ID": "1", "Additional ID": "2"},
        {"Patient ID": "2", "Additional ID": "1", "Murmur": "Present"},
        {"Patient ID": "3"},
        {"Patient ID": "4"},
    )

    report = check_collection(read_circor(root))

    assert report.subject_labels["murmur"] == {"Absent": 3, "Present": 1}
    assert report.person_labels["murmur"] == {"Absent": 3, "Present": 1}
    assert report.num_persons == 3


def beats(*lengths_s) -> str:
    """An annotation of cycles that long, in four equal phases."""
    bounds_s = np.concatenate([[0.0], np.cumsum(np.repeat(lengths_s, 4) / 4)])
    rows = zip(bounds_s[:-1], bounds_s[1:], [1, 2, 3, 4] * len(lengths_s), strict=True)
    return "".join(f"{start:.6f}\t{end:.6f}\t{state}\n" for start, end, state in rows)


def test_heart_rates_come_from_annotated_cycles(make_circor):
    """By hand: medians of 0.5 and 1 s are 120 and 60 beats a minute; two have no whole cycle."""
    root = make_circor(*({"Patient ID": str(number)} for number in range(1, 5)))
    for name, text in (("1_AV", beats(0.5, 0.5, 1.2)), ("2_AV", beats(1.0)), ("3_AV", "")):
        (root / "training_data" / f"{name}.tsv").write_text(text)

    report = check_collection(read_circor(root))

    assert report.heart_rates_bpm == pytest.approx((120.0, 60.0))
    assert report.num_rates_annotated == 2


@pytest.fixture
def beating(make_circor):
    """A heart at 75 beats a minute: without annotation, with one of 60, and at too low a rate."""
    root = make_circor({"Patient ID": "1"}, {"Patient ID": "2"}, {"Patient ID": "3"})
    folder = root / "training_data"
    profile = RecordingProfile(duration_s=8.0, heart_rate_bpm=75.0)
    samples, rate, _ = synthesise_recording(profile, np.random.default_rng(3))
    wavfile.write(folder / "1_AV.wav", rate, samples)
    wavfile.write(folder / "2_AV.wav", rate, samples)
    wavfile.write(folder / "3_AV.wav", 700, np.arange(1400, dtype=np.int16))
    (folder / "1_AV.tsv").unlink()
    (folder / "2_AV.tsv").write_text(beats(1.0))
    (folder / "3_AV.tsv").unlink()
    return read_circor(root)


def test_the_others_are_segmented_only_if_asked_for(beating):
    """Not where there are annotated cycles, nor at a rate that is too low."""
    plain = check_collection(beating)
    segmented = check_collection(beating, segment=True)

    assert plain.heart_rates_bpm == (60.0,)
    assert segmented.heart_rates_bpm == pytest.approx((75.0, 60.0), rel=0.05)
    assert plain.num_rates_annotated == segmented.num_rates_annotated == 1


def test_the_split_is_reported_if_labels_are_named(root):
    """Of three persons with three labels none can be dealt out; without labels nobody asked."""
    collection = read_circor(root)

    assert check_collection(collection).split is None
    split = check_collection(collection, split_by=("murmur",)).split
    assert split.refusal.startswith("only 1 persons with murmur")
    assert split.sides == {}


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


def test_finds_an_annotation_that_cannot_be_read_and_goes_on(root):
    """A folder under its name, as some unpackers leave."""
    collection = read_circor(root)
    path = root / "training_data" / "7_AV.tsv"
    path.unlink()
    path.mkdir()

    report = check_collection(collection)

    assert [str(one) for one in report.problems] == [
        "training_data/7_AV.tsv: cannot be read: Is a directory"
    ]
    assert report.annotated_hours == pytest.approx(0.3 / 3600)  # of the three others


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
