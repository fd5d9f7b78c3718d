"""The chunked state-space layer is the recurrence, taken step by step."""

import math

import numpy as np
import pytest
import torch

from oracles.ssd import add_to, scan
from pahcl_core.errors import SettingError
from pahcl_core.models.ssd import ssd


def inputs(length, *, batch=2, heads=2, head_dim=3, state=4, least=-3.0, most=0.0, seed=0):
    """Arguments of `ssd` in double precision: `x`, decays, `b`, `c`, decays backwards."""
    rng = np.random.default_rng(seed)
    decays = rng.uniform(least, most, size=(2, batch, length, heads))
    shapes = [(batch, length, heads, head_dim), (batch, length, state), (batch, length, state)]
    x, b, c = (torch.tensor(rng.normal(size=shape)) for shape in shapes)
    return x, torch.tensor(decays[0]), b, c, torch.tensor(decays[1])


def by_steps(x, log_decay, b, c, log_decay_back=None):
    """The oracle over a batch."""
    sequences = []
    for i in range(len(x)):
        rows = [t[i].tolist() for t in (x, log_decay, b, c)]
        y = scan(*rows)
        if log_decay_back is not None:
            rows[1] = log_decay_back[i].tolist()
            add_to(y, scan(*rows, backwards=True))
        sequences.append(y)
    return torch.tensor(sequences, dtype=torch.float64)


def assert_equal(actual, expected, *, rel=1e-9):
    """Within a share of the largest element: terms of either sign may cancel."""
    assert (actual - expected).abs().max() <= rel * expected.abs().max()


@pytest.mark.parametrize("both", [False, True], ids=["forwards", "both_ways"])
@pytest.mark.parametrize("chunk", [1, 4, 32])
@pytest.mark.parametrize("length", [1, 3, 4, 31, 32, 33, 70])
def test_it_equals_the_recurrence(length, chunk, both):
    """Shorter than a chunk, whole chunks, and any length in between."""
    x, decay, b, c, back = inputs(length)

    y = ssd(x, decay, b, c, chunk=chunk, log_decay_back=back if both else None)

    assert_equal(y, by_steps(x, decay, b, c, back if both else None))


@pytest.mark.parametrize("chunk", [2, 5, 7, 64, 200])
def test_the_chunk_does_not_change_the_result(chunk):
    x, decay, b, c, back = inputs(50)

    y = ssd(x, decay, b, c, chunk=chunk, log_decay_back=back)

    assert_equal(y, ssd(x, decay, b, c, chunk=32, log_decay_back=back), rel=1e-12)


def test_a_step_of_one_state_by_hand():
    """Halving twice: 1 enters, then 0, then 2: 3 times 1, 1/2 and 1/4 + 2."""
    x = torch.tensor([1.0, 0.0, 2.0], dtype=torch.float64)[None, :, None, None]
    halved = torch.full((1, 3, 1), math.log(0.5), dtype=torch.float64)
    one = torch.ones(1, 3, 1, dtype=torch.float64)

    forwards = ssd(x, halved, one, 3 * one)
    # Backwards come 2, then 1, then 1/2 + 1; nothing is kept forwards: each step sees its own.
    keeps_nothing = torch.full_like(halved, -30.0)
    both = ssd(x, keeps_nothing, one, 3 * one, log_decay_back=halved)

    np.testing.assert_allclose(forwards.flatten(), [3.0, 1.5, 6.75], rtol=1e-12)
    np.testing.assert_allclose(both.flatten(), [3 + 4.5, 0 + 3, 6 + 6], rtol=1e-12)


def test_without_decay_it_is_the_running_sum():
    x, decay, _, _, _ = inputs(70)
    one = torch.ones(2, 70, 1, dtype=torch.float64)

    y = ssd(x, torch.zeros_like(decay), one, one)

    np.testing.assert_allclose(y, np.cumsum(x.numpy(), axis=1), rtol=1e-11, atol=1e-11)


