"""A synthetic Challenge 2016: its layout, its tables, its states, and labels that can be heard."""

import csv
import tomllib
import wave
from collections import Counter
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from scipy import signal
from scipy.io import loadmat, wavfile
from sklearn.metrics import roc_auc_score

from oracles.physionet2016_reader import read_recordings
from pahcl_core.data.annotation import read_annotation
from pahcl_core.data.physionet2016 import read_physionet2016
from pahcl_core.data.splits import split_people
from pahcl_core.data.synthetic_physionet2016 import _plan, write_synthetic_physionet2016

SHORT = (3.0, 5.0)
FOLDERS = [f"training-{letter}" for letter in "abcdef"]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A hundred recordings."""
    folder = tmp_path_factory.mktemp("synthetic") / "physionet2016"
    write_synthetic_physionet2016(folder, num_recordings=100, seed=1, duration_s=SHORT)
    return folder


@pytest.fixture(scope="module")
def collection(root):
    return read_physionet2016(root, strict=True)


@pytest.fixture(scope="module")
def expected(root):
    return read_recordings(root)


def samples_of(root, name):
    _, samples = wavfile.read(root / f"training-{name[0]}" / f"{name}.wav")
    return samples / 32768


def rows_of(one):
    """State, first sample and the sample after the last, of each row."""
    states = one["states"]
    ends = [start for start, _ in states[1:]] + [one["length"]]
    return [(name, start, end) for (start, name), end in zip(states, ends, strict=True)]


def test_is_read_without_damage(collection):
    """All there is to say is what the original does not tell either: who is who in c, d and f."""
    assert collection.provenance == "synthetic"
    assert len(collection.recordings) == 100
    told = {problem.reason.split(" in ", 1)[1] for problem in collection.problems}
    assert told == {
        f"training-{letter} have no person: each is taken for a person of its own"
        for letter in "cdf"
    }


def test_another_reader_finds_the_same(collection, expected):
    """Labels from the headers, quality and persons from the tables, lengths, states with SciPy."""
    persons = {one.subject_id: one.person_id for one in collection.subjects}
    found = {
        one.recording_id: (
            one.labels["class"],
            one.labels["quality"],
            persons[one.subject_id],
            one.sample_rate,
            one.num_samples,
        )
        for one in collection.recordings
    }

    assert found == {
        name: (one["label"], one["quality"], one["person"], 2000, one["length"])
        for name, one in expected.items()
    }
    number = {"S1": 1, "systole": 2, "S2": 3, "diastole": 4, "(N": 0, "N)": 0}
    for recording in collection.recordings:
        annotation, problems = read_annotation(recording, file="")
        assert problems == []
        read = list(zip(np.rint(annotation.start_s * 2000), annotation.state, strict=True))
        assert read == [
            (start, number[name]) for start, name in expected[recording.recording_id]["states"]
        ]


def test_the_lists_name_what_is_there(root):
    for folder in FOLDERS:
        names = sorted(path.stem for path in (root / folder).glob("*.wav"))
        content = {path.name: path.read_bytes().decode() for path in (root / folder).glob("R*")}
        assert set(content) == {"RECORDS", "REFERENCE.csv", "REFERENCE-SQI.csv"}
        assert content["RECORDS"].split("\n") == [*names, ""]
        for file in ("REFERENCE.csv", "REFERENCE-SQI.csv"):
            assert [line.split(",")[0] for line in content[file].split("\n")] == [*names, ""]
        digits = 5 if folder == "training-e" else 4
        assert names == [f"{folder[-1]}{i:0{digits}}" for i in range(1, len(names) + 1)]


def test_headers_are_as_published(root):
    """To the byte, with the lengths that Python's own reader finds."""
    for path in sorted(root.glob("training-?/*.wav"))[::7]:
        with wave.open(str(path)) as file:
            assert file.getparams()[:3] == (1, 2, 2000)
            length = file.getnframes()
        name = path.stem
        header = path.with_suffix(".hea").read_bytes().decode()
        assert header.startswith(
            f"{name} 1 2000 {length}\r\n{name}.wav 16+44 1 16 0 0 0 0 PCG\r\n# "
        )
        assert header[-10:] in ("# Normal\r\n", "Abnormal\r\n")
        assert path.stat().st_size == 44 + 2 * length


def test_says_that_it_is_synthetic(root):
    content = tomllib.loads((root / "PROVENANCE.toml").read_text())

    assert content["provenance"] == "synthetic"
    assert content["generator"] == "pahcl_core.data.synthetic_physionet2016"
    assert (content["seed"], content["num_recordings"]) == (1, 100)
    assert content["duration_s"] == [3.0, 5.0]
    assert "computer-generated" in content["notice"]


