"""A synthetic folder of one's own: mixed formats, a table, labels that can be heard."""

import csv
import tomllib
from collections import Counter

import numpy as np
import pytest
import soundfile
from sklearn.metrics import roc_auc_score

from pahcl_core.data.audio import read_audio
from pahcl_core.data.folder import read_folder, read_unlabelled_folder
from pahcl_core.data.splits import split_people
from pahcl_core.data.synthetic_folder import LABEL, TABLE, write_synthetic_folder
from pahcl_core.signal.segment_states import segment_states

SHORT = (3.0, 5.0)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Thirty subjects."""
    folder = tmp_path_factory.mktemp("synthetic") / "folder"
    write_synthetic_folder(folder, num_subjects=30, seed=1, duration_s=SHORT)
    return folder


@pytest.fixture(scope="module")
def rows(root):
    with (root / TABLE).open(newline="") as file:
        return list(csv.DictReader(file))


def test_is_read_without_a_problem(root, rows):
    """Every row is a recording of that subject, place and label."""
    collection = read_folder(root, root / TABLE, labels=[LABEL], strict=True)

    assert collection.problems == ()
    assert collection.provenance == "synthetic"
    assert len(collection.subjects) == 30
    assert [
        (one.recording_id, one.subject_id, one.location, one.labels)
        for one in collection.recordings
    ] == [(row["path"], row["subject"], row["location"], {"murmur": row["murmur"]}) for row in rows]


def test_is_read_without_labels_too(root):
    collection = read_unlabelled_folder(root, strict=True)

    assert collection.problems == ()
    assert len(collection.recordings) == 60
    assert {len(one.labels) for one in collection.subjects} == {0}


def test_formats_are_mixed(root, rows):
    """As another library reads them; each of the six kinds ten times, in both classes."""
    kinds = {}
    for row in rows:
        info = soundfile.info(root / row["path"])
        kind = (info.samplerate, info.subtype, info.channels)
        kinds.setdefault(kind, []).append(row["murmur"])
        assert 3.0 <= info.duration <= 5.001

    assert set(kinds) == {
        (4000, "PCM_16", 1),
        (44100, "PCM_16", 2),
        (8000, "PCM_24", 1),
        (2000, "PCM_U8", 1),
        (4000, "PCM_24", 2),
        (22050, "PCM_16", 1),
    }
    assert {len(labels) for labels in kinds.values()} == {10}
    assert all(set(labels) == {"present", "absent"} for labels in kinds.values())


def test_the_second_channel_is_a_quieter_first_with_a_noise_of_its_own(root, rows):
    for row in rows:
        samples, _ = soundfile.read(root / row["path"], always_2d=True)
        if samples.shape[1] == 2:
            first, second = samples.T
            assert np.corrcoef(first, second)[0, 1] > 0.98
            assert second.std() / first.std() == pytest.approx(0.7, abs=0.05)
            assert 0.001 < (second - 0.7 * first).std() < 0.004


def test_murmurs_can_be_heard(root):
    """The power of systole against that of diastole's end, found by the segmentation."""
    has_murmur, ratio = [], []
    collection = read_folder(root, root / TABLE, labels=[LABEL])
    for recording in collection.recordings:
        samples, rate = read_audio(recording.path)
        bounds = np.rint(segment_states(samples, sample_rate=rate).cycles.bounds_s * rate)
        power = [
            [np.mean(np.square(samples[a:b])) for a, b in ((s1, s2), ((s3 + end) // 2, end))]
            for _, s1, s2, s3, end in bounds.astype(int)
        ]
        systole, diastole = np.median(power, axis=0)
        ratio.append(systole / diastole)
        has_murmur.append(recording.labels["murmur"] == "present")

    assert roc_auc_score(has_murmur, ratio) > 0.95


def test_says_that_it_is_synthetic(root):
    content = tomllib.loads((root / "PROVENANCE.toml").read_text())

    assert content["provenance"] == "synthetic"
    assert content["generator"] == "pahcl_core.data.synthetic_folder"
    assert (content["seed"], content["num_subjects"]) == (1, 30)


@pytest.mark.parametrize(("num_subjects", "present"), [(6, 3), (7, 3), (10, 4), (20, 8)])
def test_any_number_can_be_split(tmp_path, num_subjects, present):
    """Two in five have a murmur, and at least three."""
    write_synthetic_folder(tmp_path, num_subjects=num_subjects, seed=2, duration_s=(3.0, 3.0))
    subjects = read_folder(tmp_path, tmp_path / TABLE, labels=[LABEL]).subjects

    split = split_people(subjects, label=LABEL, seed=0)

    label = {one.subject_id: one.labels[LABEL] for one in subjects}
    assert Counter(label.values()) == {"present": present, "absent": num_subjects - present}
    assert {label[one] for one in split.test} == {"present", "absent"}