def test_backwards_is_forwards_on_the_reversed_sequence():
    """Each direction by itself: what both give, less what forwards gives."""
    x, decay, b, c, back = inputs(37)

    backwards = ssd(x, decay, b, c, log_decay_back=back) - ssd(x, decay, b, c)
    mirrored = ssd(x.flip(1), back.flip(1), b.flip(1), c.flip(1)).flip(1)

    assert_equal(backwards, mirrored, rel=1e-12)


def test_it_is_linear_in_its_input():
    x, decay, b, c, back = inputs(20)
    other = inputs(20, seed=1)[0]

    def run(x):
        return ssd(x, decay, b, c, log_decay_back=back)

    assert_equal(run(2.0 * x - other), 2.0 * run(x) - run(other), rel=1e-12)


def test_one_sequence_does_not_hear_another():
    x, decay, b, c, back = inputs(20, batch=3)

    together = ssd(x, decay, b, c, log_decay_back=back)
    alone = ssd(x[1:2], decay[1:2], b[1:2], c[1:2], log_decay_back=back[1:2])

    assert_equal(together[1:2], alone, rel=1e-12)


@pytest.mark.parametrize("both", [False, True], ids=["forwards", "both_ways"])
def test_long_strong_decays_do_not_overflow(both):
    """30 a step for 200 steps: e^6000 lies between the ends, and no step hears its neighbour.

    In single precision, where e^89 is already infinite; chunks of 64 steps.
    """
    x, decay, b, c, _ = (t.float() for t in inputs(200))
    strong = torch.full_like(decay, -30.0)

    y = ssd(x, strong, b, c, chunk=64, log_decay_back=strong if both else None)

    own = (c * b).sum(dim=2)[..., None, None] * x * (2 if both else 1)
    np.testing.assert_allclose(y, own, rtol=1e-4, atol=1e-5)


def test_single_precision_keeps_four_digits():
    """Of any decays between none and 30 a step, whose sums over a chunk reach a thousand."""
    arguments = inputs(100, least=-30.0)

    x, decay, b, c, back = (t.float() for t in arguments)
    y = ssd(x, decay, b, c, log_decay_back=back)

    assert_equal(y.double(), by_steps(*arguments), rel=1e-4)


@pytest.mark.parametrize("both", [False, True], ids=["forwards", "both_ways"])
def test_gradients_under_strong_decays_are_those_of_the_recurrence(both):
    """e^800 and more lie between the ends of a chunk, too much for double precision.

    Were it masked after the exponential instead of before, gradients would be no numbers.
    """
    strong = {"batch": 1, "least": -30.0, "most": -20.0}
    x, decay, b, c, back = (t.requires_grad_() for t in inputs(50, **strong))
    y = ssd(x, decay, b, c, chunk=40, log_decay_back=back if both else None)
    wanted = [x, decay, b, c, back] if both else [x, decay, b, c]
    gradients = torch.autograd.grad(y.square().sum(), wanted)

    expected = gradients_by_steps(*inputs(50, **strong), both=both)

    largest = max(reference.abs().max() for reference in expected)
    for gradient, reference in zip(gradients, expected, strict=True):
        assert (gradient - reference).abs().max() <= 1e-12 * largest


@pytest.mark.parametrize("both", [False, True], ids=["forwards", "both_ways"])
@pytest.mark.parametrize(("length", "chunk"), [(1, 4), (7, 3), (11, 4), (12, 4), (9, 32)])
def test_gradients_are_those_of_the_recurrence(length, chunk, both):
    x, decay, b, c, back = (t.requires_grad_() for t in inputs(length, batch=1))
    y = ssd(x, decay, b, c, chunk=chunk, log_decay_back=back if both else None)
    wanted = [x, decay, b, c, back] if both else [x, decay, b, c]
    gradients = torch.autograd.grad(y.square().sum(), wanted)

    expected = gradients_by_steps(*inputs(length, batch=1), both=both)

    for gradient, reference in zip(gradients, expected, strict=True):
        assert_equal(gradient, reference)


