"""A synthetic CirCor: the same layout, consistent with itself, the same bytes for the same seed."""

import csv
import hashlib
import tomllib
import wave
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from pahcl_core.data.circor import read_circor
from pahcl_core.data.collection import Subject
from pahcl_core.data.splits import split_people
from pahcl_core.data.states import read_states
from pahcl_core.data.synthetic_circor import _plan, _row, write_synthetic_circor
from pahcl_core.data.synthetic_patients import draw_patients
from pahcl_core.data.wav import read_wav
from pahcl_core.errors import SettingError

SHORT = (3.0, 4.0)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Seventy patients."""
    folder = tmp_path_factory.mktemp("synthetic") / "circor"
    write_synthetic_circor(folder, num_patients=70, seed=1, duration_s=SHORT)
    return folder


@pytest.fixture(scope="module")
def rows(root):
    with (root / "training_data.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def digest(folder) -> str:
    """Of the names and the bytes of every file."""
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        total.update(path.relative_to(folder).as_posix().encode())
        total.update(path.read_bytes() if path.is_file() else b"")
    return total.hexdigest()


def test_is_read_without_a_problem(root):
    collection = read_circor(root, strict=True)

    assert collection.problems == ()
    assert collection.provenance == "synthetic"
    assert len(collection.subjects) == 70
    assert all(3.0 <= one.duration_s <= 4.0 for one in collection.recordings)


def test_the_states_are_read_without_a_problem(root):
    """State 0 at both ends, whole cycles between them, nothing past the end."""
    annotated = 0
    for recording in read_circor(root).recordings:
        states, problems = read_states(recording.states_path, file=recording.recording_id)
        assert problems == []
        assert states.state[0] == states.state[-1] == 0
        inner = states.state[1:-1].tolist()
        assert inner == [1, 2, 3, 4] * (len(inner) // 4)
        assert states.end_s[-1] == pytest.approx(recording.duration_s, abs=1e-6)
        annotated += len(inner) > 0
    assert annotated > 0.7 * len(read_circor(root).recordings)


def test_says_that_it_is_synthetic(root):
    content = tomllib.loads((root / "PROVENANCE.toml").read_text())

    assert content["provenance"] == "synthetic"
    assert (content["seed"], content["num_patients"]) == (1, 70)
    assert content["generator_version"] == 1
    assert "computer-generated" in content["notice"]


def test_the_same_seed_gives_the_same_bytes(tmp_path):
    for name, seed in (("first", 3), ("again", 3), ("other", 4)):
        write_synthetic_circor(tmp_path / name, num_patients=4, seed=seed, duration_s=SHORT)

    assert digest(tmp_path / "first") == digest(tmp_path / "again")
    assert digest(tmp_path / "first") != digest(tmp_path / "other")


def test_recordings_are_16_bit_at_4000_hz_with_a_header_that_says_so(root):
    for path in sorted((root / "training_data").glob("*.wav"))[:10]:
        with wave.open(str(path)) as file:
            assert file.getparams()[:3] == (1, 2, 4000)
            length = file.getnframes()
        location = path.stem.split("_")[1]
        assert path.with_suffix(".hea").read_bytes().decode() == (
            f"{path.stem} 1 4000 {length}\r\n{path.name} 16+44 1 16 0 0 0 0 {location}\r\n"
        )
        assert path.stat().st_size == 44 + 2 * length


def test_every_signal_uses_a_good_part_of_its_range(root):
    for recording in read_circor(root).recordings[:30]:
        samples, _ = read_wav(recording.path)
        assert 0.05 < np.quantile(np.abs(samples), 0.999) <= 1.0
        assert (np.abs(samples) > 0.999).mean() < 0.01


def test_murmurs_are_described_where_present_and_only_there(rows):
    for row in rows:
        described = [row[name] for name in row if name.startswith("Systolic")]
        recorded = set(row["Recording locations:"].split("+"))
        if row["Murmur"] == "Present":
            heard = row["Murmur locations"].split("+")
            assert "nan" not in described
            assert set(heard) <= recorded
            assert row["Most audible location"] in heard
        else:
            assert {row["Murmur locations"], row["Most audible location"], *described} == {"nan"}


def test_every_murmur_is_heard_somewhere():
    """Were it ever so soft; planned only, as the sound itself would take minutes."""
    rng = np.random.default_rng(0)
    patients = [one for one in draw_patients(200, rng) if one.murmur_label == "Present"]
    for patient in patients:
        soft = replace(patient, murmur=replace(patient.murmur, level=0.01))
        row = _row(soft, _plan(soft, SHORT, rng))
        assert row["Most audible location"] in row["Murmur locations"].split("+")


def test_some_murmurs_are_silent_somewhere(root):
    """So that a recording's label is not always its patient's."""
    collection = read_circor(root)
    patient = {one.subject_id: one.labels["murmur"] for one in collection.subjects}
    labels = Counter(
        one.labels["murmur"]
        for one in collection.recordings
        if patient[one.subject_id] == "Present"
    )

    assert labels["Present"] > labels["Absent"] > 0


def test_people_recorded_twice_point_at_each_other(rows):
    partner = {row["Patient ID"]: row["Additional ID"] for row in rows}
    twice = {one: other for one, other in partner.items() if other != "nan"}
    by_number = {row["Patient ID"]: row for row in rows}

    assert len(twice) == 10
    for one, other in twice.items():
        assert twice[other] == one
        assert {by_number[one]["Campaign"], by_number[other]["Campaign"]} == {"CC2014", "CC2015"}
        for column in ("Sex", "Age", "Outcome"):
            assert by_number[one][column] == by_number[other][column]


def test_some_people_recorded_twice_changed_their_murmur():
    """Among many; the trap of a split by subject."""
    patients = {one.patient_id: one for one in draw_patients(600, np.random.default_rng(0))}
    pairs = [one for one in patients.values() if one.additional_id is not None]

    differing = [
        one for one in pairs if patients[one.additional_id].murmur_label != one.murmur_label
    ]

    assert 0 < len(differing) < len(pairs) / 2


@pytest.mark.parametrize("num_patients", [12, 13, 16, 20, 24, 33, 60])
@pytest.mark.parametrize("label", ["murmur", "outcome"])
def test_a_collection_of_12_or_more_can_be_split(num_patients, label):
    for seed in range(10):
        patients = draw_patients(num_patients, np.random.default_rng(seed))
        subjects = [
            Subject(
                subject_id=str(one.patient_id),
                person_id=str(min(one.patient_id, one.additional_id or one.patient_id)),
                labels={"murmur": one.murmur_label, "outcome": one.outcome},
            )
            for one in patients
        ]

        split = split_people(subjects, label=label, seed=seed)

        assert len({one.subject_id for one in subjects}) == num_patients
        of = {one.subject_id: one.labels[label] for one in subjects}
        assert {of[one] for one in split.test} == set(of.values())


def test_labels_are_as_frequent_as_published():
    """19 % Present and 7 % Unknown; outcomes go with murmurs."""
    patients = draw_patients(1000, np.random.default_rng(0))
    murmurs = Counter(one.murmur_label for one in patients)
    abnormal = Counter(one.murmur_label for one in patients if one.outcome == "Abnormal")

    assert murmurs["Present"] / 1000 == pytest.approx(0.19, abs=0.03)
    assert murmurs["Unknown"] / 1000 == pytest.approx(0.07, abs=0.02)
    assert abnormal["Present"] / murmurs["Present"] > 0.75
    assert abnormal["Absent"] / murmurs["Absent"] < 0.5


def test_progress_is_shown_every_patient(tmp_path):
    seen = []

    def progress(items, total):
        for item in items:
            seen.append(total)
            yield item

    write_synthetic_circor(
        tmp_path / "new", num_patients=3, seed=0, duration_s=SHORT, progress=progress
    )

    assert seen == [3, 3, 3]


def test_writes_into_an_empty_folder(tmp_path):
    write_synthetic_circor(tmp_path, num_patients=1, seed=0, duration_s=SHORT)

    assert len(read_circor(tmp_path).subjects) == 1


@pytest.mark.parametrize("what", ["a folder with a file in it", "a file"])
def test_refuses_to_write_over_anything(tmp_path, what):
    path = tmp_path / "there"
    if what == "a file":
        path.write_text("mine")
    else:
        path.mkdir()
        (path / "notes.txt").write_text("mine")
    before = digest(tmp_path)

    with pytest.raises(SettingError, match="there is not an empty folder"):
        write_synthetic_circor(path, num_patients=1, seed=0)

    assert digest(tmp_path) == before


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"num_patients": 0}, "num_patients must be at least 1, got 0"),
        ({"seed": -1}, "seed must not be negative, got -1"),
        ({"duration_s": (1.0, 2.0)}, "from 3 s on, got 1 and 2"),
        ({"duration_s": (9.0, 5.0)}, "shortest and a longest"),
    ],
)
def test_refuses_arguments_that_make_no_sense(tmp_path, arguments, reason):
    with pytest.raises(SettingError, match=reason):
        write_synthetic_circor(tmp_path / "new", **({"num_patients": 2, "seed": 0} | arguments))

    assert not (tmp_path / "new").exists()


@pytest.mark.real_data
def test_has_the_columns_of_the_real_table(root, real_circor):
    with (real_circor / "training_data.csv").open(newline="") as file:
        expected = next(csv.reader(file))
    with (root / "training_data.csv").open(newline="") as file:
        assert next(csv.reader(file)) == expected
