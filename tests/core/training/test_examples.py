"""What is taught and what a mistake costs, by hand: for whole units and for single cycles."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from pahcl_core.data.tasks import TASKS
from pahcl_core.losses.classification import LossConfig
from pahcl_core.training.examples import CycleExamples, UnitExamples, class_weights
from pahcl_core.training.units import UnitDraws, units_of
from pahcl_core.training.windows import epoch_of

MURMUR = TASKS["circor_murmur"]
THREE_ONE_TWO = ("Absent", "Absent", "Absent", "Present", "Unknown", "Unknown")
CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("count", "power", "expected"),
    [
        ((6, 2, 4), 1.0, [12 / (3 * 6), 12 / (3 * 2), 12 / (3 * 4)]),
        ((6, 2, 4), 0.5, [math.sqrt(2 / 3), math.sqrt(2), 1.0]),
        ((6, 2, 4), 0.0, [1.0, 1.0, 1.0]),
        ((4, 2, 0), 1.0, [6 / (3 * 4), 6 / (3 * 2), 1.0]),
    ],
)
def test_rare_classes_weigh_more(count, power, expected):
    """All over classes times those of the class, to the power; 1 for a class that nobody has."""
    labels = np.repeat(np.arange(3), count)

    assert class_weights(labels, 3, power).tolist() == pytest.approx(expected, rel=1e-6)


def cycle_examples(cycles, num_train, **loss) -> CycleExamples:
    settled = LossConfig(**loss)
    train = np.arange(num_train)
    return CycleExamples(cycles, train, MURMUR, settled, cycles_per_recording=3)


def unit_examples(cohort, *, power=1.0, **loss) -> UnitExamples:
    subjects = cohort.subjects(cohort.split.train)
    draws = UnitDraws(
        units=units_of(cohort.cycles, subjects), seed=0, batch_size=16, cycles_per_recording=2,
        recordings_per_unit=8,
    )  # fmt: skip
    return UnitExamples(draws, MURMUR, LossConfig(class_weight_power=power, **loss))


@pytest.mark.parametrize("power", [1.0, 0.5])
def test_weights_of_units_are_1_on_average(make_cohort, power):
    """Over the training units, so that the loss is on the scale of a cross-entropy."""
    examples = unit_examples(make_cohort(train=THREE_ONE_TWO), power=power)

    raw = [(6 / (3 * count)) ** power for count in (3, 1, 2)]
    mean = (3 * raw[0] + raw[1] + 2 * raw[2]) / 6
    assert examples.labels.tolist() == [0, 0, 0, 1, 2, 2]
    assert examples.weights.tolist() == pytest.approx([w / mean for w in raw], rel=1e-6)


def test_the_loss_of_units_is_not_divided_by_the_weights_in_the_batch(make_cohort):
    """A batch of the rare class alone costs as often as it is rare."""
    examples = unit_examples(make_cohort(train=THREE_ONE_TWO))
    logits = torch.tensor([[0.0, math.log(3.0), 0.0], [0.0, 0.0, 0.0]])

    rare = examples.loss(logits, torch.tensor([1, 1])).item()
    mixed = examples.loss(logits, torch.tensor([0, 2])).item()

    assert rare == pytest.approx(2.0 * (math.log(5 / 3) + math.log(3)) / 2, rel=1e-6)
    assert mixed == pytest.approx((2 / 3 * math.log(5) + math.log(3)) / 2, rel=1e-6)


def test_a_unit_has_its_own_label_whatever_its_recordings_have(make_cohort):
    """Of two of those three in a batch; a murmur is present, though not at one location."""
    cohort = make_cohort(train=("Present", "Absent", "Unknown"))
    recordings = list(cohort.cycles.recordings)
    recordings[1] = replace(recordings[1], labels={"murmur": "Absent", "outcome": "Abnormal"})
    cohort = replace(cohort, cycles=replace(cohort.cycles, recordings=tuple(recordings)))

    lesson = unit_examples(cohort).lesson(np.array([16, 17, 4, 5, 0]), CPU)

    assert lesson.labels.tolist() == [1, 2]
    assert lesson.bags.unit.tolist() == [0, 0, 1]
    assert lesson.bags.recording.tolist() == [2, 2, 1, 1, 0]


def test_a_cycle_has_the_label_of_its_recording(make_cohort):
    cohort = make_cohort(train=("Present", "Absent", "Unknown"))
    recordings = list(cohort.cycles.recordings)
    recordings[1] = replace(recordings[1], labels={"murmur": "Absent", "outcome": "Abnormal"})
    recordings[6] = replace(recordings[6], labels={})
    cycles = replace(cohort.cycles, recordings=tuple(recordings))

    examples = cycle_examples(cycles, 24)

    assert examples.labels[:28].tolist() == [1] * 4 + [0] * 4 + [0] * 8 + [2] * 8 + [-1] * 4
    lesson = examples.lesson(np.array([16, 4, 0]), CPU)
    assert lesson.labels.tolist() == [2, 0, 1]
    assert lesson.bags is None


def test_cycles_are_weighed_by_recordings_not_by_cycles(make_cohort):
    """In a step, each recording has its few cycles, however many there are to draw from."""
    cohort = make_cohort(train=("Absent", "Present", "Unknown"))
    keep = np.delete(np.arange(len(cohort.cycles)), [0, 1, 2, 4, 5])  # of the one who is Absent
    cycles = replace(
        cohort.cycles,
        recording=cohort.cycles.recording[keep],
        bounds=cohort.cycles.bounds[keep],
    )

    examples = cycle_examples(cycles, 19)

    assert examples.weights.tolist() == [1.0, 1.0, 1.0]


def test_the_loss_of_cycles_is_a_weighted_mean(make_cohort):
    """By hand: Absent weighs 2/3, Present 2."""
    cohort = make_cohort(train=THREE_ONE_TWO)
    examples = cycle_examples(cohort.cycles, 48)
    logits = torch.tensor([[0.0, math.log(3.0), 0.0], [0.0, 0.0, 0.0]])

    loss = examples.loss(logits, torch.tensor([1, 0])).item()

    expected = (2 * math.log(5 / 3) + 2 / 3 * math.log(3)) / (2 + 2 / 3)
    assert loss == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("name", ["cross_entropy", "focal"])
def test_any_loss_is_weighed_alike(make_cohort, name):
    """By hand: who is right with p = 3/5 costs (2/5)^2 of what cross-entropy says."""
    cohort = make_cohort(train=THREE_ONE_TWO)
    loss = {"name": name, "gamma": 2.0}
    logits = torch.tensor([[0.0, math.log(3.0), 0.0], [0.0, 0.0, 0.0]])
    labels = torch.tensor([1, 0])
    rare, common = math.log(5 / 3), math.log(3)
    if name == "focal":
        rare, common = (2 / 5) ** 2 * rare, (2 / 3) ** 2 * common

    of_cycles = cycle_examples(cohort.cycles, 48, **loss).loss(logits, labels).item()
    of_units = unit_examples(cohort, **loss).loss(logits, labels).item()

    assert of_cycles == pytest.approx((2 * rare + 2 / 3 * common) / (2 + 2 / 3), rel=1e-6)
    assert of_units == pytest.approx((2 * rare + 2 / 3 * common) / 2, rel=1e-6)


def test_what_is_drawn_alike_weighs_the_same(make_cohort):
    cohort = make_cohort(train=THREE_ONE_TWO)

    assert unit_examples(cohort, balanced_sampling=True).weights.tolist() == [1.0, 1.0, 1.0]
    assert cycle_examples(cohort.cycles, 48, balanced_sampling=True).weights.tolist() == [1.0] * 3


def test_cycles_of_all_classes_are_drawn_equally_often(make_cohort):
    """Of 36 in an epoch 12 of each, though 18, 6 and 12 would be; evenly over recordings."""
    cohort = make_cohort(train=THREE_ONE_TWO)
    examples = cycle_examples(cohort.cycles, 48, balanced_sampling=True)

    drawn = epoch_of(
        cohort.cycles, np.arange(48), per_recording=3, rng=np.random.default_rng(0),
        mix=examples.mix,
    )  # fmt: skip

    assert np.bincount(examples.lesson(drawn, CPU).labels).tolist() == [12, 12, 12]
    per_recording = np.bincount(cohort.cycles.recording[drawn % len(cohort.cycles)], minlength=12)
    assert per_recording.tolist() == [2] * 6 + [6] * 2 + [3] * 4
    assert len(set(drawn.tolist())) == 36  # a cycle that comes twice has another number


def test_units_of_all_classes_are_drawn_equally_often(make_cohort):
    """Two of each class, where there are three, one and two."""
    examples = unit_examples(make_cohort(train=THREE_ONE_TWO), balanced_sampling=True)

    for epoch in (1, 2, 3):
        labels = [examples.lesson(batch, CPU).labels for batch in examples.draws.batches(epoch)]
        assert torch.bincount(torch.cat(labels)).tolist() == [2, 2, 2]