def test_the_states_run_from_the_first_sample_to_the_end(expected):
    """In their order; noise is either all of a recording of unsure quality, or before a beat."""
    following = {"S1": "systole", "systole": "S2", "S2": "diastole", "diastole": "S1"}
    noisy = 0
    for one in expected.values():
        names = [name for _, name in one["states"]]
        assert one["states"][0][0] == 0
        if one["quality"] == "unsure":
            assert one["states"] == [(0, "(N"), (one["length"] - 1, "N)")]
            continue
        if names[:2] == ["(N", "N)"]:
            noisy += 1
            names = names[2:]
        assert all(following[first] == second for first, second in pairwise(names))
        assert len(names) > 4
    assert noisy > 0


def test_what_is_bracketed_as_noise_is_noisy(root, expected):
    """Ten times the power of the quietest pieces of what follows, already in its own quietest."""
    checked = 0
    for name, one in expected.items():
        if one["quality"] == "unsure" or one["states"][0][1] != "(N":
            continue
        checked += 1
        ends = one["states"][1][0]
        noisy, rest = (
            [np.mean(np.square(piece)) for piece in np.array_split(part, len(part) // 100)]
            for part in np.split(samples_of(root, name), [ends])
        )
        assert np.quantile(noisy, 0.1) > 10 * np.quantile(rest, 0.1)
        assert 0.09 < ends / one["length"] < 0.31
    assert checked > 0


def median_power(samples, rows, state, *, part=slice(None)):
    pieces = [np.array_split(samples[start:end], 3) for name, start, end in rows if name == state]
    return np.median([np.mean(np.square(np.concatenate(piece[part]))) for piece in pieces])


def test_sounds_are_where_the_states_say(root, expected):
    """S1 and S2 are far above the end of diastole, and nearly nothing of S1 comes before it.

    But for a few recordings that someone talks through.
    """
    before, first, second = [], [], []
    for name, one in expected.items():
        if one["quality"] == "unsure" or one["states"][0][1] == "(N":
            continue
        samples, rows = samples_of(root, name), rows_of(one)
        silence = median_power(samples, rows[1:-1], "diastole", part=slice(2, 3))
        first.append(median_power(samples, rows[1:-1], "S1") / silence)
        second.append(median_power(samples, rows[1:-1], "S2") / silence)
        onsets = [start for state, start, _ in rows[1:] if state == "S1"]
        energy = [np.square(samples[max(on - 100, 0) : on + 200]) for on in onsets]
        before.append(np.median([part[:-200].sum() / part.sum() for part in energy]))
    assert np.quantile(before, 0.9) < 0.05
    assert np.quantile(first, 0.05) > 10
    assert np.quantile(second, 0.05) > 4


def test_who_is_abnormal_has_a_murmur_that_can_be_heard(root, expected):
    """The loudest third of systole against diastole, between 60 and 450 Hz, tells the classes."""
    band = signal.butter(2, [60, 450], "bandpass", fs=2000, output="sos")
    abnormal, ratio = [], []
    for name, one in expected.items():
        if one["quality"] == "unsure" or one["states"][0][1] == "(N":
            continue
        samples, rows = signal.sosfilt(band, samples_of(root, name)), rows_of(one)[1:-1]
        loudest = max(
            median_power(samples, rows, "systole", part=slice(i, i + 1)) for i in range(3)
        )
        ratio.append(loudest / median_power(samples, rows, "diastole", part=slice(2, 3)))
        abnormal.append(one["label"] == "abnormal")

    assert 10 < sum(abnormal) < 50
    assert roc_auc_score(abnormal, ratio) > 0.97


def test_unsure_recordings_are_noise(root, expected):
    """Their power hardly changes from one tenth of a second to the next; that of others does."""
    swing = {"good": [], "unsure": []}
    for name, one in expected.items():
        samples = samples_of(root, name)
        pieces = np.array_split(samples, len(samples) // 200)
        levels = np.log10([np.mean(np.square(piece)) for piece in pieces])
        swing[one["quality"]].append(np.quantile(levels, 0.8) - np.quantile(levels, 0.2))

    assert 6 <= len(swing["unsure"]) <= 16
    assert np.max(swing["unsure"]) < 1.0
    assert np.median(swing["good"]) > 1.3


def test_shares_are_as_published():
    """Recordings by database and label, and 364 of 3240 unsure, for a collection of that size."""
    takes = _plan(3240, np.random.default_rng(0))
    counts = Counter((one.person.database, one.label) for one in takes)
    published = {
        "a": (117, 292),
        "b": (386, 104),
        "c": (7, 24),
        "d": (27, 28),
        "e": (1958, 183),
        "f": (80, 34),
    }

    for database, (normal, abnormal) in published.items():
        assert counts[database, -1] == pytest.approx(normal, abs=7)
        assert counts[database, 1] == pytest.approx(abnormal, abs=7)
    assert sum(one.unsure for one in takes) == pytest.approx(364, abs=2)
    assert len(takes) == 3240


def test_a_person_is_one_heart_with_one_label():
    """And in a, b and e gives several recordings."""
    takes = _plan(400, np.random.default_rng(0))
    persons = {}
    for one in takes:
        first = persons.setdefault((one.person.database, one.person.number), one.person)
        assert one.person == first
    recordings = Counter((one.person.database, one.person.number) for one in takes)
    most = {letter: max(n for (of, _), n in recordings.items() if of == letter) for letter in "cdf"}
    assert set(most.values()) == {1}
    assert len({letter for (letter, _), n in recordings.items() if n > 1}) == 3
    assert len({person.heart for person in persons.values()}) == len(persons)


def test_persons_are_told_apart_as_planned(collection):
    """In a, b and e; in the others each recording is a person of its own."""
    letter = {"a": "C", "b": "", "e": ""}
    planned = {
        one.name: f"{one.person.database}-{letter[one.person.database]}{one.person.number}"
        if one.person.database in letter
        else one.name
        for one in _plan(100, np.random.default_rng(1))
    }

    assert {one.subject_id: one.person_id for one in collection.subjects} == planned


@pytest.mark.parametrize("num_recordings", [12, 13, 20, 47])
def test_any_number_can_be_split(tmp_path, num_recordings):
    """By the persons that the reader finds."""
    for seed in range(2):
        root = tmp_path / str(seed)
        write_synthetic_physionet2016(
            root, num_recordings=num_recordings, seed=seed, duration_s=(3.0, 3.0)
        )
        subjects = read_physionet2016(root).subjects
        split = split_people(subjects, label="class", seed=seed)
        label = {one.subject_id: one.labels["class"] for one in subjects}
        assert len(subjects) == num_recordings
        assert {label[one] for one in split.test} == {"normal", "abnormal"}
        assert sum(one.labels["quality"] == "unsure" for one in subjects) >= 2


def test_progress_is_shown_every_recording(tmp_path):
    seen = []

    def progress(items, total):
        for item in items:
            seen.append(total)
            yield item

    write_synthetic_physionet2016(
        tmp_path / "new", num_recordings=12, seed=0, duration_s=SHORT, progress=progress
    )

    assert seen == [12] * 12


def test_persons_of_one_plan_do_not_depend_on_the_sound():
    """Another duration gives the same people, names and labels."""
    plans = [_plan(30, np.random.default_rng(5)) for _ in range(2)]

    assert plans[0] == plans[1]
    assert plans[0] != [replace(one, unsure=not one.unsure) for one in plans[0]]


@pytest.mark.real_data
def test_has_the_files_and_columns_of_the_original(root, real_physionet2016):
    """The appendix's columns up to the first that come with a legend; the kinds of files."""
    name = "annotations/Online_Appendix_training_set.csv"
    tables = []
    for folder in (root, real_physionet2016):
        with (folder / name).open(newline="", encoding="utf-8", errors="replace") as file:
            tables.append(next(csv.reader(file)))
    assert tables[0] == tables[1][: len(tables[0])]
    assert len(tables[0]) == 19

    kinds = []
    for folder in (root, real_physionet2016):
        files = {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}
        kinds.append(
            {
                (path.parent.as_posix(), path.name if path.suffix in (".csv", "") else path.suffix)
                for path in files
                if len(path.parts) > 1
            }
        )
    assert kinds[0] == {one for one in kinds[1] if "springer_alg" not in one[0]}


@pytest.mark.real_data
def test_states_lie_in_cells_as_in_the_original(root, real_physionet2016):
    """Types and shapes of the cells of a state and of noise, as SciPy reads them."""

    def shapes(folder):
        found = set()
        for path in sorted((folder / "annotations/hand_corrected").rglob("*.mat"))[::5]:
            content = loadmat(path)
            assert [name for name in content if not name.startswith("__")] == ["state_ans"]
            for start, label in content["state_ans"]:
                nested = label.dtype == object
                name = str(label.item().item() if nested else label.item())
                found.add((start.shape, label.shape, nested, name))
        return found

    found = shapes(root)
    assert {name for *_, name in found} == {"S1", "systole", "S2", "diastole", "(N", "N)"}
    assert found <= shapes(real_physionet2016)  # some rows of a state are bare there, too
