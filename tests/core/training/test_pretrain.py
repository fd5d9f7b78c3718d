"""Pretraining: what it learns, from whom, and that labels play no part in it."""

import csv
import hashlib
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from pahcl_core.losses.hierarchical import hierarchical_loss
from pahcl_core.models.encoder import EncoderConfig
from pahcl_core.training.augmentation import AugmentationConfig
from pahcl_core.training.checkpoint import load_checkpoint
from pahcl_core.training.optimisation import OptimiserConfig
from pahcl_core.training.pretrain import pretrain
from pahcl_core.training.pretraining import _VALIDATION, Pretraining
from pahcl_core.training.settings import ScheduleConfig, SplitConfig
from pahcl_track import Tracker
from support.histories import logged
from support.objectives import contrastive

STILL = AugmentationConfig(gain=0.0, noise=0.0, shift_s=0.0)
NO_DROPOUT = EncoderConfig(width=16, num_blocks=1, state_size=4, window_s=1.024, dropout=0.0)


def first_by_hash(people, *, seed=42):
    """Two of so many, in the order of a hash that a shell can compute."""
    order = sorted(
        range(people), key=lambda n: hashlib.sha256(f"{seed}/set aside/p{n:03}".encode()).digest()
    )
    return {f"{number:03}" for number in order[:2]}


KEPT = first_by_hash(6)
KEPT_OF_ALL = first_by_hash(12)
"""Numbers of those of `make_cohort` on whom the validation loss is, by `train_on`."""


@pytest.fixture
def tracker(mocker):
    return mocker.create_autospec(Tracker, instance=True)


@pytest.fixture
def learner(pretrain_config, make_cohort, make_cohorts):
    def make(cohort=None, **changes):
        config = pretrain_config(**{"encoder": NO_DROPOUT, "augmentation": STILL, **changes})
        torch.manual_seed(0)
        cohorts = make_cohorts(config, toy=cohort or make_cohort())
        return Pretraining(config, torch.device("cpu"), cohorts)

    return make


def equal(one, other) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[n], other[n]) for n in one)


def test_the_loss_falls_where_recordings_can_be_told_apart(
    pretrain_config, make_cohort, on, tracker
):
    """On people it is trained on and on others; both terms fall."""
    on(make_cohort(train=("Absent", "Present", "Unknown") * 4))
    config = pretrain_config(
        training=ScheduleConfig(epochs=15, batch_size=16, cycles_per_recording=4),
        optimiser=OptimiserConfig(lr=5e-3),
    )

    result = pretrain(config, tracker=tracker)

    for split in ("train", "val"):
        for term in ("loss", "cycle_loss", "substructure_loss"):
            by_epoch = list(logged(tracker, f"{split}/{term}").values())
            assert len(by_epoch) == 15
            assert min(by_epoch[-3:]) < 0.75 * by_epoch[0], (split, term)
    losses = list(logged(tracker, "val/loss").values())
    assert result.metrics["best_epoch"] == 1 + losses.index(min(losses))
    assert result.metrics["val_loss"] == min(losses)


@pytest.mark.parametrize("exclude", [True, False])
def test_the_loss_is_of_two_cycles_of_each_recording(learner, make_cohort, mocker, exclude):
    """With nothing else at random, against the same model on the cycles that were paired."""
    cohort = make_cohort()
    bounds = cohort.cycles.bounds.copy()
    bounds[::3, 1:4] = bounds[::3, :1]  # of every third cycle, no phase is known
    objective = contrastive(
        cycle_weight=2.0,
        substructure_weight=0.25,
        temperature=0.3,
        exclude_same_person=exclude,
    )
    one = learner(
        replace(cohort, cycles=replace(cohort.cycles, bounds=bounds)), objective=objective
    )
    one.begin_epoch(1)
    seen = mocker.spy(type(one.source), "shifted")
    batch = np.array([0, 1, 5, 8, 30])  # the first three are of one person

    loss = one.loss(batch).item()

    pair = [call.args[1] for call in seen.mock_calls]
    with torch.no_grad():
        first, second = (one.encoder(*one.source[cycles]) for cycles in pair)
        known = [torch.from_numpy(cycles % 3 != 0) for cycles in pair]
        assert (known[0] != known[1]).any()
        expected = hierarchical_loss(
            one.heads["cycle"](first.cycle),
            one.heads["cycle"](second.cycle),
            one.heads["phase"](first.phases),
            one.heads["phase"](second.phases),
            valid=(known[0] & known[1])[:, None].expand(-1, 4),
            person=torch.tensor([7, 7, 7, 1, 3]) if exclude else None,
            temperature=0.3,
            cycle_weight=2.0,
            substructure_weight=0.25,
        )
    assert loss == pytest.approx(expected.total.item(), rel=1e-5)
    assert one.train_scores() == pytest.approx(
        {
            "train/loss": expected.total.item(),
            "train/cycle_loss": expected.cycle.item(),
            "train/substructure_loss": expected.substructure.item(),
        },
        rel=1e-5,
    )


