"""InfoNCE between substructures is the sum of its definition; the objective adds both levels up."""

import math

import numpy as np
import pytest
import torch

from oracles.info_nce import info_nce_by_definition, slope, substructure_info_nce_by_definition
from pahcl_core.losses.hierarchical import hierarchical_loss, substructure_info_nce
from support.host_waits import HostWaits

PERSONS = [None, [0, 1, 2, 3, 4], [0, 0, 1, 1, 2], [5, 5, 5, 5, 5]]
ALL = torch.ones(5, 4, dtype=torch.bool)
SOME = torch.tensor(
    [[1, 1, 1, 1], [1, 0, 1, 0], [0, 0, 0, 0], [0, 1, 1, 1], [1, 1, 0, 1]], dtype=torch.bool
)


def parts(batch=5, num=4, dim=3, *, seed=0):
    """Two views of so many substructures of so many cycles."""
    return torch.tensor(np.random.default_rng(seed).normal(size=(2, batch, num, dim)))


def persons(numbers):
    return None if numbers is None else torch.tensor(numbers)


@pytest.mark.parametrize("person", PERSONS)
@pytest.mark.parametrize("valid", [ALL, SOME], ids=["all", "some"])
@pytest.mark.parametrize("temperature", [0.1, 1.0])
def test_substructures_equal_the_definition(valid, person, temperature):
    a, b = parts()

    loss = substructure_info_nce(
        a, b, valid=valid, person=persons(person), temperature=temperature
    ).item()

    expected = substructure_info_nce_by_definition(
        a.tolist(), b.tolist(), valid.tolist(), temperature, person
    )
    assert loss == pytest.approx(expected, rel=1e-12)


def test_identical_substructures_give_the_log_of_the_number_of_candidates():
    """By hand: 12 substructures are valid, in two views; all but the anchor are candidates."""
    same = torch.ones(5, 4, 3, dtype=torch.float64)

    loss = substructure_info_nce(same, same, valid=SOME, temperature=0.3).item()

    assert loss == pytest.approx(math.log(23), abs=1e-12)


def test_identical_substructures_of_one_person_bar_the_same_one_only():
    """By hand: of 2 · 5 · 4 rows an anchor sees 39, less the 2 · 4 of its kind in other cycles."""
    same = torch.ones(5, 4, 3, dtype=torch.float64)

    loss = substructure_info_nce(
        same, same, valid=ALL, person=torch.zeros(5, dtype=torch.int64), temperature=0.3
    ).item()

    assert loss == pytest.approx(math.log(39 - 8), abs=1e-12)


def test_one_cycle_tells_its_own_substructures_apart():
    """By hand: S1, systole, S2 and diastole at right angles; the partner 1, the other six 0."""
    axes = torch.eye(4, dtype=torch.float64)[None]

    loss = substructure_info_nce(
        axes, axes, valid=torch.ones(1, 4, dtype=torch.bool), temperature=0.5
    ).item()

    assert loss == pytest.approx(math.log(math.exp(2.0) + 6.0) - 2.0, abs=1e-12)


def test_with_one_substructure_it_is_the_cycle_loss():
    a, b = parts(num=1)
    person = [0, 0, 1, 2, 2]

    loss = substructure_info_nce(
        a, b, valid=ALL[:, :1], person=torch.tensor(person), temperature=0.2
    ).item()

    expected = info_nce_by_definition(a[:, 0].tolist(), b[:, 0].tolist(), 0.2, person)
    assert loss == pytest.approx(expected, rel=1e-12)


def test_what_is_not_valid_has_no_say():
    """Neither its value, even none at all, nor its gradient counts."""
    a, b = parts().requires_grad_()
    person = torch.tensor([0, 0, 1, 1, 2])
    loss = substructure_info_nce(a, b, valid=SOME, person=person, temperature=0.2)
    spoilt = a.detach().masked_fill(~SOME[..., None], torch.nan)

    other = substructure_info_nce(spoilt, b, valid=SOME, person=person, temperature=0.2)
    (gradient,) = torch.autograd.grad(loss, a)

    assert loss.item() == other.item()
    assert gradient[~SOME].abs().max() == 0
    assert gradient[SOME].abs().min() > 0


def test_the_views_and_the_order_of_the_cycles_do_not_matter():
    a, b = parts()
    person = torch.tensor([0, 0, 1, 1, 2])
    order = torch.tensor([3, 1, 4, 0, 2])

    before = substructure_info_nce(a, b, valid=SOME, person=person, temperature=0.2).item()
    after = substructure_info_nce(
        b[order], a[order], valid=SOME[order], person=person[order], temperature=0.2
    ).item()

    assert before == pytest.approx(after, rel=1e-12)


