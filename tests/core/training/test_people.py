"""Reading a collection for training: the same split for every use, damage told and limited."""

import logging
import shutil

import numpy as np
import pytest
from scipy.io import wavfile

from pahcl_core.data.circor import read_circor
from pahcl_core.data.folds import Fold, split_fold
from pahcl_core.data.split_files import write_split
from pahcl_core.data.splits import Split, split_people
from pahcl_core.errors import DataError
from pahcl_core.training.cohorts import read_cohorts
from pahcl_core.training.people import read_cohort
from pahcl_core.training.settings import ReadingConfig, SplitConfig


def unwatched(items, total):
    return items


@pytest.fixture
def damaged(circor, tmp_path):
    """A copy in which so many recordings have samples that are no numbers, behind a good header."""

    def make(count: int):
        root = tmp_path / "circor"
        shutil.copytree(circor, root)
        files = sorted((root / "training_data").glob("*.wav"))
        for path in files[:count]:
            wavfile.write(path, 4000, np.full(12000, np.nan, dtype=np.float32))
        return root, len(files)

    return make


@pytest.fixture(scope="module")
def pascal(tmp_path_factory):
    """A PASCAL tree: four people of each class of the task, and four of none of them."""
    root = tmp_path_factory.mktemp("pascal") / "pascal"
    rng = np.random.default_rng(0)
    lines = ["dataset,fname,label,sublabel"]
    for month, label in enumerate(("normal", "murmur", "artifact"), start=1):
        for day in range(1, 5):
            name = f"{label}__20110{month}0{day}0900.wav"
            write_noise(root / "set_a" / name, rng)
            lines.append(f"a,set_a/{name},{label},")
    for number in range(4):
        name = f"extrastole__{100 + number}_130620700000{number}_C.wav"
        write_noise(root / "set_b" / name, rng)
    (root / "set_a.csv").write_text("\r\n".join(lines) + "\r\n")
    rows = [
        f"b,set_b/Btraining_extrastole_{100 + number}_130620700000{number}_C.wav,extrastole,"
        for number in range(4)
    ]
    (root / "set_b.csv").write_text("\r\n".join(["dataset,fname,label,sublabel", *rows]) + "\r\n")
    return root


def write_noise(path, rng) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    wavfile.write(path, 4000, rng.normal(0, 1000, 4000).astype(np.int16))


def test_a_pretraining_also_takes_who_has_no_label_and_a_fine_tuning_leaves_them_out(
    pascal, finetune_config, pretrain_config, tmp_path
):
    """By the same seed and by the split that it wrote, both hold the same people out."""
    pretraining = pretrain_config(data_dir=pascal, collection="pascal", seed=3)
    everyone = read_cohorts(pretraining, unwatched).by_name["pascal"]
    write_split(tmp_path / "splits.json", everyone.split)
    on_file = SplitConfig(file=tmp_path / "splits.json")
    by_seed, by_file = (
        read_cohort(
            finetune_config(data_dir=pascal, task="pascal", seed=seed, split=split), unwatched
        )
        for seed, split in ((3, SplitConfig()), (8, on_file))
    )

    unlabelled = {s.subject_id for s in everyone.collection.subjects if "class" not in s.labels}
    assert len(unlabelled) == 4
    assert unlabelled <= set(everyone.split.train)
    assert by_file.split == by_seed.split
    assert set(by_seed.split.train) == set(everyone.split.train) - unlabelled
    assert by_seed.split.val == everyone.split.val
    assert by_seed.split.test == everyone.split.test
    assert not unlabelled & {s.subject_id for s in by_file.collection.subjects}
    assert not unlabelled & {*by_file.split.train, *by_file.split.val, *by_file.split.test}


@pytest.mark.parametrize("seed", [0, 7])
def test_pretraining_and_every_task_leave_the_same_people_out(
    circor, finetune_config, pretrain_config, seed
):
    """And it is the split by murmur and outcome that anyone can compute."""
    configs = [
        finetune_config(data_dir=circor, seed=seed, task="circor_murmur"),
        finetune_config(data_dir=circor, seed=seed, task="circor_outcome", few_shot=True),
    ]
    pretraining = read_cohorts(pretrain_config(data_dir=circor, seed=seed), unwatched)
    splits = [read_cohort(config, unwatched).split for config in configs]

    expected = split_people(
        read_circor(circor).subjects,
        label="murmur",
        also=("outcome",),
        seed=seed,
        fractions=(0.6, 0.2, 0.2),
    )
    assert [pretraining.by_name["circor"].split, *splits] == [expected] * 3


def test_the_fractions_are_those_asked_for(circor, finetune_config):
    config = finetune_config(data_dir=circor, split=SplitConfig(train=0.4, val=0.3, test=0.3))

    split = read_cohort(config, unwatched).split

    assert len(split.train) < 10
    assert len(split.test) > 3


