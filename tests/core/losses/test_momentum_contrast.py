"""Momentum contrast on both levels is the sum of its definition, whatever the queue holds."""

import math

import numpy as np
import pytest
import torch

from oracles.info_nce import slope
from oracles.momentum import momentum_contrast_by_definition
from pahcl_core.losses.momentum_contrast import (
    Projections,
    Queued,
    contrast_with_keys,
    momentum_contrast_loss,
)
from support.host_waits import HostWaits

PERSONS = [None, [0, 1, 2, 3, 4], [0, 0, 1, 1, 2], [5, 5, 5, 5, 5]]
ALL = torch.ones(5, 4, dtype=torch.bool)
SOME = torch.tensor(
    [[1, 1, 1, 1], [1, 0, 1, 0], [0, 0, 0, 0], [0, 1, 1, 1], [1, 1, 0, 1]], dtype=torch.bool
)
FILLED = {"empty": 0, "partly": 4, "full": 7}


def normal(*shape, seed):
    return torch.tensor(np.random.default_rng(seed).normal(size=shape))


def views(batch=5, num_parts=4, dim=3, *, seed=0):
    """Two views of a batch of cycles and of their substructures."""
    one, other = (
        Projections(
            normal(batch, dim, seed=seed + 2 * n),
            normal(batch, num_parts, dim, seed=seed + 2 * n + 1),
        )
        for n in range(2)
    )
    return one, other


def queued(count, *, length=7, num_parts=4, dim=3):
    """So many keys, of persons 0 to 2 in turn, some without some of their substructures."""
    filled = torch.arange(length) < count
    valid = torch.tensor(np.random.default_rng(9).random((length, num_parts)) < 0.7)
    return Queued(
        normal(length, dim, seed=7),
        normal(length, num_parts, dim, seed=8),
        valid & filled[:, None],
        torch.arange(length) % 3,
        filled,
    )


def persons(numbers):
    return None if numbers is None else torch.tensor(numbers)


def both_levels(queries, keys, queue, *, valid, person, temperature):
    """The two terms of the definition."""
    cycles = [
        [{(i, 0): row for i, row in enumerate(one.cycle.tolist())} for one in pair]
        for pair in (queries, keys)
    ]
    there = [tuple(row) for row in valid.nonzero().tolist()]
    parts = [
        [{(i, k): one.parts[i, k].tolist() for i, k in there} for one in pair]
        for pair in (queries, keys)
    ]
    owners = queue.person.tolist()
    held = [(owners[j], 0, queue.cycle[j].tolist()) for j in range(7) if queue.filled[j]]
    held_parts = [
        (owners[j], k, queue.parts[j, k].tolist()) for j, k in queue.valid.nonzero().tolist()
    ]
    return (
        momentum_contrast_by_definition(*cycles, held, temperature, person),
        momentum_contrast_by_definition(*parts, held_parts, temperature, person),
    )


@pytest.mark.parametrize("count", FILLED.values(), ids=FILLED)
@pytest.mark.parametrize("person", PERSONS)
@pytest.mark.parametrize("valid", [ALL, SOME], ids=["all", "some"])
def test_both_levels_equal_the_definition(valid, person, count):
    queries, keys, queue = views(), views(seed=20), queued(count)

    loss = momentum_contrast_loss(
        queries, keys, queue, valid=valid, person=persons(person), temperature=0.3,
        cycle_weight=0.7, substructure_weight=1.6,
    )  # fmt: skip

    cycle, substructure = both_levels(
        queries, keys, queue, valid=valid, person=person, temperature=0.3
    )
    assert loss.cycle.item() == pytest.approx(cycle, rel=1e-12, abs=1e-12)
    assert loss.substructure.item() == pytest.approx(substructure, rel=1e-12)
    assert loss.total.item() == pytest.approx(0.7 * cycle + 1.6 * substructure, rel=1e-12)


def alike(batch, *, num_parts=4):
    """A view in which everything is the same."""
    return Projections(
        torch.ones(batch, 3, dtype=torch.float64),
        torch.ones(batch, num_parts, 3, dtype=torch.float64),
    )


@pytest.mark.parametrize(
    ("person", "count", "cycles", "parts"),
    [
        (None, 0, [5] * 5, [20] * 5),  # the keys of the batch
        (None, 7, [12] * 5, [48] * 5),  # and those of the queue, of persons 0, 1, 2, 0, 1, 2, 0
        ([8, 8, 9, 9, 9], 7, [11, 11, 10, 10, 10], [47, 47, 46, 46, 46]),
        ([2, 3, 4, 5, 6], 7, [10, 12, 12, 12, 12], [46, 48, 48, 48, 48]),
        ([1, 3, 4, 5, 6], 4, [8, 9, 9, 9, 9], [35, 36, 36, 36, 36]),
        ([0] * 5, 7, [5] * 5, [48 - 4 - 3] * 5),
    ],
)
def test_where_all_is_alike_the_candidates_are_counted(person, count, cycles, parts):
    """By hand: the mean of the logs of how many candidates the queries of each cycle have."""
    full = queued(count)
    queue = full._replace(
        cycle=torch.ones_like(full.cycle),
        parts=torch.ones_like(full.parts),
        valid=full.filled[:, None].expand(-1, 4),
    )

    loss = momentum_contrast_loss(
        (alike(5), alike(5)), (alike(5), alike(5)), queue, valid=ALL, person=persons(person),
        temperature=0.2, cycle_weight=1.0, substructure_weight=1.0,
    )  # fmt: skip

    assert loss.cycle.item() == pytest.approx(np.log(cycles).mean(), abs=1e-12)
    assert loss.substructure.item() == pytest.approx(np.log(parts).mean(), abs=1e-12)


