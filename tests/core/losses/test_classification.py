"""What a mistake costs, against the formula written out in plain numbers."""

import math

import numpy as np
import pytest
import torch

from pahcl_core.losses.classification import LossConfig, costs

LOGITS = np.random.default_rng(0).normal(size=(6, 3)) * 2
LABELS = [0, 1, 2, 2, 1, 0]


def by_hand(row, label, gamma, smoothing):
    """Lin et al., equation 4, with the truth of Szegedy et al., section 7."""
    total = sum(math.exp(one) for one in row)
    cost = 0.0
    for number, one in enumerate(row):
        p = math.exp(one) / total
        truth = smoothing / len(row) + (1 - smoothing if number == label else 0.0)
        cost -= truth * (1 - p) ** gamma * math.log(p)
    return cost


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize(("name", "gamma"), [("cross_entropy", 3.0), ("focal", 0.5), ("focal", 2)])
def test_each_example_costs_what_the_formula_says(name, gamma, smoothing):
    """Gamma has no say in cross-entropy."""
    config = LossConfig(name=name, gamma=gamma, label_smoothing=smoothing)

    found = costs(torch.tensor(LOGITS), torch.tensor(LABELS), config).tolist()

    told = gamma if name == "focal" else 0.0
    assert found == pytest.approx(
        [by_hand(row, label, told, smoothing) for row, label in zip(LOGITS, LABELS, strict=True)]
    )


def test_the_focal_loss_at_gamma_0_is_cross_entropy():
    focal, plain = LossConfig(name="focal", gamma=0.0), LossConfig()

    found = [costs(torch.tensor(LOGITS), torch.tensor(LABELS), one) for one in (focal, plain)]

    torch.testing.assert_close(*found)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
def test_who_is_right_beyond_doubt_has_a_gradient_of_0(gamma):
    """Where a probability is 1 to the last bit, a power below 1 has no slope of its own."""
    logits = torch.tensor([[200.0, 0.0]], requires_grad=True)

    cost = costs(logits, torch.tensor([0]), LossConfig(name="focal", gamma=gamma))
    cost.sum().backward()

    assert cost.tolist() == [0.0]
    assert logits.grad.tolist() == [[0.0, 0.0]]
