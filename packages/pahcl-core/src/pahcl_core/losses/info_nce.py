"""InfoNCE over pairs of views.

It is the NT-Xent of Chen et al., "A Simple Framework for Contrastive Learning of Visual
Representations", ICML 2020, equation 1, after van den Oord et al. 2018.
"""

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor
from torch.nn import functional as F


def info_nce(
    view_a: Float[Tensor, "batch dim"],
    view_b: Float[Tensor, "batch dim"],
    *,
    temperature: float,
    person: Int64[Tensor, "batch"] | None = None,
) -> Float[Tensor, ""]:
    """Mean negative log-probability of each view picking out its partner.

    Row `i` of `view_a` and row `i` of `view_b` embed two views of the same thing. Each of the
    `2 * batch` embeddings is an anchor once; every other embedding is a candidate.

    Args:
        view_a: Embeddings of the first views. They need not be normalised.
        view_b: Embeddings of the second views, row-aligned with `view_a`.
        temperature: Divides the cosine similarities; smaller is sharper. Positive, no unit.
        person: Who each row is of. If given, other rows of the same person are no candidates:
            cycles of one heart are alike, and pushing them apart would teach the wrong thing.

    Returns:
        The loss in nats. Identical embeddings give `log(2 * batch - 1)` without `person`.

    Raises:
        ValueError: If `temperature` is not positive or there is no row.
    """
    if len(view_a) == 0:
        raise ValueError("InfoNCE needs at least one pair")
    barred = None if person is None else same_person(person)
    return contrast(view_a, view_b, temperature=temperature, barred=barred)


def contrast(
    view_a: Float[Tensor, "rows dim"],
    view_b: Float[Tensor, "rows dim"],
    *,
    temperature: float,
    barred: Bool[Tensor, "rows rows"] | None,
) -> Float[Tensor, ""]:
    """InfoNCE in which some rows are no candidates of others.

    Args:
        view_a: Embeddings of the first views.
        view_b: Embeddings of the second views.
        temperature: Divides the cosine similarities.
        barred: Where True, neither view of the column's row is a candidate of the row's views.
            False on the diagonal.

    Raises:
        ValueError: If `temperature` is not positive.
    """
    if temperature <= 0:
        raise ValueError(f"temperature must be positive, got {temperature}")
    embeddings = F.normalize(torch.cat([view_a, view_b]), dim=1)
    logits = embeddings @ embeddings.T / temperature
    if barred is not None:
        logits = logits.masked_fill(barred.repeat(2, 2), -torch.inf)
    own = torch.eye(len(logits), dtype=torch.bool, device=logits.device)
    logits = logits.masked_fill(own, -torch.inf)  # an anchor is not its own candidate
    partner = torch.arange(len(logits), device=logits.device).roll(len(view_a))
    return F.cross_entropy(logits, partner)


def same_person(person: Int64[Tensor, "rows"]) -> Bool[Tensor, "rows rows"]:
    """Where two different rows are of one person."""
    alike = person[:, None] == person[None, :]
    return alike & ~torch.eye(len(person), dtype=torch.bool, device=person.device)
