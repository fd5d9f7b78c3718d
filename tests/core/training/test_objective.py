"""The objective's settings: what a cycle is cut into, and how its weight rises."""

import numpy as np
import pytest
import torch

from oracles.info_nce import info_nce_by_definition, substructure_info_nce_by_definition
from pahcl_core.config import from_dict
from pahcl_core.errors import SettingError
from pahcl_core.models.encoder import Embeddings, EncoderConfig
from pahcl_core.training.augmentation import AugmentationConfig
from pahcl_core.training.loop import train
from pahcl_core.training.objective import Objective, ObjectiveConfig
from pahcl_core.training.optimisation import OptimiserConfig
from pahcl_core.training.pretraining import Pretraining
from pahcl_core.training.settings import ScheduleConfig
from pahcl_track import Tracker
from support.objectives import contrastive

STILL = AugmentationConfig(gain=0.0, noise=0.0, shift_s=0.0)
ENCODER = EncoderConfig(width=16, num_blocks=1, state_size=4, window_s=1.024, dropout=0.0)
BATCH = np.array([0, 1, 5, 8, 30])


@pytest.fixture
def learner(pretrain_config, make_cohorts):
    def make(*, training=None, **objective):
        changes = {} if training is None else {"training": training}
        config = pretrain_config(
            encoder=ENCODER, augmentation=STILL, objective=contrastive(**objective), **changes
        )
        torch.manual_seed(0)
        return Pretraining(config, torch.device("cpu"), make_cohorts(config))

    return make


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"queue_size": 0}, "queue_size must be at least 1, got 0"),
        ({"momentum": 1.0}, "momentum must be at least 0 and below 1, got 1.0"),
        ({"momentum": -0.1}, "momentum must be at least 0 and below 1, got -0.1"),
        ({"cycle_starts": 0.5, "cycle_full": 0.4}, "must rise from 0 to 1, got 0.5 and 0.4"),
        ({"cycle_starts": -0.1, "cycle_full": 0.4}, "must rise from 0 to 1, got -0.1 and 0.4"),
        ({"cycle_full": 1.1}, "must rise from 0 to 1, got 0.0 and 1.1"),
        ({"cycle_full": 0.5, "substructure_weight": 0.0}, "cycle_full is for two losses"),
        ({"cycle_full": 0.5, "cycle_weight": 0.0}, "cycle_full is for two losses"),
    ],
)
def test_senseless_settings_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        contrastive(**changes)


@pytest.mark.parametrize("value", [3, 0, "equal", True, 4.0])
def test_a_cycle_is_cut_into_two_four_or_eight(value):
    with pytest.raises(SettingError, match=r"substructures.* one of 'physiology', 2, 4, 8"):
        from_dict(ObjectiveConfig, {"substructures": value}, source="--set")


def test_the_settings_are_read_as_they_are_written():
    config = from_dict(ObjectiveConfig, {"substructures": 8}, source="--set")

    assert (config.num_equal_parts, config.num_substructures) == (8, 8)
    assert ObjectiveConfig().num_equal_parts == 0
    assert ObjectiveConfig().num_substructures == 4


@pytest.mark.parametrize(
    ("starts", "full", "weights"),
    [
        (0.0, 0.0, [0.8, 0.8, 0.8, 0.8, 0.8, 0.8]),
        (0.2, 0.6, [0.0, 0.0, 0.2, 0.4, 0.8, 0.8]),
        (0.0, 0.8, [0.0, 0.2, 0.3, 0.4, 0.6, 0.8]),
        (0.4, 0.4, [0.0, 0.0, 0.0, 0.8, 0.8, 0.8]),
        (0.6, 1.0, [0.0, 0.0, 0.0, 0.0, 0.0, 0.8]),
    ],
)
def test_the_weight_of_cycles_rises_as_by_hand(starts, full, weights):
    """At 0, 0.2, 0.3, 0.4, 0.6 and the end; a line from where it starts to where it is full."""
    config = contrastive(cycle_weight=0.8, cycle_starts=starts, cycle_full=full)

    found = [config.cycle_weight_at(done) for done in (0.0, 0.2, 0.3, 0.4, 0.6, 1.0)]
    assert found == pytest.approx(weights, abs=1e-12)


def test_the_weight_rises_step_by_step_and_is_tracked(learner, tmp_path, mocker):
    """Twelve steps, of four times 16 cycles: nothing for a third, in full from two thirds on.

    Validation always has it in full.
    """
    schedule = ScheduleConfig(epochs=4, batch_size=6, cycles_per_recording=2)
    one = learner(
        training=schedule, cycle_weight=2.0, cycle_starts=1 / 3, cycle_full=2 / 3,
        substructure_weight=0.5,
    )  # fmt: skip
    tracker = mocker.create_autospec(Tracker, instance=True)
    seen = mocker.spy(one, "_losses")

    train(
        one, schedule=schedule, optimiser=OptimiserConfig(lr=1e-12), seed=0, directory=tmp_path,
        tracker=tracker, progress=lambda items, total: items,
    )  # fmt: skip

    logs = [call.args[0] for call in tracker.log.mock_calls]
    epochs = [logged for logged in logs if "train/cycle_weight" in logged]
    means = [0.0, (0.0 + 0.0 + 0.5) / 3, (1.0 + 1.5 + 2.0) / 3, 2.0]
    assert [logged["train/cycle_weight"] for logged in epochs] == pytest.approx(means)
    in_training = [
        (loss.total - 0.5 * loss.substructure).item() / loss.cycle.item()
        for call, loss in zip(seen.mock_calls, seen.spy_return_list, strict=True)
        if call.args[1] > 0
    ]
    by_hand = [0.0] * 5 + [0.5, 1.0, 1.5] + [2.0] * 4
    assert in_training == pytest.approx(by_hand, abs=1e-5)
    for logged in epochs:
        assert logged["val/loss"] == pytest.approx(
            2 * logged["val/cycle_loss"] + 0.5 * logged["val/substructure_loss"], rel=1e-5
        )


