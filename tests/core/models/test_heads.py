"""Classifier and projection by their definitions."""

import numpy as np
import pytest
import torch

from oracles.encoder import gelu, linear
from pahcl_core.models.heads import Classifier, Projection


def embeddings(*shape, seed=0):
    return torch.tensor(np.random.default_rng(seed).normal(size=shape))


def parameters(module):
    """Weight and bias as nested lists."""
    return module.weight.tolist(), module.bias.tolist()


def test_a_classifier_is_one_linear_layer(shaken):
    classifier = shaken(Classifier(6, 3, dropout=0.5))
    rows = embeddings(4, 6)

    with torch.no_grad():
        logits = classifier(rows)

    expected = [linear(row, parameters(classifier.linear)) for row in rows.tolist()]
    np.testing.assert_allclose(logits, expected, rtol=1e-12)


def test_a_classifier_drops_parts_of_the_embedding_in_training(shaken):
    """By hand, all weights 1: a quarter of 1000 ones is dropped, the others count 4/3."""
    classifier = shaken(Classifier(1000, 2, dropout=0.25)).train()
    with torch.no_grad():
        classifier.linear.weight.fill_(1.0)
        classifier.linear.bias.zero_()
        torch.manual_seed(0)
        sums = classifier(torch.ones(8, 1000, dtype=torch.float64))

    kept = sums / (4 / 3)
    np.testing.assert_allclose(kept, kept.round(), atol=1e-9)
    assert kept.mean().item() == pytest.approx(750, abs=20)
    assert len(kept[:, 0].unique()) > 1


@pytest.mark.parametrize("shape", [(4,), (2, 3)], ids=["cycles", "phases"])
def test_a_projection_is_two_layers(shaken, shape):
    projection = shaken(Projection(6, 5))
    rows = embeddings(*shape, 6)

    with torch.no_grad():
        projected = projection(rows)

    expected = []
    for row in rows.reshape(-1, 6).tolist():
        hidden = [gelu(v) for v in linear(row, parameters(projection.hidden))]
        expected.append(linear(hidden, parameters(projection.out)))
    assert projected.shape == (*shape, 5)
    np.testing.assert_allclose(projected.reshape(-1, 5), expected, rtol=1e-12)
