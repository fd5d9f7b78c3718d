"""Pooling of cycles into recordings and units: against loops, by hand, and what must not matter."""

import math

import numpy as np
import pytest
import torch

from oracles.instance_pooling import gated_scores, pooled_twice
from pahcl_core.models.instance_pooling import Bags, GatedAttention, InstancePooling, softmax_by

WIDTH = 6
KINDS = ["attention", "mean", "statistics"]
# Five recordings of 3, 1, 2, 4 and 2 cycles; units of the first two, of the next two, of the last.
RECORDING = [0, 0, 0, 1, 2, 2, 3, 3, 3, 3, 4, 4]
UNIT = [0, 0, 1, 1, 2]


@pytest.fixture
def embedding():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(len(RECORDING), WIDTH, dtype=torch.float64, generator=generator)


def pooling(kind) -> InstancePooling:
    torch.manual_seed(1)
    made = InstancePooling(WIDTH, kind).double()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.mul_(4)  # so that weights differ clearly
    return made


def bags(recording=RECORDING, unit=UNIT) -> Bags:
    return Bags(torch.tensor(recording), torch.tensor(unit), max(unit) + 1)


def nested(embedding, recording=RECORDING, unit=UNIT):
    """Units as lists of recordings, which are lists of embeddings."""
    rows = embedding.tolist()
    return [
        [
            [row for row, number in zip(rows, recording, strict=True) if number == r]
            for r, owner in enumerate(unit)
            if owner == u
        ]
        for u in range(max(unit) + 1)
    ]


def scoring(attention):
    """The oracle with the weights of a `GatedAttention`, or the same score for all."""
    if not isinstance(attention, GatedAttention):
        return lambda rows: [0.0] * len(rows)
    parts = [(layer.weight.tolist(), layer.bias.tolist()) for layer in
             (attention.content, attention.gate)]  # fmt: skip
    return lambda rows: gated_scores(rows, *parts, attention.score.weight[0].tolist())


@pytest.mark.parametrize("kind", ["attention", "mean"])
def test_equals_the_definition(embedding, kind):
    """Units, and the share of every cycle, against loops over numbers."""
    made = pooling(kind)

    found = made(embedding, bags())

    wanted = [
        pooled_twice(unit, scoring(made.of_cycles), scoring(made.of_recordings))
        for unit in nested(embedding)
    ]
    shares = [one for _, by_recording in wanted for cycles in by_recording for one in cycles]
    assert found.units.flatten().tolist() == pytest.approx(
        [value for unit, _ in wanted for value in unit], rel=1e-12
    )
    assert found.share(bags()).tolist() == pytest.approx(shares, rel=1e-12)


def test_attention_by_hand():
    """An open gate halves the hyperbolic tangent; scores 0, ln 2 and ln 4 weigh 1 : 2 : 4."""
    attention = GatedAttention(2).double()
    with torch.no_grad():
        attention.content.weight.copy_(torch.tensor([[1.0, 0.0]]))
        attention.gate.weight.zero_()
        for bias in (attention.content.bias, attention.gate.bias):
            bias.zero_()
        attention.score.weight.fill_(4.0)
    apart = [math.atanh(step * math.log(2) / 2) for step in (0, 1, 2)]
    cycles = torch.tensor([[x, 7.0] for x in apart], dtype=torch.float64)

    scores = attention(cycles)

    assert softmax_by(scores, torch.tensor([0, 0, 0]), 1).tolist() == pytest.approx(
        [1 / 7, 2 / 7, 4 / 7], rel=1e-12
    )


def test_a_mean_weighs_recordings_alike_however_many_cycles_they_have():
    """By hand: 1, 3 and 5 in one recording, 9 alone in another: (3 + 9) / 2."""
    cycles = torch.tensor([[1.0], [3.0], [5.0], [9.0]]).expand(4, 2)

    found = InstancePooling(2, "mean")(cycles, bags([0, 0, 0, 1], [0, 0]))

    assert found.units.tolist() == [[6.0, 6.0]]
    assert found.recordings.tolist() == [[3.0, 3.0], [9.0, 9.0]]
    assert found.share(bags([0, 0, 0, 1], [0, 0])).tolist() == pytest.approx(
        [1 / 6, 1 / 6, 1 / 6, 1 / 2]
    )