def gradients_by_steps(*arguments, both):
    """Of the sum of the squared outputs, by automatic differentiation through the loops."""
    leaves = [t.requires_grad_() for t in (arguments if both else arguments[:4])]
    x, decay, b, c, *back = (scalars(leaf[0]) for leaf in leaves)
    y = scan(x, decay, b, c, exp=torch.exp)
    if both:
        add_to(y, scan(x, back[0], b, c, backwards=True, exp=torch.exp))
    total = sum(value * value for step in y for head in step for value in head)
    return torch.autograd.grad(total, leaves)


def scalars(tensor):
    """Nested lists of zero-dimensional tensors."""
    return list(map(scalars, tensor)) if tensor.ndim > 1 else list(tensor.unbind())


@pytest.mark.parametrize("both", [False, True], ids=["forwards", "both_ways"])
def test_gradients_agree_with_differences(both):
    """Of all it is given, over two chunks and a rest."""
    x, decay, b, c, back = inputs(5, batch=1, heads=2, head_dim=2, state=2)
    log_step, skip = inputs(5, batch=1, seed=1)[1], torch.tensor([0.7, -1.3]).double()
    given = [x, decay, b, c, log_step, skip] + [back] * both

    def layer(x, decay, b, c, log_step, skip, back=None):
        step = {"log_step": log_step, "skip": skip, "log_decay_back": back}
        return ssd(x, decay, b, c, chunk=2, **step)

    assert torch.autograd.gradcheck(layer, [t.requires_grad_() for t in given])


@pytest.mark.parametrize("both", [False, True], ids=["forwards", "both_ways"])
def test_a_step_that_does_not_enter_is_one_of_zeros(both):
    """What it gives and all gradients, but that it has none itself; a skip is left to it."""
    x, decay, b, c, back = inputs(9)
    out = torch.zeros(2, 9, 2, dtype=torch.bool)
    out[0, 3:5] = out[1, 8, 0] = True
    skip = torch.tensor([0.5, 2.0], dtype=torch.float64)
    found = []
    for hidden in (True, False):
        leaves = [t.clone().requires_grad_() for t in (x, decay, b, c, back)]
        heard = leaves[0] if hidden else leaves[0].masked_fill(out[..., None], 0.0)
        log_step = torch.zeros_like(decay).masked_fill(out & torch.tensor(hidden), -torch.inf)
        ways = {"log_decay_back": leaves[4] if both else None, "log_step": log_step}
        y = ssd(heard, *leaves[1:4], chunk=4, **ways) + skip[:, None] * leaves[0]
        if hidden:
            skipped = ssd(heard, *leaves[1:4], chunk=4, skip=skip, **ways)
            assert_equal(skipped, y, rel=1e-12)
            y = skipped
        found.append((y, *torch.autograd.grad(y.square().sum(), leaves[: 4 + both])))

    for one, other in zip(*found, strict=True):
        assert_equal(one, other, rel=1e-12)


def test_decays_below_minus_30_count_as_minus_30():
    """And have no gradient: there is nothing left to forget."""
    x, decay, b, c, back = inputs(9)
    decay[:, 4] = -1000.0
    decay.requires_grad_()

    y = ssd(x, decay, b, c, chunk=4, log_decay_back=back)
    (gradient,) = torch.autograd.grad(y.sum(), decay)

    assert_equal(y.detach(), by_steps(x, decay.detach().clamp(min=-30), b, c, back))
    assert gradient[:, 4].abs().max() == 0
    assert gradient[:, 5].abs().min() > 0


@pytest.mark.parametrize("chunk", [0, -1])
def test_a_chunk_that_is_not_positive_is_refused(chunk):
    x, decay, b, c, _ = inputs(4)

    with pytest.raises(SettingError, match=f"chunk must be positive, got {chunk}"):
        ssd(x, decay, b, c, chunk=chunk)
