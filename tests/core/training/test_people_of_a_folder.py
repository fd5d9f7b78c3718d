"""Pretraining on a folder of one's own: everyone is dealt out, without a single label."""

from dataclasses import replace
from pathlib import Path

import pytest

from pahcl_core.data.synthetic_folder import write_synthetic_folder
from pahcl_core.training.cohorts import read_cohorts
from pahcl_core.training.people import num_known
from pahcl_core.training.pretrain import pretrain


def unwatched(items, total):
    return items


def write(root):
    """Eight subjects, recorded twice each."""
    write_synthetic_folder(root, num_subjects=8, seed=2, duration_s=(3.0, 3.5))
    return root


@pytest.fixture(scope="module")
def unlabelled(tmp_path_factory):
    """Their recordings, and a table without the label."""
    root = write(tmp_path_factory.mktemp("own") / "recordings of mine")
    table = root / "recordings.csv"
    lines = [line.rsplit(",", 1)[0] for line in table.read_text().splitlines()]
    table.write_text("\n".join(lines) + "\n")
    return root


def test_everyone_is_on_one_side(unlabelled, pretrain_config):
    cohorts = read_cohorts(pretrain_config(data_dir=unlabelled, collection="folder"), unwatched)

    cohort = cohorts.by_name["folder"]
    split = cohort.split
    sides = [set(split.train), set(split.val), set(split.test)]
    assert [len(side) for side in sides] == [5, 2, 1] or [len(side) for side in sides] == [5, 1, 2]
    assert set.union(*sides) == {f"s{number:03}" for number in range(1, 9)}
    assert cohort.problems == ()
    assert len(cohort.cycles.recordings) == 16
    assert cohorts.persons({"folder": ["s002"]}) == ("folder:s002",)


def test_labels_that_are_there_change_nothing(unlabelled, pretrain_config, tmp_path):
    """The table with a label gives the split and the cycles of the table without."""
    first, second = (
        read_cohorts(pretrain_config(data_dir=root, collection="folder"), unwatched)
        for root in (unlabelled, write(tmp_path / "labelled"))
    )

    assert first.by_name["folder"].split == second.by_name["folder"].split
    assert first.train == second.train
    assert (first.cycles.bounds == second.cycles.bounds).all()


def test_an_encoder_can_be_pretrained(unlabelled, pretrain_config, silent):
    config = pretrain_config(data_dir=unlabelled, collection="folder")

    metrics = pretrain(config, tracker=silent).metrics

    assert metrics["provenance"] == "synthetic"
    assert metrics["n_persons"] == 3
    assert metrics["collections"]["folder"]["n_persons"] == {"train": 3, "val": 2}
    assert metrics["not_used"] == 0


@pytest.mark.parametrize(
    ("pretrained_on", "under_test"),
    [
        ("folder:007", "007"),
        ("folder:clinic_a:007", "007"),
        ("folder:clinic_a:007", "clinic_a:007"),  # of a plain folder that has such names
        ("folder:clinic_a:ward:007", "ward:007"),
        ("folder:clinic 1:007", "clinic 1:007"),
    ],
)
def test_persons_seen_in_pretraining_are_known_whatever_stands_before_a_colon(
    make_cohort, caplog, pretrained_on, under_test
):
    """The first of three persons under test was, and nobody else."""
    cohort = make_cohort()
    first = cohort.split.test[0]
    subjects = tuple(
        replace(one, person_id=under_test) if one.subject_id == first else one
        for one in cohort.collection.subjects
    )
    cohort = replace(
        cohort, collection=replace(cohort.collection, name="folder", subjects=subjects)
    )

    assert num_known(cohort, [pretrained_on, "folder:other"], source=Path("x")) == 1
    assert "was trained on 1 of the 3 persons" in caplog.text
