"""Reading a folder with a table of one's own: what is taken, set aside, refused."""

import sys

import numpy as np
import pytest
import soundfile
from scipy.io import wavfile

from pahcl_core.data.folder import read_folder
from pahcl_core.data.preparation import SignalConfig
from pahcl_core.errors import DataError, SettingError
from support.prepared import prepare
from support.recordings import write_lines, write_wav


@pytest.fixture
def make(tmp_path):
    """Write a table, and a WAV file for every path in its first column; returns the two paths."""

    def make(*lines: str, header: str = "path,subject,murmur"):
        root = tmp_path / "own"
        for line in lines:
            path = line.split(",")[0]
            if path.endswith(".wav") and ".." not in path:
                write_wav(root / path, rate=4000)
        write_lines(root / "table.csv", [header, *lines])
        return root, root / "table.csv"

    return make


def read(paths, labels=("murmur",), **options):
    return read_folder(*paths, labels=labels, **options)


def reasons(paths, **options):
    return {(one.file, one.row): one.reason for one in read(paths, **options).problems}


def test_recordings_of_a_subject_belong_together(make):
    """Every field, from the table and the WAV header; the columns in any order."""
    paths = make(
        "a/1.wav,ann,yes,AV,x",
        "b.wav,bob,no,,x",
        "a/2.wav,ann,yes,MV,x",
        header="path,subject,murmur,location,sound",
    )

    collection = read(paths, ["sound", "murmur"])

    assert (collection.name, collection.root, collection.provenance) == ("folder", paths[0], "real")
    assert collection.problems == ()
    assert [(one.recording_id, one.subject_id, one.location) for one in collection.recordings] == [
        ("a/1.wav", "ann", "AV"),
        ("b.wav", "bob", None),
        ("a/2.wav", "ann", "MV"),
    ]
    first = collection.recordings[0]
    assert (first.path, first.sample_rate, first.num_samples) == (paths[0] / "a/1.wav", 4000, 1000)
    assert first.labels == {"murmur": "yes", "sound": "x"}
    assert first.states_path is None
    assert [(one.subject_id, one.person_id, one.labels) for one in collection.subjects] == [
        ("ann", "ann", {"murmur": "yes", "sound": "x"}),
        ("bob", "bob", {"murmur": "no", "sound": "x"}),
    ]


def test_with_recordings_as_units_each_is_a_subject_of_its_person(make):
    paths = make("1.wav,ann,yes", "2.wav,ann,no", "3.wav,bob,no")

    collection = read(paths, unit="recording")

    assert [(one.subject_id, one.person_id, one.labels) for one in collection.subjects] == [
        ("1.wav", "ann", {"murmur": "yes"}),
        ("2.wav", "ann", {"murmur": "no"}),
        ("3.wav", "bob", {"murmur": "no"}),
    ]
    assert [one.subject_id for one in collection.recordings] == ["1.wav", "2.wav", "3.wav"]


def test_a_table_may_lie_elsewhere_and_have_no_labels(make, tmp_path):
    """Problems then name it by its own path."""
    root, table = make("1.wav,ann", header="path,subject")
    elsewhere = table.rename(tmp_path / "elsewhere.csv")
    elsewhere.write_text(elsewhere.read_text() + "2.wav,ann\n")

    collection = read((root, elsewhere), (), max_damaged=0.5)

    assert collection.recordings[0].labels == collection.subjects[0].labels == {}
    assert [(one.file, one.row) for one in collection.problems] == [(str(elsewhere), 3)]


def test_an_empty_cell_is_a_missing_label(make):
    collection = read(make("1.wav,ann,", "2.wav,bob,no"))

    assert [one.labels for one in collection.recordings] == [{}, {"murmur": "no"}]