def test_a_cycle_alone_with_an_empty_queue_has_its_substructures_to_tell_apart():
    """By hand: at right angles, the own key 1, the other three 0; of cycles there is but one."""
    axes = Projections(
        torch.ones(1, 4, dtype=torch.float64), torch.eye(4, dtype=torch.float64)[None]
    )

    loss = momentum_contrast_loss(
        (axes, axes), (axes, axes), queued(0, dim=4), valid=ALL[:1], person=torch.tensor([0]),
        temperature=0.5, cycle_weight=1.0, substructure_weight=1.0,
    )  # fmt: skip

    assert loss.cycle.item() == 0.0
    assert loss.substructure.item() == pytest.approx(math.log(math.exp(2.0) + 3.0) - 2.0, abs=1e-12)


def test_what_is_barred_has_no_say():
    """Empty places, substructures that are not there, and what is of the same person."""
    queries, keys, queue = views(), views(seed=20), queued(4)
    person = torch.tensor([0, 0, 0, 0, 0])
    settings = dict(
        valid=SOME, person=person, temperature=0.3, cycle_weight=1.0, substructure_weight=1.0
    )
    loss = momentum_contrast_loss(queries, keys, queue, **settings)
    mine = queue.person == 0
    moved = queue._replace(
        cycle=torch.where((mine | ~queue.filled)[:, None], -queue.cycle, queue.cycle),
        parts=torch.where(queue.valid[..., None], queue.parts, -queue.parts),
    )

    assert momentum_contrast_loss(queries, keys, moved, **settings).total.item() == (
        loss.total.item()
    )


def test_the_views_can_be_exchanged():
    queries, keys, queue = views(), views(seed=20), queued(7)
    settings = dict(
        valid=SOME,
        person=torch.tensor([0, 0, 1, 1, 2]),
        temperature=0.3,
        cycle_weight=1.0,
        substructure_weight=0.5,
    )

    one = momentum_contrast_loss(queries, keys, queue, **settings).total.item()
    other = momentum_contrast_loss(queries[::-1], keys[::-1], queue, **settings).total.item()

    assert one == pytest.approx(other, rel=1e-12)


def test_the_gradient_is_the_slope_of_the_definition():
    """Of every element of the first view's cycles, against differences of the loops."""
    queries, keys, queue = views(), views(seed=20), queued(7)
    person = [0, 0, 1, 1, 2]
    queries[0].cycle.requires_grad_()
    loss = momentum_contrast_loss(
        queries, keys, queue, valid=SOME, person=torch.tensor(person), temperature=0.5,
        cycle_weight=1.0, substructure_weight=1.0,
    )  # fmt: skip
    (gradient,) = torch.autograd.grad(loss.total, queries[0].cycle)

    for index in np.ndindex(5, 3):

        def loss_at(value, index=index):
            moved = queries[0].cycle.detach().clone()
            moved[index] = value
            changed = (queries[0]._replace(cycle=moved), queries[1])
            return both_levels(changed, keys, queue, valid=SOME, person=person, temperature=0.5)[0]

        expected = slope(loss_at, queries[0].cycle[index].item())
        assert gradient[index].item() == pytest.approx(expected, rel=1e-7, abs=1e-9)


def test_without_a_valid_substructure_the_cycles_are_what_is_left():
    queries, keys, queue = views(), views(seed=20), queued(7)

    loss = momentum_contrast_loss(
        queries, keys, queue, valid=~ALL, person=None, temperature=0.5,
        cycle_weight=0.7, substructure_weight=1.0,
    )  # fmt: skip

    assert loss.substructure.item() == 0.0
    assert loss.total.item() == pytest.approx(0.7 * loss.cycle.item(), rel=1e-12)


@pytest.mark.parametrize("temperature", [0.0, -0.3])
def test_a_temperature_that_is_not_positive_is_refused(temperature):
    with pytest.raises(ValueError, match=f"temperature must be positive, got {temperature}"):
        contrast_with_keys(
            torch.ones(1, 2),
            torch.ones(1, 2),
            torch.ones(0, 2),
            barred=torch.zeros(1, 1, dtype=torch.bool),
            temperature=temperature,
        )


def test_an_empty_batch_is_refused():
    nothing = Projections(torch.zeros(0, 3), torch.zeros(0, 4, 3))

    with pytest.raises(ValueError, match="momentum contrast needs at least one pair"):
        momentum_contrast_loss(
            (nothing, nothing), (nothing, nothing), queued(7), valid=ALL[:0], person=None,
            temperature=0.5, cycle_weight=1.0, substructure_weight=1.0,
        )  # fmt: skip


@pytest.mark.parametrize("person", PERSONS[:3])
def test_a_gpu_is_waited_for_once(person):
    """For the number of valid substructures."""
    with HostWaits() as waits:
        momentum_contrast_loss(
            views(), views(seed=4), queued(4), valid=SOME, person=persons(person),
            temperature=0.1, cycle_weight=1.0, substructure_weight=0.5,
        )  # fmt: skip

    assert waits.names == ["aten.nonzero.default"]