@pytest.mark.parametrize("person", [None, [0, 0, 1]])
def test_the_gradient_is_the_slope_of_the_definition(person):
    """Of every element of the first view, against differences of the loops."""
    a, b = parts(3, 2, 2)
    valid = torch.tensor([[True, True], [True, False], [True, True]])
    a.requires_grad_()
    loss = substructure_info_nce(a, b, valid=valid, person=persons(person), temperature=0.5)
    (gradient,) = torch.autograd.grad(loss, a)

    for index in np.ndindex(3, 2, 2):

        def loss_at(value, index=index):
            moved = a.detach().clone()
            moved[index] = value
            return substructure_info_nce_by_definition(
                moved.tolist(), b.tolist(), valid.tolist(), 0.5, person
            )

        expected = slope(loss_at, a[index].item())
        assert gradient[index].item() == pytest.approx(expected, rel=1e-7, abs=1e-9)


def test_the_gradient_is_consistent_in_both_views():
    a, b = parts(3, 3, 2).requires_grad_()
    valid, person = SOME[:3, :3], torch.tensor([0, 0, 1])

    assert torch.autograd.gradcheck(
        lambda a, b: substructure_info_nce(a, b, valid=valid, person=person, temperature=0.4),
        (a, b),
    )


def both_levels(*, valid=SOME, person=(0, 0, 1, 1, 2), temperature=0.3, weights=(0.7, 1.6)):
    """The objective of fixed embeddings, and the two terms of the definition."""
    (cycle_a, cycle_b), (parts_a, parts_b) = parts(num=1, seed=1)[:, :, 0], parts(seed=2)
    loss = hierarchical_loss(
        cycle_a,
        cycle_b,
        parts_a,
        parts_b,
        valid=valid,
        person=persons(person),
        temperature=temperature,
        cycle_weight=weights[0],
        substructure_weight=weights[1],
    )
    cycle = info_nce_by_definition(cycle_a.tolist(), cycle_b.tolist(), temperature, person)
    if not valid.any():
        return loss, cycle, 0.0
    substructure = substructure_info_nce_by_definition(
        parts_a.tolist(), parts_b.tolist(), valid.tolist(), temperature, person
    )
    return loss, cycle, substructure


@pytest.mark.parametrize("person", PERSONS)
def test_the_objective_is_the_weighted_sum_of_both_levels(person):
    loss, cycle, substructure = both_levels(person=person)

    assert loss.cycle.item() == pytest.approx(cycle, rel=1e-12, abs=1e-12)
    assert loss.substructure.item() == pytest.approx(substructure, rel=1e-12)
    assert loss.total.item() == pytest.approx(0.7 * cycle + 1.6 * substructure, rel=1e-12)


def test_without_a_valid_substructure_the_cycles_are_what_is_left():
    loss, cycle, _ = both_levels(valid=torch.zeros(5, 4, dtype=torch.bool))

    assert loss.substructure.item() == 0.0
    assert loss.total.item() == pytest.approx(0.7 * cycle, rel=1e-12)


@pytest.mark.parametrize("weights", [(1.0, 0.0), (0.0, 1.0)])
def test_a_weight_of_zero_switches_a_level_off(weights):
    loss, cycle, substructure = both_levels(weights=weights)

    assert loss.total.item() == pytest.approx(cycle if weights[0] else substructure, rel=1e-12)


def test_a_temperature_that_is_not_positive_is_refused():
    with pytest.raises(ValueError, match=r"temperature must be positive, got -0\.3"):
        both_levels(temperature=-0.3)
    a, b = parts()
    with pytest.raises(ValueError, match=r"temperature must be positive, got 0\.0"):
        substructure_info_nce(a, b, valid=ALL, temperature=0.0)


def test_nothing_valid_is_refused():
    a, b = parts()

    with pytest.raises(ValueError, match="needs at least one valid substructure"):
        substructure_info_nce(a, b, valid=torch.zeros(5, 4, dtype=torch.bool), temperature=0.1)


def test_an_empty_batch_is_refused():
    none, no_parts = torch.zeros(0, 3), torch.zeros(0, 4, 3)

    with pytest.raises(ValueError, match="InfoNCE needs at least one pair"):
        hierarchical_loss(
            none,
            none,
            no_parts,
            no_parts,
            valid=torch.zeros(0, 4, dtype=torch.bool),
            person=None,
            temperature=0.1,
            cycle_weight=1.0,
            substructure_weight=1.0,
        )


@pytest.mark.parametrize("person", PERSONS[:3])
def test_a_gpu_is_waited_for_once(person):
    """For the number of valid substructures."""
    (a, b), (cycle_a, cycle_b) = parts(), parts(num=1).squeeze(2)

    with HostWaits() as waits:
        hierarchical_loss(
            cycle_a, cycle_b, a, b, valid=SOME, person=persons(person), temperature=0.1,
            cycle_weight=1.0, substructure_weight=0.5,
        )  # fmt: skip

    assert waits.names == ["aten.nonzero.default"]