def test_statistics_are_the_mean_and_how_far_cycles_are_apart(embedding):
    """Against NumPy: the deviation of a sample, none for one cycle; then the mean of recordings."""
    found = pooling("statistics")(embedding, bags())

    rows, recording = embedding.numpy(), np.array(RECORDING)
    wanted = np.zeros((5, 2 * WIDTH))
    for number in range(5):
        own = rows[recording == number]
        wanted[number, :WIDTH] = own.mean(axis=0)
        wanted[number, WIDTH:] = own.std(axis=0, ddof=1) if len(own) > 1 else 0.0
    np.testing.assert_allclose(found.recordings, wanted, rtol=1e-12)
    units = [wanted[:2].mean(axis=0), wanted[2:4].mean(axis=0), wanted[4]]
    np.testing.assert_allclose(found.units, units, rtol=1e-12)
    assert found.share(bags()).tolist() == pooling("mean")(embedding, bags()).share(bags()).tolist()


def test_cycles_that_are_all_the_same_are_apart_by_nothing_and_learn_nothing_from_it():
    """The gradient of a root at 0 is no number."""
    cycles = torch.full((3, 2), 0.7, requires_grad=True)

    found = InstancePooling(2, "statistics")(cycles, bags([0, 0, 0], [0]))
    found.units[:, 2:].sum().backward()

    assert found.units[0, 2:].tolist() == [0.0, 0.0]
    assert cycles.grad.tolist() == [[0.0, 0.0]] * 3


@pytest.mark.parametrize("kind", KINDS)
def test_weights_add_up_to_one(embedding, kind):
    """In each recording, in each unit, and over the cycles of each unit."""
    found = pooling(kind)(embedding, bags())

    recording, unit = torch.tensor(RECORDING), torch.tensor(UNIT)
    ones = torch.ones(5, dtype=torch.float64)
    for weight, group, count in (
        (found.cycle_weight, recording, 5),
        (found.recording_weight, unit, 3),
        (found.share(bags()), unit[recording], 3),
    ):
        total = torch.stack([weight[group == number].sum() for number in range(count)])
        torch.testing.assert_close(total, ones[:count], rtol=1e-12, atol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_the_order_of_cycles_and_of_recordings_does_not_matter(embedding, kind):
    made = pooling(kind)
    generator = torch.Generator().manual_seed(3)
    order = torch.randperm(len(RECORDING), generator=generator)
    renumbered = torch.tensor([3, 0, 4, 2, 1])  # recording r is now called renumbered[r]
    unit = torch.empty(5, dtype=torch.int64)
    unit[renumbered] = torch.tensor(UNIT)
    shuffled = Bags(renumbered[torch.tensor(RECORDING)][order], unit, 3)

    found, wanted = made(embedding[order], shuffled), made(embedding, bags())

    torch.testing.assert_close(found.units, wanted.units, rtol=1e-12, atol=1e-15)
    torch.testing.assert_close(
        found.share(shuffled), wanted.share(bags())[order], rtol=1e-12, atol=0
    )


@pytest.mark.parametrize("kind", KINDS)
def test_what_else_is_in_the_batch_does_not_matter(embedding, kind):
    """The second unit by itself is the second unit."""
    made = pooling(kind)

    alone = made(embedding[4:10], bags([0, 0, 1, 1, 1, 1], [0, 0]))

    torch.testing.assert_close(
        alone.units[0], made(embedding, bags()).units[1], rtol=1e-12, atol=1e-15
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_unit_of_one_cycle_is_that_cycle(embedding, kind):
    """Which is apart from nothing."""
    made = pooling(kind)
    found = made(embedding[:1], bags([0], [0]))

    deviation = [0.0] * WIDTH if kind == "statistics" else []
    assert found.units.tolist() == [embedding[0].tolist() + deviation]
    assert made.alone(embedding).tolist() == [one + deviation for one in embedding.tolist()]
    assert found.share(bags([0], [0])).tolist() == [1.0]


@pytest.mark.parametrize("kind", KINDS)
def test_the_gradient_is_that_of_the_function(embedding, kind):
    """By finite differences, with respect to every cycle and every parameter."""
    made = pooling(kind)
    embedding.requires_grad_()

    assert torch.autograd.gradcheck(
        lambda cycles, *_: made(cycles, bags()).units, (embedding, *made.parameters())
    )


def test_scores_of_any_size():
    """Those of a group alone matter, and by how much they differ."""
    scores = torch.tensor([1000.0, -2000.0, 1000.0, -2000.0 - math.log(3)], dtype=torch.float64)

    found = softmax_by(scores, torch.tensor([0, 1, 0, 1]), 2)

    assert found.tolist() == pytest.approx([0.5, 0.75, 0.5, 0.25], rel=1e-12)
