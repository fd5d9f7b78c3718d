"""Cycles to recordings to units, one number at a time.

Ilse, Tomczak and Welling, "Attention-based Deep Multiple Instance Learning", ICML 2018: equation 7
is the weighted sum, equation 9 the gated weights.
"""

import math


def gated_scores(embeddings, content, gate, score):
    """wᵀ(tanh(V h) ⊙ sigm(U h)) of each h; `content` and `gate` are (weight, bias) in lists."""
    found = []
    for h in embeddings:
        total = 0.0
        for k, w in enumerate(score):
            v = content[1][k] + sum(a * b for a, b in zip(content[0][k], h, strict=True))
            u = gate[1][k] + sum(a * b for a, b in zip(gate[0][k], h, strict=True))
            total += w * math.tanh(v) / (1 + math.exp(-u))
        found.append(total)
    return found


def weighted(embeddings, scores):
    """The softmax of the scores, and the sum of the embeddings times it."""
    exponentials = [math.exp(s) for s in scores]
    weights = [e / sum(exponentials) for e in exponentials]
    pooled = [
        sum(w * h[d] for w, h in zip(weights, embeddings, strict=True))
        for d in range(len(embeddings[0]))
    ]
    return weights, pooled


def pooled_twice(unit, score_cycles, score_recordings):
    """A unit, given as recordings that are lists of cycles' embeddings.

    Returns its embedding, and in the nesting of `unit` the share of each cycle.
    """
    inside, of_recordings = [], []
    for cycles in unit:
        weights, pooled = weighted(cycles, score_cycles(cycles))
        inside.append(weights)
        of_recordings.append(pooled)
    weights, pooled = weighted(of_recordings, score_recordings(of_recordings))
    shares = [[w * one for one in cycles] for w, cycles in zip(weights, inside, strict=True)]
    return pooled, shares