@pytest.mark.parametrize(("positives", "same"), [("same_recording", False), ("same_cycle", True)])
def test_partners_are_as_the_objective_says(learner, positives, same, mocker):
    """Two cycles of a recording, or one cycle twice."""
    one = learner(objective=contrastive(positives=positives))
    seen = mocker.spy(type(one.source), "shifted")

    one.loss(np.arange(0, 48, 3))

    anchors, partners = (call.args[1] for call in seen.mock_calls)
    assert anchors.tolist() == list(range(0, 48, 3))
    assert (partners // 4 == anchors // 4).all()  # a recording has four cycles
    assert ((partners == anchors) == same).all()


def test_a_partner_may_be_of_another_recording_of_the_person(learner, mocker):
    """Each has two recordings of four cycles: four of the seven others are of the other one."""
    one = learner(objective=contrastive(positives="same_person"))
    seen = mocker.spy(type(one.source), "shifted")

    one.loss(np.arange(0, 48, 3))

    anchors, partners = (call.args[1] for call in seen.mock_calls)
    assert (one.person[partners] == one.person[anchors]).all()
    assert (partners != anchors).all()
    elsewhere = partners // 4 != anchors // 4
    assert elsewhere.any()
    assert not elsewhere.all()


def test_a_person_is_one_person_under_two_numbers(learner, make_cohort):
    """So that their cycles are no negatives of each other."""
    cohort = make_cohort()
    subjects = list(cohort.collection.subjects)
    subjects[1] = replace(subjects[1], person_id=subjects[0].person_id)
    collection = replace(cohort.collection, subjects=tuple(subjects))

    person = learner(replace(cohort, collection=collection)).person

    assert len(set(person[:16])) == 1  # two people with two recordings of four cycles each
    assert len(set(person[:24])) == 2
    assert len(set(person)) == 11


def test_people_of_two_collections_are_not_one_person(pretrain_config, make_cohort, make_cohorts):
    """Also where they have the same number."""
    config = pretrain_config(encoder=NO_DROPOUT)
    cohorts = make_cohorts(config, circor=make_cohort(), pascal=make_cohort())

    person = Pretraining(config, torch.device("cpu"), cohorts).person

    assert len(person) == 2 * 96
    assert len(set(person)) == 24
    assert not set(person[:96]) & set(person[96:])


def test_validation_uses_the_same_draws_after_every_epoch(learner):
    """An unchanged model has an unchanged loss, to the bit, with every augmentation on."""
    everything = AugmentationConfig(
        mask_s=0.1, stretch=0.1, band_noise=0.2, respiration=0.3, frequency_mask_octaves=0.5
    )
    one = learner(augmentation=everything)
    first = one.validate()
    one.begin_epoch(1)
    with torch.no_grad():
        one.loss(np.arange(20))  # batch statistics move on in training mode: put them back
    torch.rand(100)
    state = {name: tensor.clone() for name, tensor in learner().encoder.state_dict().items()}
    one.encoder.load_state_dict(state)

    assert one.validate() == first


def test_validation_is_without_dropout_and_on_the_people_set_aside(learner, mocker):
    one = learner(encoder=replace(NO_DROPOUT, dropout=0.5))
    seen = mocker.spy(type(one.source), "shifted")

    first = one.validate()

    assert one.validate() == first
    assert not one.encoder.training
    assert not one.heads.training
    cycles = np.concatenate([call.args[1] for call in seen.mock_calls])
    owners = {one.cycles.recordings[n].subject_id for n in one.cycles.recording[cycles]}
    assert owners == {f"toy/{number}" for number in KEPT}


def test_training_goes_on_in_training_mode(learner):
    one = learner()
    one.validate()
    one.begin_epoch(1)

    assert one.encoder.training
    assert one.heads.training


def test_what_an_epoch_draws_depends_on_its_number_alone(learner):
    """Not on what was drawn before, nor on a validation in between: it can be had again."""
    one, other = (learner(augmentation=AugmentationConfig()) for _ in range(2))
    one.begin_epoch(3)
    first = one.loss(np.arange(48)).item()
    other.begin_epoch(2)
    other.loss(np.arange(48, 80))
    other.validate()
    other.begin_epoch(3)

    assert other.loss(np.arange(48)).item() == first


def test_training_draws_other_partners_in_another_epoch(learner, mocker):
    """And others again in validation, and with another seed."""
    one, other = learner(), learner(seed=43)
    seen = mocker.spy(type(one.source), "shifted")
    for learning, epoch in ((one, 1), (one, 2), (other, 1)):
        learning.begin_epoch(epoch)
        learning.loss(np.arange(48))
    one._losses(np.arange(48), epoch=_VALIDATION)

    partners = [call.args[1].tolist() for call in seen.mock_calls][1::2]
    assert len({tuple(drawn) for drawn in partners}) == 4


def test_the_two_views_of_a_cycle_differ(learner, mocker):
    one = learner(objective=contrastive(positives="same_cycle"), augmentation=AugmentationConfig())
    seen = mocker.spy(one.encoder, "forward")
    one.begin_epoch(1)
    one.loss(np.arange(48))

    (first, _), (second, _) = (call.args for call in seen.mock_calls)
    assert (first != second).any(dim=1).all()


@pytest.mark.parametrize(("train_on", "kept"), [("train", KEPT), ("all", KEPT_OF_ALL)])
def test_who_is_set_aside_is_not_trained_on(
    pretrain_config, make_cohort, on, silent, mocker, train_on, kept
):
    """By the cycles seen in training; the checkpoint also names those who chose its epoch."""
    cohort = make_cohort()
    on(cohort)
    loss = mocker.spy(Pretraining, "loss")

    result = pretrain(pretrain_config(train_on=train_on), tracker=silent)

    numbers = {f"{number:03}" for number in range(6 if train_on == "train" else 12)}
    checkpoint = load_checkpoint(result.checkpoint)
    assert checkpoint.persons == tuple(f"toy:p{number}" for number in sorted(numbers))
    cycles = np.concatenate([call.args[1] for call in loss.mock_calls])
    owners = {cohort.cycles.recordings[n].subject_id for n in cohort.cycles.recording[cycles]}
    assert kept < numbers
    assert owners == numbers - kept
    assert result.metrics["n_persons"] == len(owners)
    assert result.metrics["n"] == {"train": 8 * len(owners), "val": 8 * len(kept)}


def test_persons_of_the_other_sides_are_not_in_the_checkpoint(pretrain_config, circor, silent):
    """From files to files."""
    result = pretrain(pretrain_config(data_dir=circor), tracker=silent)

    splits = json.loads((result.directory / "splits.json").read_text())
    persons = load_checkpoint(result.checkpoint).persons
    split = splits["circor"]
    assert persons
    assert {p.removeprefix("circor:") for p in persons} <= set(split["train"])
    assert not {f"circor:{n}" for side in ("val", "test") for n in split[side]} & set(persons)
    assert len(split["pretrain_val"]) >= 2
    assert set(split["pretrain_val"]) < set(split["train"])


def test_labels_are_of_no_use_but_for_the_split(pretrain_config, circor, silent, tmp_path):
    """With the same split on file, a collection in which everybody is well trains the same."""
    first = pretrain(pretrain_config(data_dir=circor), tracker=silent)
    root = tmp_path / "circor"
    shutil.copytree(circor, root)
    with (root / "training_data.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    with (root / "training_data.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        for row in rows:
            blank = {name: "nan" for name in row if "murmur" in name or "udible" in name}
            writer.writerow(
                {**row, **blank, "Murmur locations": "nan", "Murmur": "Absent", "Outcome": "Normal"}
            )
    split = SplitConfig(file=first.directory / "splits.json")

    second = pretrain(pretrain_config(data_dir=root, split=split), tracker=silent)

    assert second.checkpoint.read_bytes() == first.checkpoint.read_bytes()
    assert second.metrics == first.metrics


def test_the_same_seed_gives_the_same_to_the_bit(pretrain_config, circor, silent):
    results = []
    for seed, workers in ((5, 0), (5, 3), (6, 0)):
        torch.manual_seed(len(results))
        config = pretrain_config(data_dir=circor, seed=seed, num_workers=workers)
        results.append(pretrain(config, tracker=silent))

    first, again, other = results
    assert again.checkpoint.read_bytes() == first.checkpoint.read_bytes()
    assert again.metrics == first.metrics
    weights, others = (load_checkpoint(r.checkpoint).encoder for r in (first, other))
    assert not equal(weights, others)
