"""Reading the Challenge 2016: labels, quality, persons, annotations, and the copy to ignore."""

import pytest

from pahcl_core.data.physionet2016 import read_physionet2016
from pahcl_core.errors import DataError
from support.recordings import write_lines, write_states

ONE = {"name": "a0001", "Original record name": "C1S1"}


def persons_of(collection):
    return {one.subject_id: one.person_id for one in collection.subjects}


def problems_of(root):
    return {(one.file, one.row): one.reason for one in read_physionet2016(root).problems}


def missing_folders(letters: str):
    reason = "is missing: its recordings are not in the collection"
    return {(f"training-{letter}", None): reason for letter in letters}


def test_reads_a_recording_and_its_subject(make_physionet2016):
    """Every field, from the tables, the appendix, the annotation and the WAV header."""
    root = make_physionet2016(
        {
            "name": "a0001",
            "label": "1",
            "quality": "0",
            "Original record name": "C35S18",
            "Diagnosis": "Benign ",
            "Gender": "F",
            "Age (year)": "31",
            "Transducer site on body": "Left of apex ",
            "Recording state": "Rest   ",
        }
    )

    collection = read_physionet2016(root)

    (recording,), (subject,) = collection.recordings, collection.subjects
    assert (collection.name, collection.root) == ("physionet2016", root)
    assert collection.provenance == "real"
    assert (recording.recording_id, recording.subject_id) == ("a0001", "a0001")
    assert (recording.sample_rate, recording.num_samples) == (2000, 1000)
    assert recording.path == root / "training-a" / "a0001.wav"
    assert recording.location == "Left of apex"
    assert recording.labels == subject.labels == {"class": "abnormal", "quality": "unsure"}
    assert (subject.subject_id, subject.person_id) == ("a0001", "a-C35")
    assert subject.attributes == {
        "database": "a",
        "states": "hand_corrected",
        "original_name": "C35S18",
        "diagnosis": "Benign",
        "sex": "F",
        "age": "31",
        "activity": "Rest",
    }


def test_labels_and_quality_go_by_name(make_physionet2016):
    """The tables in another order than the files, the two unlike each other."""
    root = make_physionet2016(
        {"name": "e00010", "label": "1", "quality": "0"},
        {"name": "e00001", "label": "-1", "quality": "1"},
        {"name": "e00100", "label": "1", "quality": "1"},
        {"name": "b0001", "label": "-1", "quality": "0"},
    )

    labels = {one.recording_id: one.labels for one in read_physionet2016(root).recordings}

    assert labels == {
        "b0001": {"class": "normal", "quality": "unsure"},
        "e00001": {"class": "normal", "quality": "good"},
        "e00010": {"class": "abnormal", "quality": "unsure"},
        "e00100": {"class": "abnormal", "quality": "good"},
    }


def test_each_database_has_its_own_key_to_persons(make_physionet2016):
    """The columns of the other databases do not matter, nor does an equal number in another one."""
    root = make_physionet2016(
        {"name": "a0001", "Original record name": "C35S18", "Subject ID": "1"},
        {"name": "a0002", "Original record name": "C35S1", "Subject ID": "2"},
        {"name": "a0003", "Original record name": "C3S51"},
        {"name": "b0001", "Original record name": "S113f6_data", "Subject ID": "113"},
        {"name": "b0002", "Original record name": "S113f4_data", "Subject ID": "113.0"},
        {"name": "b0003", "Subject ID": "11", "# Raw record": "113"},
        {"name": "e00001", "# Raw record": "113"},
        {"name": "e00002", "# Raw record": "113", "Subject ID": "9"},
        {"name": "e00003", "# Raw record": "11"},
    )

    assert persons_of(read_physionet2016(root)) == {
        "a0001": "a-C35",
        "a0002": "a-C35",
        "a0003": "a-C3",
        "b0001": "b-113",
        "b0002": "b-113",
        "b0003": "b-11",
        "e00001": "e-113",
        "e00002": "e-113",
        "e00003": "e-11",
    }


def test_two_diagnoses_of_one_raw_record_stay_on_one_side(make_physionet2016):
    """The numbers begin anew for the patients: coarser than persons, and nobody is parted."""
    root = make_physionet2016(
        {"name": "e00001", "# Raw record": "61", "Diagnosis": "Normal", "label": "-1"},
        {"name": "e00002", "# Raw record": "61", "Diagnosis": "CAD", "label": "1"},
    )

    assert set(persons_of(read_physionet2016(root)).values()) == {"e-61"}


def test_recordings_without_a_key_are_their_own_persons_and_that_is_said(make_physionet2016):
    """Of c, d and f all; of e those the appendix has no row or no raw record for."""
    root = make_physionet2016(
        {"name": "c0001", "Original record name": "id41", "Subject ID": "7"},
        {"name": "c0002", "Original record name": "id41", "Subject ID": "7"},
        {"name": "d0001", "Original record name": "C014PRAU"},
        {"name": "e00001", "# Raw record": "7"},
        {"name": "e00002", "# Raw record": ""},
        {"name": "e00003", "listed": False},
        {"name": "f0001", "# Raw record": "7"},
    )
    consequence = "have no person: each is taken for a person of its own"

    collection = read_physionet2016(root)

    assert persons_of(collection) == {
        "c0001": "c0001",
        "c0002": "c0002",
        "d0001": "d0001",
        "e00001": "e-7",
        "e00002": "e00002",
        "e00003": "e00003",
        "f0001": "f0001",
    }
    assert [one.reason for one in collection.problems if "person" in one.reason] == [
        f"2 of 2 recordings in training-c {consequence}",
        f"1 of 1 recordings in training-d {consequence}",
        f"2 of 3 recordings in training-e {consequence}",
        f"1 of 1 recordings in training-f {consequence}",
    ]


