"""Tasks: the labels they are about are those of the collection."""

import pytest

from pahcl_core.data.circor import read_circor
from pahcl_core.data.readers import READERS
from pahcl_core.data.synthetic_circor import write_synthetic_circor
from pahcl_core.data.tasks import TASKS, task_named
from pahcl_core.errors import SettingError
from pahcl_core.metrics.challenge2022 import WEIGHTS


@pytest.fixture(scope="module")
def collection(tmp_path_factory):
    root = tmp_path_factory.mktemp("tasks") / "circor"
    write_synthetic_circor(root, num_patients=16, seed=0, duration_s=(3.0, 3.0))
    return read_circor(root)


@pytest.mark.parametrize("name", ["circor_murmur", "circor_outcome"])
def test_classes_are_the_labels_that_occur(collection, name):
    """In subjects, whom it scores; recordings, which it trains on, have no others."""
    task = TASKS[name]
    assert {s.labels[task.label] for s in collection.subjects} == set(task.classes)
    assert {r.labels[task.label] for r in collection.recordings} <= set(task.classes)


@pytest.mark.real_data
@pytest.mark.parametrize("name", ["physionet2016", "pascal"])
def test_classes_are_the_labels_that_occur_in_the_real_collection(name, request):
    task = TASKS[name]
    root = request.getfixturevalue(f"real_{task.collection}")
    collection = READERS[task.collection].read(root, max_damaged=1.0, strict=False)

    assert {s.labels.get(task.label, task.positive) for s in collection.subjects} == set(
        task.classes
    )


@pytest.mark.parametrize("name", ["circor_murmur", "circor_outcome"])
def test_what_is_positive_weighs_most_in_the_challenge(name):
    """Present, and Abnormal."""
    weights = WEIGHTS[TASKS[name].label]
    assert TASKS[name].positive == max(weights, key=weights.__getitem__)


@pytest.mark.parametrize("task", TASKS.values(), ids=lambda task: task.name)
def test_a_task_is_in_accord_with_itself_and_its_reader(task):
    """It scores a class of its own, and its people are dealt out by a label that it can score."""
    assert task.positive in task.classes
    assert len(set(task.classes)) == len(task.classes) >= 2
    reader = READERS[task.collection]
    assert task.label in (reader.split_by, *reader.also)


@pytest.mark.parametrize("name", TASKS)
def test_a_task_is_found_by_its_name(name):
    assert task_named(name).name == name


def test_a_class_is_numbered_as_the_model_puts_them_out():
    murmur = task_named("circor_murmur")
    assert [murmur.class_index(one) for one in ("Absent", "Present", "Unknown")] == [0, 1, 2]


def test_a_label_that_is_no_class_is_refused():
    with pytest.raises(ValueError, match="not in tuple"):
        task_named("circor_murmur").class_index("Normal")


def test_a_file_is_refused_where_only_names_are_known():
    with pytest.raises(SettingError, match="own are for finetune, baseline and sweep; what an enc"):
        task_named("sounds.toml")


def test_an_unknown_task_is_refused_with_the_closest_and_all_there_are():
    with pytest.raises(
        SettingError,
        match=r"no task named 'circor_outcomes', did you mean 'circor_outcome'\?; tasks: circor_m",
    ):
        task_named("circor_outcomes")
