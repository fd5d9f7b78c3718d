"""InfoNCE between cycles is the double sum of its definition."""

import math

import numpy as np
import pytest
import torch

from oracles.info_nce import cosine, info_nce_by_definition, mean_loss, slope
from pahcl_core.losses.info_nce import contrast, info_nce


def views(batch, *, dim=5, seed=0):
    """Two views of so many cycles, in double precision."""
    return torch.tensor(np.random.default_rng(seed).normal(size=(2, batch, dim)))


def rotation(dim, seed=3):
    """A random orthogonal matrix."""
    return torch.tensor(np.linalg.qr(np.random.default_rng(seed).normal(size=(dim, dim)))[0])


@pytest.mark.parametrize("temperature", [0.1, 0.5, 2.0])
@pytest.mark.parametrize("batch", [1, 2, 7])
def test_it_equals_the_definition(batch, temperature):
    a, b = views(batch)

    loss = info_nce(a, b, temperature=temperature).item()

    expected = info_nce_by_definition(a.tolist(), b.tolist(), temperature)
    assert loss == pytest.approx(expected, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize(
    "person", [[0, 1, 2, 3, 4, 5], [0, 0, 1, 1, 1, 2], [7, 3, 7, 3, 7, 3], [9, 9, 9, 9, 9, 9]]
)
def test_cycles_of_one_person_are_no_candidates_of_each_other(person):
    """From all different to one person only, in any order of the rows."""
    a, b = views(6)

    loss = info_nce(a, b, temperature=0.3, person=torch.tensor(person)).item()

    expected = info_nce_by_definition(a.tolist(), b.tolist(), 0.3, person)
    assert loss == pytest.approx(expected, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("batch", [1, 2, 8, 33])
def test_identical_embeddings_give_the_log_of_the_number_of_candidates(batch):
    """All similarities are equal: each of the 2B - 1 candidates is as likely."""
    same = torch.ones(batch, 4, dtype=torch.float64)

    loss = info_nce(same, same, temperature=0.2).item()

    assert loss == pytest.approx(math.log(2 * batch - 1), abs=1e-12)


def test_identical_embeddings_of_pairs_of_cycles_leave_out_the_person_s_other_cycle():
    """By hand: 6 cycles of 3 persons; 11 candidates, less the two views of the other cycle."""
    same = torch.ones(6, 4, dtype=torch.float64)

    loss = info_nce(same, same, temperature=0.2, person=torch.tensor([0, 0, 1, 1, 2, 2])).item()

    assert loss == pytest.approx(math.log(9), abs=1e-12)


def test_orthogonal_cycles_with_equal_views():
    """By hand: the partner has cosine 1, the 2 (B - 1) others 0: log(e^(1/t) + 2B - 2) - 1/t."""
    axes = torch.eye(4, dtype=torch.float64)

    loss = info_nce(axes, axes, temperature=0.5).item()

    assert loss == pytest.approx(math.log(math.exp(2.0) + 6.0) - 2.0, abs=1e-12)


def test_a_person_alone_has_nothing_to_be_told_from():
    """Only the partner is left as a candidate: its probability is 1, and nothing pulls."""
    a, b = views(5).requires_grad_()

    loss = info_nce(a, b, temperature=0.1, person=torch.zeros(5, dtype=torch.int64))
    (gradient,) = torch.autograd.grad(loss, a)

    assert loss.item() == 0.0
    assert gradient.abs().max() == 0.0


def test_the_views_may_change_places():
    a, b = views(6)
    person = torch.tensor([0, 0, 1, 2, 2, 2])

    there = info_nce(a, b, temperature=0.2, person=person).item()
    back = info_nce(b, a, temperature=0.2, person=person).item()

    assert there == pytest.approx(back, rel=1e-12)


def test_the_order_of_the_cycles_does_not_matter():
    a, b = views(6)
    person = torch.tensor([0, 0, 1, 2, 2, 2])
    order = torch.tensor([4, 2, 0, 5, 1, 3])

    before = info_nce(a, b, temperature=0.2, person=person).item()
    after = info_nce(a[order], b[order], temperature=0.2, person=person[order]).item()

    assert before == pytest.approx(after, rel=1e-12)


def test_neither_length_nor_rotation_of_the_embeddings_matters():
    a, b = views(6)
    length = torch.rand(6, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64) + 0.1

    before = info_nce(a, b, temperature=0.2).item()
    after = info_nce(length * a @ rotation(5), 3.0 * b @ rotation(5), temperature=0.2).item()

    assert before == pytest.approx(after, rel=1e-12)


@pytest.mark.parametrize("person", [None, [0, 0, 1, 2]])
def test_the_gradient_is_the_slope_of_the_definition(person):
    """Every element of both views, against differences of the loops."""
    a, b = views(4, dim=3).requires_grad_()
    persons = None if person is None else torch.tensor(person)
    gradients = torch.autograd.grad(info_nce(a, b, temperature=0.5, person=persons), (a, b))

    rows = [a.tolist(), b.tolist()]
    for view, gradient in enumerate(gradients):
        for i in range(4):
            for j in range(3):

                def loss_at(value, view=view, i=i, j=j):
                    moved = [[list(row) for row in one] for one in rows]
                    moved[view][i][j] = value
                    return info_nce_by_definition(*moved, 0.5, person)

                expected = slope(loss_at, rows[view][i][j])
                assert gradient[i, j].item() == pytest.approx(expected, rel=1e-7, abs=1e-9)


def test_the_gradient_is_consistent_in_both_views():
    a, b = views(5, dim=3).requires_grad_()
    person = torch.tensor([0, 0, 1, 1, 2])

    assert torch.autograd.gradcheck(
        lambda a, b: info_nce(a, b, temperature=0.4, person=person), (a, b)
    )


def test_a_sharp_temperature_does_not_overflow():
    """Logits of a thousand, whose exponentials are beyond every float, in single precision.

    In the limit, the loss is by how much the best candidate beats the partner, over temperature.
    """
    a, b = views(6)

    loss = info_nce(a.float(), b.float(), temperature=1e-3).item()

    rows = [*a.tolist(), *b.tolist()]
    behind = []
    for i, row in enumerate(rows):
        best = max(cosine(row, other) for j, other in enumerate(rows) if j != i)
        behind.append(best - cosine(row, rows[(i + 6) % 12]))
    assert loss > 100
    assert loss == pytest.approx(sum(behind) / 12 / 1e-3, rel=1e-4)


def test_an_embedding_of_zero_is_at_right_angles_to_all():
    """By hand: every cosine is 0, so each of the 3 candidates is as likely."""
    loss = info_nce(torch.zeros(2, 3), torch.eye(2, 3), temperature=0.5)

    assert loss.item() == pytest.approx(math.log(3), abs=1e-6)


@pytest.mark.parametrize("temperature", [0.0, -0.1])
def test_a_temperature_that_is_not_positive_is_refused(temperature):
    a, b = views(2)

    with pytest.raises(ValueError, match=f"temperature must be positive, got {temperature}"):
        info_nce(a, b, temperature=temperature)


def test_an_empty_batch_is_refused():
    with pytest.raises(ValueError, match="InfoNCE needs at least one pair"):
        info_nce(torch.zeros(0, 3), torch.zeros(0, 3), temperature=0.1)


def test_what_is_barred_is_barred_for_both_views():
    """Row 0 may not see row 1, nor row 2 row 0; the other way round they may."""
    a, b = views(3)
    barred = torch.zeros(3, 3, dtype=torch.bool)
    barred[0, 1] = barred[2, 0] = True

    loss = contrast(a, b, temperature=0.3, barred=barred).item()

    rows = {("a", i, 0): row for i, row in enumerate(a.tolist())}
    rows |= {("b", i, 0): row for i, row in enumerate(b.tolist())}
    expected = mean_loss(rows, 0.3, lambda anchor, other: not barred[anchor[1], other[1]])
    assert loss == pytest.approx(expected, rel=1e-12)