def test_the_better_annotation_is_taken_and_which_is_recorded(make_physionet2016):
    """Hand-corrected before the algorithm's, the algorithm's before none."""
    root = make_physionet2016(
        *({"name": f"a000{number}", "Original record name": f"C{number}S1"} for number in (1, 2, 3))
    )
    hand = root / "annotations/hand_corrected/training-a_StateAns"
    algorithm = root / "annotations/springer_alg/training-a-Aut"
    for name in ("a0001", "a0002"):
        write_states(algorithm / f"{name}_StateAns0.mat", [(1, "S1")], name="state_ans0")
    (hand / "a0002_StateAns.mat").unlink()
    (hand / "a0003_StateAns.mat").unlink()

    collection = read_physionet2016(root)

    assert [one.states_path for one in collection.recordings] == [
        hand / "a0001_StateAns.mat",
        algorithm / "a0002_StateAns0.mat",
        None,
    ]
    assert [one.attributes.get("states") for one in collection.subjects] == [
        "hand_corrected",
        "springer_alg",
        None,
    ]
    assert problems_of(root) == {
        **missing_folders("bcdef"),
        ("training-a", None): "1 of 3 recordings in training-a have no annotated states",
    }


def test_validation_is_a_copy_and_is_left_out(make_physionet2016):
    """It has the recordings and the table of labels of its own, and adds neither."""
    root = make_physionet2016(ONE)
    (root / "validation").mkdir()
    for name in ("a0001.wav", "a0002.wav"):
        wav = (root / "training-a" / "a0001.wav").read_bytes()
        (root / "validation" / name).write_bytes(wav)
    write_lines(root / "validation" / "REFERENCE.csv", ["a0001,1", "a0002,1"])

    collection = read_physionet2016(root)

    assert [one.path for one in collection.recordings] == [root / "training-a" / "a0001.wav"]
    assert collection.recordings[0].labels["class"] == "normal"
    assert problems_of(root) == {
        **missing_folders("bcdef"),
        ("validation", None): "was left out: its recordings are copies of some in the training "
        "folders",
    }


def test_headers_with_crlf_and_an_ecg_change_nothing(make_physionet2016):
    """As in training-a: two signals in the header, the second in a file that is no sound."""
    root = make_physionet2016(ONE)
    before = read_physionet2016(root)
    write_lines(
        root / "training-a" / "a0001.hea",
        [
            "a0001 2 2000 1000",
            "a0001.wav 16+44 1 16 0 0 0 0 PCG",
            "a0001.dat 16 1000 16 0 2 11326 0 ECG",
            "# Abnormal",
        ],
        end="\r\n",
    )
    (root / "training-a" / "a0001.dat").write_bytes(b"\0" * 2000)
    write_lines(root / "training-a" / "RECORDS", ["a0001"])

    assert read_physionet2016(root) == before


@pytest.mark.parametrize("depth", ["", "1.0.0", "physionet.org/files/challenge-2016/1.0.0"])
def test_finds_the_folder_below_the_one_named(make_physionet2016, tmp_path, depth):
    root = make_physionet2016(ONE, root=tmp_path / "download" / depth)

    assert read_physionet2016(tmp_path / "download").root == root


@pytest.mark.parametrize("inner", ["training-a", "annotations"])
def test_finds_the_folder_above_the_one_named(make_physionet2016, inner):
    root = make_physionet2016(ONE)

    assert read_physionet2016(root / inner).root == root


def test_does_not_look_inside_the_folders_of_a_collection(make_physionet2016, tmp_path):
    """What lies in a folder `validation` or `annotations` is no second copy."""
    root = make_physionet2016(ONE, root=tmp_path / "download" / "1.0.0")
    for folder in ("validation", "annotations"):
        (tmp_path / "download" / folder / "old" / "training-a").mkdir(parents=True)

    assert read_physionet2016(tmp_path / "download").root == root


def test_refuses_to_choose_between_two_copies(make_physionet2016, tmp_path):
    make_physionet2016(ONE, root=tmp_path / "all" / "1.0.0")
    make_physionet2016(ONE, root=tmp_path / "all" / "old")

    with pytest.raises(DataError, match=r"several copies of training-a … training-f.*1\.0\.0.*old"):
        read_physionet2016(tmp_path / "all")


@pytest.mark.parametrize(("name", "reason"), [("", "holds no training-a"), ("gone", "not exist")])
def test_refuses_what_is_no_download_and_says_how_to_get_one(tmp_path, name, reason):
    with pytest.raises(DataError, match=rf"{reason}.*`pahcl data download physionet2016`"):
        read_physionet2016(tmp_path / name)


def test_provenance_comes_from_the_file_at_the_root(make_physionet2016):
    root = make_physionet2016(ONE)
    (root / "PROVENANCE.toml").write_text('provenance = "synthetic"')

    assert read_physionet2016(root).provenance == "synthetic"
