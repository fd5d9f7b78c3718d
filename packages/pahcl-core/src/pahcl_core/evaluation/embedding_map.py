"""Embeddings in two dimensions, to be looked at.

Source:
    Pearson, "On lines and planes of closest fit to systems of points in space", 1901: the
    principal components, here by a singular value decomposition.
    van der Maaten and Hinton, "Visualizing Data using t-SNE", JMLR 9, 2008: neighbours stay
    neighbours, and distances between groups mean nothing.
"""

from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float, Float64
from sklearn.manifold import TSNE

from pahcl_core.errors import DataError

Projection = Literal["pca", "tsne"]

_PERPLEXITY = 30.0  # of t-SNE, in its authors' range


class Plane(NamedTuple):
    """Points on a plane, and what its axes are."""

    points: Float64[np.ndarray, "rows 2"]
    axes: tuple[str, str]


def plane_of(rows: Float[np.ndarray, "rows width"], projection: Projection, *, seed: int) -> Plane:
    """Put embeddings on a plane.

    Args:
        rows: At least three.
        projection: `pca` for the two directions of largest spread, `tsne` for neighbourhoods.
        seed: Of t-SNE.

    Raises:
        DataError: If there are fewer than three rows.
    """
    if len(rows) < 3:
        raise DataError(f"a map needs three embeddings or more, and there are {len(rows)}")
    if projection == "pca":
        return principal_plane(rows)
    perplexity = min(_PERPLEXITY, (len(rows) - 1) / 3)
    reducer = TSNE(perplexity=perplexity, init="pca", random_state=seed)
    points = reducer.fit_transform(rows.astype(np.float64)).astype(np.float64)
    return Plane(points, ("t-SNE, first axis", "t-SNE, second axis"))


def principal_plane(rows: Float[np.ndarray, "rows width"]) -> Plane:
    """The first two principal components, of embeddings centred and not scaled.

    A component's sign is such that the coordinate that it leans on most has a positive part in it.
    """
    centred = rows.astype(np.float64) - rows.mean(axis=0, dtype=np.float64)
    _, spread, directions = np.linalg.svd(centred, full_matrices=False)
    directions = directions[:2]
    leaning = np.abs(directions).argmax(axis=1)
    directions *= np.sign(directions[np.arange(len(directions)), leaning])[:, None]
    points = centred @ directions.T
    variance = np.square(spread)
    shares = variance[:2] / max(variance.sum(), np.finfo(float).tiny)
    first, second = (f"component {n}: {share:.0%}" for n, share in enumerate(shares, start=1))
    return Plane(points, (f"{first} of the variance", f"{second} of the variance"))