def test_a_constant_weight_is_not_tracked(learner):
    one = learner()
    one.begin_epoch(1)
    one.loss(BATCH)

    assert set(one.train_scores()) == {"train/loss", "train/cycle_loss", "train/substructure_loss"}


def test_an_epoch_that_is_done_again_begins_with_the_weight_it_had(learner):
    """The second of four: a quarter is done."""
    one = learner(training=ScheduleConfig(epochs=4), cycle_full=1.0)
    one.after_step(1.0)
    one.begin_epoch(2)

    loss = one._losses(BATCH, 2)

    by_hand = 0.25 * loss.cycle.item() + 0.5 * loss.substructure.item()
    assert loss.total.item() == pytest.approx(by_hand, rel=1e-6)


@pytest.mark.parametrize("negatives", ["batch", "queue"])
def test_the_weight_rises_whatever_the_negatives(learner, negatives):
    one = learner(training=ScheduleConfig(epochs=4), cycle_full=1.0, negatives=negatives)
    one.begin_epoch(2)

    loss = one._losses(BATCH, 2)

    by_hand = 0.25 * loss.cycle.item() + 0.5 * loss.substructure.item()
    assert loss.total.item() == pytest.approx(by_hand, rel=1e-6)


@pytest.mark.parametrize("num_parts", [2, 4, 8])
def test_equal_parts_are_what_is_told_apart(num_parts):
    """The phases have no say then; where a part is missing in a view, it is left out."""
    torch.manual_seed(0)
    config = contrastive(substructures=num_parts, projection_size=8, temperature=0.3)
    objective = Objective(config, ENCODER).double()
    views = []
    for seed in range(2):
        rng = np.random.default_rng(seed)
        cycle, phases, parts = (
            torch.tensor(rng.normal(size=shape))
            for shape in ((5, 64), (5, 4, 16), (5, num_parts, 16))
        )
        valid = torch.tensor(rng.random((5, num_parts)) < 0.8)
        no_phases = torch.zeros(5, 4, dtype=torch.bool)
        tokens = torch.zeros(5, 0, 16)  # no loss between cycles looks at them
        views.append(Embeddings(cycle, phases, no_phases, parts, valid, tokens))
    person = [0, 0, 1, 1, 2]

    loss = objective(*views, torch.tensor(person))

    with torch.no_grad():
        cycles = [objective.heads["cycle"](view.cycle).tolist() for view in views]
        parts = [objective.heads["part"](view.parts).tolist() for view in views]
    valid = (views[0].part_valid & views[1].part_valid).tolist()
    assert any(False in row for row in valid)
    assert loss.cycle.item() == pytest.approx(
        info_nce_by_definition(*cycles, 0.3, person), rel=1e-10
    )
    assert loss.substructure.item() == pytest.approx(
        substructure_info_nce_by_definition(*parts, valid, 0.3, person), rel=1e-10
    )


def test_equal_parts_need_no_phases(learner):
    """Where no recording has any, the substructures are learnt from all the same."""
    one, plain = learner(substructures=4), learner()
    for each in (one, plain):
        bounds = each.source._bounds
        bounds[:, 1:4] = bounds[:, :1]
        each.begin_epoch(1)
        each.loss(BATCH)

    assert plain.train_scores()["train/substructure_loss"] == 0.0
    assert one.train_scores()["train/substructure_loss"] > 1.0


@pytest.mark.parametrize("num_parts", [0, 2])
@pytest.mark.parametrize(("cycle_weight", "substructure_weight"), [(0, 0), (1, 0), (0, 1), (1, 1)])
def test_what_has_no_weight_is_looked_at_as_it_is(cycle_weight, substructure_weight, num_parts):
    """And what has, in the space where it is trained."""
    torch.manual_seed(0)
    config = ObjectiveConfig(
        cycle_weight=cycle_weight,
        substructure_weight=substructure_weight,
        substructures=num_parts or "physiology",
    )
    objective = Objective(config, ENCODER)
    cycle, phases, parts = (
        torch.randn(shape) for shape in ((5, 64), (5, 4, 16), (5, num_parts, 16))
    )
    there = torch.ones(5, 4, dtype=torch.bool)
    embeddings = Embeddings(
        cycle, phases, there, parts, there[:, :num_parts], torch.zeros(5, 0, 16)
    )
    head = objective.heads["part" if num_parts else "phase"]
    within = parts if num_parts else phases

    found = objective.compared(embeddings)

    assert torch.equal(found.cycle, objective.heads["cycle"](cycle) if cycle_weight else cycle)
    assert torch.equal(found.parts, head(within) if substructure_weight else within)