def test_subjects_and_persons_by_number(make_cohort):
    """Subjects come in the collection's order, persons sorted and once each."""
    cohort = make_cohort()
    assert [s.subject_id for s in cohort.subjects(["004", "001", "001"])] == ["001", "004"]
    assert cohort.persons(["004", "001"]) == ("toy:p001", "toy:p004")
    assert isinstance(cohort.split, Split)


def test_everything_is_watched(circor, finetune_config):
    shown = []

    def watch(items, total):
        shown.append(total)
        return items

    cohort = read_cohort(finetune_config(data_dir=circor), watch)

    assert shown == [len(cohort.collection.recordings)]


def test_damage_found_late_is_set_aside_and_told(damaged, finetune_config, caplog):
    root, total = damaged(2)
    with caplog.at_level(logging.INFO, logger="pahcl_core"):
        cohort = read_cohort(finetune_config(data_dir=root), unwatched)

    assert len(cohort.cycles.recordings) == total - 2
    assert len(cohort.problems) == 2
    (warning,) = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert warning.startswith("2 things in the data could not be used: training_data/")
    assert "are not finite numbers; the recording was left out" in warning
    assert f"read {total - 2} recordings of 16 subjects (synthetic)" in caplog.messages[-1]


def test_of_many_problems_the_first_three_are_shown(damaged, finetune_config, caplog):
    root, _ = damaged(5)
    config = finetune_config(data_dir=root, reading=ReadingConfig(max_damaged=1.0))
    with caplog.at_level(logging.INFO, logger="pahcl_core"):
        read_cohort(config, unwatched)

    (warning,) = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert warning.count("training_data/") == 3
    assert warning.endswith("; and 2 more, in train.log")
    told = [r.getMessage() for r in caplog.records if r.levelno == logging.INFO]
    assert sum(line.startswith("training_data/") for line in told) == 5


def test_too_much_damage_in_the_samples_is_refused(damaged, finetune_config):
    """As too many bad headers are: the limit is a share of the recordings."""
    root, total = damaged(4)
    limit = 3 / total
    config = finetune_config(data_dir=root, reading=ReadingConfig(max_damaged=limit))

    with pytest.raises(
        DataError,
        match=rf"4 of {total} recordings cannot be used, more than {limit:.0%}; the first: train",
    ):
        read_cohort(config, unwatched)

    config = finetune_config(data_dir=root, reading=ReadingConfig(max_damaged=4 / total))
    assert len(read_cohort(config, unwatched).cycles.recordings) == total - 4


def test_a_strict_reading_stops_at_damage_in_the_samples(damaged, finetune_config):
    root, _ = damaged(1)
    config = finetune_config(data_dir=root, reading=ReadingConfig(strict=True))

    with pytest.raises(DataError, match=r"training_data/\d+_\w+.wav: .* not finite numbers"):
        read_cohort(config, unwatched)


def test_a_strict_reading_of_a_sound_collection_passes(circor, finetune_config):
    config = finetune_config(data_dir=circor, reading=ReadingConfig(strict=True))

    assert read_cohort(config, unwatched).problems == ()


def test_the_reader_is_as_forgiving_as_asked(damaged, finetune_config):
    """A header cut off, which the reader itself finds."""
    root, _ = damaged(0)
    path = next((root / "training_data").glob("*.wav"))
    path.write_bytes(path.read_bytes()[:1000])

    assert len(read_cohort(finetune_config(data_dir=root), unwatched).problems) >= 1
    with pytest.raises(DataError, match="is truncated"):
        read_cohort(finetune_config(data_dir=root, reading=ReadingConfig(strict=True)), unwatched)


@pytest.mark.parametrize("fold", [1, 3])
def test_a_fold_leaves_the_same_people_out_whatever_the_task_and_the_seed(
    circor, finetune_config, pretrain_config, fold
):
    """So an encoder pretrained with a fold has never heard whom any task tests on in it."""
    split = SplitConfig(folds=3, fold=fold)
    pretraining = read_cohorts(pretrain_config(data_dir=circor, seed=5, split=split), unwatched)
    splits = [
        read_cohort(finetune_config(data_dir=circor, seed=seed, task=task, split=split), unwatched)
        for seed, task in ((0, "circor_murmur"), (1, "circor_outcome"))
    ]

    expected = split_fold(
        read_circor(circor).subjects,
        labels=("murmur", "outcome"),
        fold=Fold(number=fold, count=3),
        seed=42,
        train_and_val=(0.6, 0.2),
    )
    assert [one.split for one in splits] == [expected, expected]
    assert pretraining.by_name["circor"].split == expected
    test = set(splits[0].persons(expected.test))
    assert test.isdisjoint(pretraining.persons(pretraining.train, pretraining.val))
