"""A classifier's head start: it learns alone, on embeddings as they are, before the encoder moves.

On a pretrained encoder a classifier with random weights does harm at first: its gradients are
large, they mean nothing, and they spoil what was pretrained. So the classifier is brought to the
minimum of the training loss first, the encoder standing still: embeddings are made once, and the
loss of a linear layer on them is convex. Then all is trained together.

Source:
    Kumar et al., "Fine-Tuning can Distort Pretrained Features and Underperform
    Out-of-Distribution", ICLR 2022, arXiv:2202.10054, section 3.4: linear probing, then
    fine-tuning.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn

STRENGTH = 3.0
"""Of the pull to zero, on weights of embeddings with a spread of 1: scikit-learn's `1 / (C n)`."""

CYCLES_PER_RECORDING = 8
"""To learn from, as far from one another as can be."""

_LEAST_SPREAD = 1e-6
_ITERATIONS = 100


def settle(
    classifier: nn.Linear,
    embedding: Float[Tensor, "examples width"],
    labels: Tensor,
    loss: Callable[[Tensor, Tensor], Tensor],
    *,
    strength: float = STRENGTH,
) -> None:
    """Give a linear classifier the weights that tell these examples best.

    What is minimised is the loss of training, its class weights included, plus half of `strength`
    times the squared weights on embeddings that are brought to a mean of 0 and a spread of 1.

    Args:
        classifier: Is given the weights.
        embedding: Of all training examples, as the encoder makes them now.
        labels: As the loss takes them.
        loss: Of logits and labels, convex in the logits.
        strength: Of the pull.
    """
    mean, spread = embedding.mean(dim=0), embedding.std(dim=0, correction=0)
    scale = 1.0 / spread.clamp(min=_LEAST_SPREAD)
    rows = ((embedding - mean) * scale).detach()
    weight = torch.zeros_like(classifier.weight, requires_grad=True)
    bias = torch.zeros_like(classifier.bias, requires_grad=True)
    descent = torch.optim.LBFGS([weight, bias], max_iter=_ITERATIONS, line_search_fn="strong_wolfe")

    def pulled() -> Tensor:
        descent.zero_grad()
        value: Tensor = loss(rows @ weight.T + bias, labels)
        value = value + 0.5 * strength * weight.square().sum()
        value.backward()
        return value

    with torch.enable_grad():
        descent.step(pulled)
    with torch.no_grad():
        classifier.weight.copy_(weight * scale)
        classifier.bias.copy_(bias - (weight * scale) @ mean)
