"""How embeddings lie in space: whether they are of use, while nobody has looked at a label.

All functions take points as rows, and look at their directions alone: rows are brought to length 1,
because a loss of cosines does not see their length.

Alignment and uniformity say whether partners are close and the whole is spread out; lower is better
for both, and what one gains the other may lose. A representation has *collapsed* completely where
everything is one point, and dimensionally where all variation is along a line or two of the many
dimensions there are (Jing et al. 2022): the loss may still fall then, with little left to learn.

Sources:
    Wang and Isola, "Understanding Contrastive Representation Learning through Alignment and
    Uniformity on the Hypersphere", ICML 2020, equations 1 and 2, with alpha = 2 and t = 2.
    Roy and Vetterli, "The Effective Rank", EUSIPCO 2007, definition 1.
    Chen and He, "Exploring Simple Siamese Representation Learning", CVPR 2021, section 4.1: the
    standard deviation per dimension.
    Jing, Vincent, LeCun and Tian, "Understanding Dimensional Collapse in Contrastive
    Self-supervised Learning", ICLR 2022.
"""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float64, Int64

Points = Float64[np.ndarray, "points dims"]

LEAST_SPREAD = 1e-5
"""Below this, points are one: directions differ by a quarter of a degree. Encoders with random
weights, on CirCor, have 3e-4 to 0.4."""

LEAST_SHARE = 1 / 16
"""Of the dimensions there could be; an effective rank below is a collapse. Encoders with random
weights have 0.2 to 0.8 of theirs, on CirCor."""

_LEAST_RANK = 1.5  # a line has 1; for few dimensions or points the share would be less than that
_ONE_POINT = 1e-12  # variance of what differs by rounding in single precision


def directions(points: Points) -> Points:
    """The rows at length 1; a row of zeros stays as it is."""
    length = np.linalg.norm(points, axis=1, keepdims=True)
    result: Points = points / np.where(length > 0, length, 1.0)
    return result


def alignment(first: Points, second: Points) -> float:
    """Mean squared distance of partners: 0 where they coincide, 2 if they were drawn at random.

    Args:
        first: One of each pair.
        second: The other, row-aligned.
    """
    apart = directions(first) - directions(second)
    return float((apart**2).sum(axis=1).mean())


def uniformity(points: Points) -> float | None:
    """Log of the mean, over pairs of points, of exp(-2 · squared distance).

    0 where all points coincide, towards -4 where they are spread evenly over many dimensions; None
    for fewer than two points. Pairs are of different points, as in the authors' code; the
    expectation in the paper, of independent draws, is what that estimates.
    """
    if len(points) < 2:
        return None
    unit = directions(points)
    squared = np.maximum(2 - 2 * (unit @ unit.T)[np.triu_indices(len(unit), 1)], 0)
    return float(np.log(np.exp(-2 * squared).mean()))


def spread(points: Points) -> float:
    """Total variance: 0 where all points coincide, 1 where their mean is at the centre."""
    unit = directions(points)
    return float(((unit - unit.mean(axis=0)) ** 2).sum(axis=1).mean())


def deviation(points: Points) -> float:
    """Mean over dimensions of the standard deviation: 0 if collapsed, `1 / sqrt(dims)` if even."""
    return float(directions(points).std(axis=0).mean())


def effective_rank(points: Points) -> float | None:
    """How many dimensions the points vary in: exp of the entropy of their singular values.

    Of the points less their mean, since where they lie on the whole tells nothing apart. From 1 to
    the number of dimensions, or of points less 1; None where the points coincide.
    """
    unit = directions(points)
    centred = unit - unit.mean(axis=0)
    # Not as roots of eigenvalues, which are 1e-8 where they should be 0, and there may be many.
    singular = np.linalg.svd(centred, compute_uv=False)
    if np.square(singular).sum() < _ONE_POINT * len(points):
        return None
    share = singular[singular > 0] / singular.sum()
    return float(np.exp(-(share * np.log(share)).sum()))


def retrieval(first: Points, second: Points, person: Int64[np.ndarray, "points"]) -> float:
    """Share of views whose partner is nearer than any view of another person.

    Every row of both is asked once. A tie is a failure: where all is one point, nothing is found.

    Args:
        first: One view of each cycle.
        second: The other, row-aligned.
        person: Who each cycle is of; one's own other cycles are no candidates.
    """
    unit = directions(np.concatenate([first, second]))
    similar = unit @ unit.T
    owner = np.concatenate([person, person])
    partner = np.roll(np.arange(len(owner)), len(person))
    own = similar[np.arange(len(owner)), partner]
    best = np.where(owner[:, None] == owner, -np.inf, similar).max(axis=1)
    return float((own > best).mean())


def collapse(points: Points) -> str:
    """What is wrong with these points, in words that go on from their name; empty for nothing."""
    most = min(points.shape[1], len(points) - 1)  # so many dimensions can be told
    if most < 2:
        return ""
    total, rank = spread(points), effective_rank(points)
    if total < LEAST_SPREAD or rank is None:
        return f"are one point (spread {total:.1e} of 1)"
    if rank < max(_LEAST_RANK, LEAST_SHARE * most):
        return f"vary in few dimensions (effective rank {rank:.1f} of {most})"
    return ""


class CollapseWatch:
    """Remembers what has collapsed, so that it is said once and not after every epoch."""

    def __init__(self) -> None:
        self._collapsed: set[str] = set()

    def news(self, points: Mapping[str, Points]) -> list[str]:
        """A sentence for each that has collapsed since it was last looked at.

        Args:
            points: By what they are, in the plural.
        """
        wrong = {name: collapse(rows) for name, rows in points.items()}
        fresh = [f"{n} {what}" for n, what in wrong.items() if what and n not in self._collapsed]
        self._collapsed = {name for name, what in wrong.items() if what}
        return fresh

    @property
    def num_collapsed(self) -> int:
        """Of those last looked at."""
        return len(self._collapsed)