MANY = [f"{number}.wav,s{number},no" for number in range(40)]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (",ann,yes", "names no path; the row was left out"),
        ("0.wav,,yes", "names no subject"),
        ("gone.txt,ann,yes", "names 'gone.txt', which is neither WAV nor FLAC"),
        (".,ann,yes", "names '.', which is neither WAV nor FLAC"),
        ("gone.WAV,ann,yes", "names 'gone.WAV', which is not there"),
        ("0.wav,ann,yes", "names '0.wav', which row 2 names already"),
        ("./a/../0.wav,ann,yes", "names '0.wav', which row 2 names already"),
        ("0.wav,ann", "has 2 fields, not 3"),
    ],
)
def test_leaves_out_a_bad_row_and_says_which(make, line, reason):
    root, table = make(*MANY)
    table.write_text(table.read_text() + line + "\n")

    problems = reasons((root, table))

    assert list(problems) == [("table.csv", 42)]
    assert problems["table.csv", 42].startswith(reason)
    assert len(read((root, table)).recordings) == 40
    with pytest.raises(DataError, match=r"table\.csv, row 42: .*the row was left out"):
        read((root, table), strict=True)


def test_refuses_a_table_of_which_too_much_is_bad(make):
    paths = make(*MANY[:10], ",ann,no")

    with pytest.raises(DataError, match=r"1 of 11 rows cannot be used, more than 5%"):
        read(paths)
    assert len(read(paths, max_damaged=0.1).recordings) == 10


@pytest.mark.parametrize("path", ["../other.wav", "a/../../other.wav", "{absolute}", "link.wav"])
def test_refuses_a_path_that_leads_out_of_the_folder(make, tmp_path, path):
    """Relative, on a detour, absolute, or by a link; whatever the share that is tolerated."""
    write_wav(tmp_path / "other.wav", rate=4000)
    root, table = make(*MANY)
    (root / "link.wav").symlink_to(tmp_path / "other.wav")
    path = path.format(absolute=tmp_path / "other.wav")
    table.write_text(f"{table.read_text()}{path},ann,no\n")

    with pytest.raises(DataError, match=r"table\.csv: row 42: the path .* leads out of "):
        read((root, table), max_damaged=1.0)


def test_a_link_that_stays_inside_is_followed(make):
    root, table = make("1.wav,ann,no")
    (root / "2.wav").symlink_to("1.wav")
    table.write_text(table.read_text() + "2.wav,ann,no\n")

    assert [one.recording_id for one in read((root, table)).recordings] == ["1.wav", "2.wav"]


def test_a_folder_named_by_a_link_is_read(make, tmp_path):
    root, _ = make("1.wav,ann,no")
    (tmp_path / "link").symlink_to(root)

    collection = read((tmp_path / "link", tmp_path / "link" / "table.csv"))

    assert collection.recordings[0].path == tmp_path / "link" / "1.wav"


def test_a_row_that_contradicts_its_subject_is_left_out(make):
    """The first row counts, and the message says how to have it otherwise."""
    paths = make(*MANY, "x.wav,s0,yes")

    assert reasons(paths) == {
        ("table.csv", 42): "labels subject 's0' murmur 'yes', but row 2 labels it murmur 'no'; the "
        "row was left out: where recordings, not subjects, have labels, read them with unit "
        "'recording'"
    }
    assert read(paths).subject("s0").labels == {"murmur": "no"}
    assert reasons(paths, unit="recording") == {}


def test_columns_that_are_not_read_are_said(make):
    """With the nearest one that would be; what is meant for nothing that is missing is not."""
    paths = make("1.wav,ann,no,3,AV", header="path,subject,murmur,age,Location")

    assert reasons(paths) == {
        ("table.csv", 1): "the column 'Location' was not read, did you mean 'location'?; columns "
        "that were: path, subject, murmur"
    }
    assert [one.reason.split(";")[0] for one in read(paths).problems] == [
        "the column 'Location' was not read, did you mean 'location'?",
    ]


@pytest.mark.parametrize("column", ["path", "subject", "murmur"])
def test_refuses_a_missing_column_and_lists_those_there_are(make, column):
    header = "path,subject,murmur".replace(column, "other")

    with pytest.raises(DataError, match=rf"table\.csv: has no column '{column}'; .*other"):
        read(make("1.wav,ann,no", header=header))


def test_refuses_a_column_that_is_there_twice(make):
    with pytest.raises(DataError, match=r"table\.csv: has 2 columns 'subject'"):
        read(make("1.wav,ann,no,bob", header="path,subject,murmur,subject"))


