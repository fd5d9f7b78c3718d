"""Reading CirCor: labels, persons, and the ways in which a download can be wrong."""

import pytest

from pahcl_core.data.circor import read_circor
from pahcl_core.errors import DataError


def labels_of(collection, name):
    return {one.recording_id: one.labels[name] for one in collection.recordings}


def persons_of(collection):
    return {one.subject_id: one.person_id for one in collection.subjects}


def present(locations: str, at: str = "AV+PV+MV", **columns: str) -> dict[str, str]:
    return {
        "Patient ID": "7",
        "Murmur": "Present",
        "Murmur locations": locations,
        "Recording locations:": at,
        **columns,
    }


def test_reads_a_recording_and_its_subject(make_circor):
    """Every field, from the table, the file's name and the WAV header."""
    root = make_circor({"Patient ID": "7", "Age": "Child", "Height": "98.0", "Campaign": "CC2014"})

    collection = read_circor(root)

    (recording,), (subject,) = collection.recordings, collection.subjects
    assert (collection.name, collection.root, collection.problems) == ("circor", root, ())
    assert (recording.recording_id, recording.subject_id) == ("7_AV", "7")
    assert (recording.sample_rate, recording.num_samples, recording.location) == (4000, 1000, "AV")
    assert recording.path == root / "training_data" / "7_AV.wav"
    assert recording.states_path == root / "training_data" / "7_AV.tsv"
    assert recording.labels == {"murmur": "Absent", "outcome": "Normal"}
    assert subject.labels == {"murmur": "Absent", "outcome": "Normal"}
    assert subject.attributes == {
        "recording_locations": "AV",
        "age": "Child",
        "height": "98.0",
        "campaign": "CC2014",
    }


def test_a_murmur_is_present_where_it_was_heard(make_circor):
    collection = read_circor(make_circor(present("MV+AV", **{"Outcome": "Abnormal"})))

    assert labels_of(collection, "murmur") == {
        "7_AV": "Present",
        "7_PV": "Absent",
        "7_MV": "Present",
    }
    assert set(labels_of(collection, "outcome").values()) == {"Abnormal"}
    assert collection.subjects[0].labels == {"murmur": "Present", "outcome": "Abnormal"}


def test_a_murmur_heard_nobody_says_where_is_present_everywhere(make_circor):
    collection = read_circor(make_circor(present("nan")))

    assert set(labels_of(collection, "murmur").values()) == {"Present"}


@pytest.mark.parametrize("murmur", ["Absent", "Unknown"])
def test_other_labels_hold_everywhere(make_circor, murmur):
    """Even where the row contradicts itself by naming locations."""
    collection = read_circor(make_circor(present("AV", Murmur=murmur)))

    assert set(labels_of(collection, "murmur").values()) == {murmur}


def test_labels_never_come_from_another_row(make_circor):
    """Numbers of which one begins like the other, and rows in another order than the files."""
    root = make_circor(
        {"Patient ID": "70", "Murmur": "Unknown", "Outcome": "Abnormal"},
        {"Patient ID": "7", "Murmur": "Absent", "Outcome": "Normal"},
        {"Patient ID": "700", "Murmur": "Present", "Outcome": "Abnormal"},
    )

    collection = read_circor(root)

    assert labels_of(collection, "murmur") == {
        "70_AV": "Unknown",
        "7_AV": "Absent",
        "700_AV": "Present",
    }
    assert {one.subject_id for one in collection.recordings} == {"7", "70", "700"}


def test_repeats_at_a_location_share_its_label(make_circor):
    root = make_circor(present("MV", at="MV+MV+AV"), wavs=["7_MV_1", "7_MV_2", "7_AV"])

    collection = read_circor(root)

    assert labels_of(collection, "murmur") == {
        "7_AV": "Absent",
        "7_MV_1": "Present",
        "7_MV_2": "Present",
    }
    assert [one.location for one in collection.recordings] == ["AV", "MV", "MV"]
    assert collection.problems == ()


def test_linked_patients_are_one_person(make_circor):
    """Pairs from either side, as a float, and chains; the smallest number names the person."""
    root = make_circor(
        {"Patient ID": "9", "Additional ID": "100.0"},
        {"Patient ID": "100", "Additional ID": "9"},
        {"Patient ID": "30", "Additional ID": "20"},
        {"Patient ID": "20"},
        {"Patient ID": "21", "Additional ID": "30"},
        {"Patient ID": "50"},
        {"Patient ID": "61", "Additional ID": "60"},
    )

    assert persons_of(read_circor(root)) == {
        "9": "9",
        "100": "9",
        "30": "20",
        "20": "20",
        "21": "20",
        "50": "50",
        "61": "60",
    }


def test_chains_that_meet_become_one_person(make_circor):
    root = make_circor(
        {"Patient ID": "1", "Additional ID": "2"},
        {"Patient ID": "3", "Additional ID": "4"},
        {"Patient ID": "2", "Additional ID": "3"},
        {"Patient ID": "4"},
    )

    assert set(persons_of(read_circor(root)).values()) == {"1"}


def test_two_patients_who_share_a_partner_that_is_left_out_are_one_person(make_circor):
    root = make_circor(
        *({"Patient ID": str(number)} for number in range(100, 140)),
        {"Patient ID": "1", "Additional ID": "2"},
        {"Patient ID": "3", "Additional ID": "2"},
        {"Patient ID": "2", "Murmur": "Maybe"},
    )

    persons = persons_of(read_circor(root))

    assert persons["1"] == persons["3"] == "1"


@pytest.mark.parametrize("depth", ["", "1.0.3", "physionet.org/files/circor-heart-sound/1.0.3"])
def test_finds_the_folder_below_the_one_named(make_circor, tmp_path, depth):
    top = tmp_path / "download"
    root = make_circor({"Patient ID": "7"}, root=top / depth)

    assert read_circor(top).root == root


def test_finds_the_folder_above_the_recordings(make_circor):
    root = make_circor({"Patient ID": "7"})

    assert read_circor(root / "training_data").root == root


def test_refuses_to_choose_between_two_copies(make_circor, tmp_path):
    make_circor({"Patient ID": "7"}, root=tmp_path / "all" / "1.0.2")
    make_circor({"Patient ID": "7"}, root=tmp_path / "all" / "1.0.3")

    with pytest.raises(DataError, match=r"several copies.*1\.0\.2.*1\.0\.3"):
        read_circor(tmp_path / "all")


def test_refuses_a_missing_folder_and_says_how_to_get_one(tmp_path):
    with pytest.raises(DataError, match=r"gone does not exist; `pahcl data download circor`"):
        read_circor(tmp_path / "gone")


def test_refuses_a_folder_without_the_table_and_says_what_is_there(tmp_path):
    (tmp_path / "notes.txt").touch()

    with pytest.raises(DataError, match=r"holds no training_data.csv .*notes\.txt.*synth circor"):
        read_circor(tmp_path)


def test_refuses_a_table_without_recordings(make_circor):
    with pytest.raises(DataError, match="no WAV file of any patient"):
        read_circor(make_circor({"Patient ID": "7"}, wavs=[]))
