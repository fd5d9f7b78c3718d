"""What is taught and what a mistake costs, by hand: for whole units and for single cycles."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from pahcl_core.data.tasks import TASKS
from pahcl_core.training.examples import CycleExamples, UnitExamples, class_weights
from pahcl_core.training.units import UnitDraws, units_of

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


def unit_examples(cohort, *, power=1.0) -> UnitExamples:
    subjects = cohort.subjects(cohort.split.train)
    draws = UnitDraws(
        units=units_of(cohort.cycles, subjects), seed=0, batch_size=16, cycles_per_recording=2,
        recordings_per_unit=8,
    )  # fmt: skip
    return UnitExamples(draws, MURMUR, class_weight_power=power)


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

    examples = CycleExamples(cycles, np.arange(24), MURMUR, class_weight_power=1.0)

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

    examples = CycleExamples(cycles, np.arange(19), MURMUR, class_weight_power=1.0)

    assert examples.weights.tolist() == [1.0, 1.0, 1.0]


def test_the_loss_of_cycles_is_a_weighted_mean(make_cohort):
    """By hand: Absent weighs 2/3, Present 2."""
    cohort = make_cohort(train=THREE_ONE_TWO)
    examples = CycleExamples(cohort.cycles, np.arange(48), MURMUR, class_weight_power=1.0)
    logits = torch.tensor([[0.0, math.log(3.0), 0.0], [0.0, 0.0, 0.0]])

    loss = examples.loss(logits, torch.tensor([1, 0])).item()

    expected = (2 * math.log(5 / 3) + 2 / 3 * math.log(3)) / (2 + 2 / 3)
    assert loss == pytest.approx(expected, rel=1e-6)