@pytest.mark.parametrize("label", ["path", "subject", "location"])
def test_refuses_a_label_that_is_no_label(make, label):
    with pytest.raises(SettingError, match=rf"the column '{label}' cannot be a label"):
        read(make("1.wav,ann,no"), [label])


def test_refuses_a_table_that_is_not_utf_8_and_names_the_row(make):
    root, table = make("1.wav,ann,no", "2.wav,bob,no")
    table.write_bytes(table.read_bytes() + "3.wav,Zoë,no\n".encode("latin-1"))

    with pytest.raises(DataError, match=r"table\.csv: is not a table in UTF-8: row 4: "):
        read((root, table))


def test_subjects_may_have_any_name(make):
    root, table = make("1.wav,Zoë Ø.,no")

    assert read((root, table)).subjects[0].person_id == "Zoë Ø."


@pytest.mark.parametrize(("name", "reason"), [("gone", "not exist"), ("own/1.wav", "not a folder")])
def test_refuses_what_is_no_folder(make, tmp_path, name, reason):
    _, table = make("1.wav,ann,no")

    with pytest.raises(DataError, match=reason):
        read((tmp_path / name, table))


def test_refuses_a_table_without_a_usable_row(make):
    root, table = make()

    with pytest.raises(DataError, match=r"table\.csv: not one recording in it can be used"):
        read((root, table))


def test_sets_a_damaged_recording_aside(make):
    """With its subject; three of 40 are too many."""
    root, table = make(*MANY)
    for name in ("0.wav", "1.wav"):
        (root / name).write_bytes(b"RIFF")

    collection = read((root, table))

    assert len(collection.recordings) == len(collection.subjects) == 38
    assert str(collection.problems[0]) == (
        "0.wav: is not a WAV file (no RIFF/WAVE header); the recording was left out"
    )
    with pytest.raises(DataError, match=r"0\.wav: is not a WAV file"):
        read((root, table), strict=True)
    (root / "2.wav").write_bytes(b"RIFF")
    with pytest.raises(DataError, match=r"3 of 40 recordings cannot be used"):
        read((root, table))


def test_reads_any_rate_and_width(tmp_path):
    """Also names in capitals, and FLAC; every one is prepared to the same rate."""
    seconds = np.arange(8000) / 8000
    sound = 0.5 * np.sin(2 * np.pi * 60 * seconds)
    wavfile.write(tmp_path / "1.WAV", 8000, (sound * 2**15).astype(np.int16))
    wavfile.write(tmp_path / "2.wav", 8000, sound.astype(np.float32))
    soundfile.write(tmp_path / "3.flac", sound, 8000, subtype="PCM_24")
    stereo = (np.column_stack([sound, sound]) * 2**31).astype(np.int32)
    wavfile.write(tmp_path / "4.wav", 8000, stereo)
    lines = ["1.WAV,a", "2.wav,b", "3.flac,c", "4.wav,d"]
    write_lines(tmp_path / "table.csv", ["path,subject", *lines])

    collection = read((tmp_path, tmp_path / "table.csv"), ())
    cycles, problems = prepare(collection, SignalConfig(sample_rate=2000))

    assert problems == collection.problems == ()
    assert [(one.sample_rate, one.num_samples) for one in collection.recordings] == [
        (8000, 8000)
    ] * 4
    assert np.diff(cycles.offsets).tolist() == [2000] * 4
    first, *others = cycles.samples.reshape(4, 2000)
    for other in others:
        np.testing.assert_allclose(other, first, atol=1e-3)


def test_flac_without_soundfile_names_the_command_that_installs_it(make, monkeypatch):
    """Once, instead of setting every FLAC file aside; WAV files need nothing."""
    root, table = make(*MANY)
    monkeypatch.setitem(sys.modules, "soundfile", None)
    assert len(read((root, table)).recordings) == 40
    (root / "x.flac").touch()
    table.write_text(table.read_text() + "x.flac,ann,no\n")

    with pytest.raises(DataError, match=r"one more package: pip install 'pahcl-core\[flac\]'"):
        read((root, table), max_damaged=1.0)
