"""Who is trained on and who is scored, from files to files; the same again for the same seed."""

import csv
import json
import shutil
from collections import Counter
from dataclasses import replace

import pytest
import torch

from pahcl_core.errors import DataError
from pahcl_core.training.checkpoint import load_checkpoint
from pahcl_core.training.finetune import finetune
from pahcl_core.training.settings import ScheduleConfig, SplitConfig

ONE_EPOCH = ScheduleConfig(epochs=1, batch_size=32, cycles_per_recording=1)


@pytest.fixture(scope="module")
def rows(circor) -> list[dict[str, str]]:
    with (circor / "training_data.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def linked(circor, rows, tmp_path_factory):
    """The collection with many people who are two patients each, and who is who."""
    root = tmp_path_factory.mktemp("linked") / "circor"
    shutil.copytree(circor, root)
    absent = [row for row in rows if row["Murmur"] == "Absent"]
    changed = {row["Patient ID"]: {**row, "Additional ID": "nan"} for row in rows}
    person = {number: number for number in changed}
    for one, other in zip(absent[::2], absent[1::2], strict=False):
        first, second = one["Patient ID"], other["Patient ID"]
        changed[first]["Additional ID"] = second
        changed[second]["Additional ID"] = first
        person[second] = first
    with (root / "training_data.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(changed.values())
    assert max(Counter(person.values()).values()) == 2
    return root, person


def run(config, silent):
    result = finetune(config, tracker=silent)
    splits = json.loads((result.directory / "splits.json").read_text())
    with (result.directory / "predictions.csv").open(newline="") as file:
        return result, splits, list(csv.DictReader(file))


@pytest.mark.parametrize("seed", [0, 1, 2, 3, 4, 42])
def test_nobody_is_on_two_sides(linked, finetune_config, silent, seed):
    """By the file of the split, by the predictions and by the checkpoint."""
    root, person = linked
    result, splits, predictions = run(
        finetune_config(data_dir=root, seed=seed, training=ONE_EPOCH), silent
    )

    sides = {side: {person[number] for number in numbers} for side, numbers in splits.items()}
    assert sum(map(len, splits.values())) == len(person)
    assert sum(map(len, sides.values())) == len(set(person.values()))
    assert not sides["train"] & sides["val"]
    assert not sides["train"] & sides["test"]
    assert not sides["val"] & sides["test"]
    for side, numbers in splits.items():
        assert sorted(r["subject_id"] for r in predictions if r["split"] == side) == numbers
    trained = load_checkpoint(result.directory / "best_model.pt").persons
    assert set(trained) == {f"circor:{number}" for number in sides["train"]}


def test_few_shot_takes_whole_persons_of_the_training_side(linked, finetune_config, silent):
    """Half of each class's, rounded, at least one; all patients of whoever is taken."""
    root, person = linked
    config = finetune_config(
        data_dir=root, few_shot=True, shot_ratio=0.5, training=ONE_EPOCH, seed=3
    )
    result, splits, predictions = run(config, silent)

    used = [row for row in predictions if row["split"] == "train"]
    taken = {person[row["subject_id"]] for row in used}
    members = {number for number in splits["train"] if person[number] in taken}
    assert {row["subject_id"] for row in used} == members
    assert any(n == 2 for n in Counter(person[row["subject_id"]] for row in used).values())
    assert {row["label"] for row in used} == {"Absent", "Present", "Unknown"}
    everyone = {person[number] for number in splits["train"]}
    assert taken < everyone
    trained = load_checkpoint(result.directory / "best_model.pt").persons
    assert set(trained) == {f"circor:{number}" for number in taken}
    assert (
        f"few-shot: {len(taken)} of {len(everyone)} training persons"
        in (result.directory / "train.log").read_text()
    )
    assert sorted(r["subject_id"] for r in predictions if r["split"] == "test") == splits["test"]


def test_so_many_persons_of_each_class(circor, finetune_config, silent):
    """And it is said how many there are; more than there are is refused, with the number."""
    config = finetune_config(data_dir=circor, shots_per_class=1, training=ONE_EPOCH)
    result, _, predictions = run(config, silent)

    used = {(row["person_id"], row["label"]) for row in predictions if row["split"] == "train"}
    assert Counter(label for _, label in used) == {"Absent": 1, "Present": 1, "Unknown": 1}
    assert result.directory.name == "circor_murmur_finetune_1shot"
    log = (result.directory / "train.log").read_text()
    assert "training persons: 1 Absent, 1 Present, 1 Unknown" in log
    with pytest.raises(DataError, match="9 persons of each class are asked for, but only"):
        run(replace(config, shots_per_class=9, experiment_name="more"), silent)


def test_a_split_on_file_is_taken_as_it_is(circor, finetune_config, silent):
    """The seed does not matter then."""
    first, splits, _ = run(finetune_config(data_dir=circor, training=ONE_EPOCH, seed=1), silent)
    file = first.directory / "splits.json"

    _, again, _ = run(
        finetune_config(data_dir=circor, training=ONE_EPOCH, seed=2, split=SplitConfig(file=file)),
        silent,
    )

    assert again == splits


def same_weights(one, other) -> bool:
    first, second = (load_checkpoint(r.directory / "best_model.pt") for r in (one, other))
    pairs = [
        (first.encoder, second.encoder),
        (first.heads["classifier"], second.heads["classifier"]),
    ]
    return all(torch.equal(a[name], b[name]) for a, b in pairs for name in a)


def test_the_same_seed_gives_the_same_to_the_bit(circor, finetune_config, silent):
    """However many threads read, and whatever was drawn before; another seed gives another run."""
    results = []
    for seed, workers in ((5, 0), (5, 3), (6, 0)):
        torch.manual_seed(len(results))
        config = finetune_config(data_dir=circor, seed=seed, num_workers=workers)
        results.append(finetune(config, tracker=silent))

    first, again, other = results
    for file in ("final_metrics.json", "predictions.csv", "splits.json", "best_model.pt"):
        assert (first.directory / file).read_bytes() == (again.directory / file).read_bytes(), file
    assert same_weights(first, again)
    assert not same_weights(first, other)
    assert first.metrics["test_loss"] != other.metrics["test_loss"]


def test_a_run_leaves_the_global_generator_alone(circor, finetune_config, silent):
    before = torch.get_rng_state()
    finetune(finetune_config(data_dir=circor, training=ONE_EPOCH), tracker=silent)

    assert torch.equal(torch.get_rng_state(), before)
