"""Tokens are pooled by the span in which their centre lies: plainly, or weighed by attention."""

import numpy as np
import pytest
import torch

from oracles import encoder as by_loops
from pahcl_core.models.pooling import AttentiveStatistics, mean_between


@pytest.fixture
def spans():
    """Tokens, and spans inside, across either end, beyond, empty and the wrong way round."""
    rng = np.random.default_rng(0)
    tokens = torch.tensor(rng.normal(size=(3, 9, 4)))
    start = torch.tensor(rng.integers(-100, 350, size=(3, 40)))
    return tokens, start, start + torch.tensor(rng.integers(-50, 250, size=(3, 40)))


def test_the_mean_between_equals_its_definition(spans):
    tokens, start, stop = spans

    mean, reached = mean_between(tokens, start, stop)

    for i in range(3):
        for k in range(40):
            span = (start[i, k].item(), stop[i, k].item())
            expected, any_inside = by_loops.mean_between(tokens[i].tolist(), *span)
            assert reached[i, k].item() is any_inside
            np.testing.assert_allclose(mean[i, k], expected, rtol=1e-12, atol=1e-14)
    assert 20 < reached.sum() < 100


@pytest.mark.parametrize(
    ("span", "mean"),
    [((0, 96), 4.0), ((16, 48), 1.0), ((17, 49), 3.0), ((17, 48), None), ((48, 500), 5.5)],
)
def test_the_mean_between_by_hand(span, mean):
    """Tokens 1, 3 and 8, centred at samples 16, 48 and 80; the end does not belong to a span."""
    tokens = torch.tensor([[[1.0], [3.0], [8.0]]])

    value, reached = mean_between(tokens, torch.tensor([[span[0]]]), torch.tensor([[span[1]]]))

    assert reached.item() is (mean is not None)
    assert value.item() == pytest.approx(mean or 0.0)


def test_attentive_statistics_equal_their_definition(spans, shaken):
    """Spans of no token, of one, whose deviation is the least there is, and of many."""
    tokens, start, stop = spans
    pooling = shaken(AttentiveStatistics(4))
    with torch.no_grad():
        pooling.score.weight.mul_(4)  # so that tokens weigh very differently
        pooled, reached = pooling(tokens, start, stop)
    weights = {
        name: (getattr(pooling, name).weight.tolist(), getattr(pooling, name).bias.tolist())
        for name in ("hidden", "merge")
    } | {"score": pooling.score.weight[0].tolist()}

    for i in range(3):
        for k in range(40):
            span = (start[i, k].item(), stop[i, k].item())
            expected, there = by_loops.attentive_statistics(tokens[i].tolist(), *span, weights)
            assert reached[i, k].item() is there
            np.testing.assert_allclose(pooled[i, k], expected, rtol=1e-9, atol=1e-12)


def test_a_span_without_a_token_gives_gradients_that_are_numbers(shaken):
    """Beside one with a single token, whose variance is zero."""
    pooling = shaken(AttentiveStatistics(4))
    tokens = torch.randn(1, 3, 4, dtype=torch.float64, requires_grad=True)

    pooled, _ = pooling(tokens, torch.tensor([[0, 500]]), torch.tensor([[32, 600]]))
    pooled.sum().backward()

    gradients = [tokens.grad, *(p.grad for p in pooling.parameters())]
    assert all(gradient.isfinite().all() for gradient in gradients)
    assert (tokens.grad[0, 0] != 0).all()
    assert (tokens.grad[0, 1:] == 0).all()
