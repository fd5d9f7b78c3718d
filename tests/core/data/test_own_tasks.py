"""Tasks of one's own: read from a file, refused where they make no sense; their folders read."""

import shutil
from dataclasses import replace

import pytest

from pahcl_core.data.folder import read_unlabelled_folder
from pahcl_core.data.folder_task import read_folder_task
from pahcl_core.data.preparation import SignalConfig
from pahcl_core.data.readers import READERS, reader_of_task
from pahcl_core.data.store import prepare
from pahcl_core.data.synthetic_folder import write_synthetic_folder
from pahcl_core.data.tasks import TASKS, Task, read_task, task_of
from pahcl_core.errors import DataError, SettingError

OURS = Task(name="ours", label="murmur", classes=("absent", "present"), positive="present")
FILE = """
name = "ours"
label = "murmur"
classes = ["absent", "present"]
positive = "present"
"""


def test_a_file_is_a_task(tmp_path):
    (tmp_path / "t.toml").write_text(FILE)

    assert read_task(tmp_path / "t.toml") == OURS


@pytest.mark.parametrize(
    ("was", "now", "message"),
    [
        ('name = "ours"', "", "t.toml: name is missing"),
        ("ours", "our task", "a task is named by letters, digits, _ and -, not 'our task'"),
        ("ours", "pascal", "'pascal' is a task already; give your own another name"),
        ('["absent", "present"]', '["present"]', "classes must be two or more, each once"),
        ('["absent", "present"]', '["present", "present"]', "classes must be two or more, each"),
        ('["absent", "present"]', '["present", ""]', "a class is empty"),
        (
            'positive = "present"', 'positive = "Present"',
            "'Present' is not one of absent, present, did you mean 'present'",
        ),
        ("positive", "postive", "there is no setting 'postive', did you mean 'positive'"),
        ("name", 'pooling = "max"\nname', "pooling = 'max', but it must be one of 'mean', 'any'"),
        ("name", 'unit = "cycle"\nname', "unit = 'cycle', but it must be one of 'patient', 'reco"),
        ("name", 'collection = "circor"\nname', "is about a folder, not 'circor'"),
    ],
)  # fmt: skip
def test_a_file_that_makes_no_sense_is_refused_by_its_line(tmp_path, was, now, message):
    (tmp_path / "t.toml").write_text(FILE.replace(was, now, 1))

    with pytest.raises(SettingError, match=message):
        read_task(tmp_path / "t.toml")


def test_the_task_of_a_run_is_its_own_or_one_of_all():
    assert task_of("pascal", None) is TASKS["pascal"]
    assert task_of("ours", OURS) is OURS
    with pytest.raises(SettingError, match=r"called 'theirs', but own_task\.name is 'ours'"):
        task_of("theirs", OURS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("own") / "clinic"
    write_synthetic_folder(root, num_subjects=6, seed=0, duration_s=(3.0, 3.0))
    return root


@pytest.fixture
def table(folder):
    """A function that changes a copy of the table, beside it, and names it."""
    made = []

    def change(was, now):
        path = folder / "changed.csv"
        path.write_text((folder / "recordings.csv").read_text().replace(was, now))
        made.append(path)
        return path.name

    yield change
    for path in made:
        path.unlink()


def test_patients_have_the_label_of_their_recordings(folder):
    collection = read_folder_task(folder, OURS)

    assert len(collection.subjects) == 6
    assert len(collection.recordings) == 12
    assert {s.labels["murmur"] for s in collection.subjects} == {"absent", "present"}
    assert collection.problems == ()
    assert reader_of_task(OURS).labels == ("murmur",)
    assert reader_of_task(TASKS["pascal"]) is READERS["pascal"]


def test_a_folder_is_prepared_once_whatever_it_is_called(folder, tmp_path):
    """For pretraining without labels, and for a task on the same files elsewhere."""
    moved = shutil.copytree(folder, tmp_path / "moved")
    store = tmp_path / "store"

    for collection in (read_unlabelled_folder(folder), read_folder_task(moved, OURS)):
        prepare(collection, SignalConfig(), store=store)

    (made,) = (one.name for one in store.iterdir() if one.name not in {".lock", "parts"})
    assert made.startswith("folder-")


def test_recordings_may_be_what_is_scored(folder, table):
    """Then those of one person may differ; the person stays whose they are."""
    name = table("s001_AV.wav,s001,AV,absent", "s001_AV.wav,s001,AV,present")
    name = name if "s001,AV,present" in (folder / name).read_text() else table(
        "s001_AV.wav,s001,AV,present", "s001_AV.wav,s001,AV,absent"
    )  # fmt: skip

    collection = read_folder_task(folder, replace(OURS, unit="recording", table=name))

    first, second = collection.subjects[:2]
    assert first.person_id == second.person_id == "s001"
    assert first.labels != second.labels


def test_what_is_no_class_is_left_without_a_label_and_told(folder, table):
    name = table(",present", ",Present")
    task = replace(OURS, table=name)

    collection = read_folder_task(folder, task, max_damaged=0.0)

    count = sum(not subject.labels for subject in collection.subjects)
    assert count == 3
    assert all(not r.labels for r in collection.recordings if r.subject_id in
               {s.subject_id for s in collection.subjects if not s.labels})  # fmt: skip
    assert [str(one) for one in collection.problems] == [
        f"changed.csv: {count} patients with murmur 'Present', which is no class of ours, did you "
        "mean 'present'?; left out"
    ]
    with pytest.raises(DataError, match="3 patients with murmur 'Present'"):
        read_folder_task(folder, task, strict=True)
    with pytest.raises(DataError, match="holds 'Present', 'absent', and no class of ours: x, y"):
        read_folder_task(folder, replace(task, classes=("x", "y"), positive="y"))


def test_a_column_that_is_not_there_is_named(folder):
    with pytest.raises(DataError, match=r"recordings.csv: has no column 'murmer'; its columns"):
        read_folder_task(folder, replace(OURS, label="murmer"))
