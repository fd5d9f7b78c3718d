"""The encoder and its heads layer by layer, scalar by scalar; its blocks are in `oracles.ssd`.

Weights are nested lists under the names of the layers.
"""

import math
from collections.abc import Sequence
from typing import Any

Rows = Sequence[Sequence[float]]


def front_end(samples: Sequence[float], weights: dict[str, Any]) -> list[list[float]]:
    """Tokens `[time][width]`: logarithms of energy through pairs of filters, two convolutions."""
    pairs = convolution([samples], weights["filters"], stride=4, padding=30)
    half = len(pairs) // 2
    energies = [
        [math.log(a * a + b * b + 1e-4) for a, b in zip(pairs[k], pairs[half + k], strict=True)]
        for k in range(half)
    ]
    channels = window_norm(energies, weights["norm"])
    channels = convolution(channels, weights["second"], stride=8, padding=4)
    channels = activated(window_norm(channels, weights["second_norm"]))
    channels = activated(convolution(channels, weights["third"], stride=1, padding=1))
    return [list(token) for token in zip(*channels, strict=True)]


def pooled(
    tokens: Rows, bounds: Sequence[int], pool: str
) -> tuple[list[list[float]], list[list[float]], list[bool]]:
    """What is merged into the embedding, the four phases, and which of them are there."""
    whole, _ = mean_between(tokens, bounds[0], bounds[4])
    known = all(bounds[k + 1] > bounds[k] for k in range(4))
    phases, valid = [], []
    for k in range(4):
        mean, reached = mean_between(tokens, bounds[k], bounds[k + 1])
        valid.append(known and reached)
        phases.append(mean if valid[-1] else [0.0] * len(whole))
    if pool == "cycle":
        return [whole], phases, valid
    parts = [phase if there else whole for phase, there in zip(phases, valid, strict=True)]
    return parts, phases, valid


def mean_between(tokens: Rows, start: int, stop: int) -> tuple[list[float], bool]:
    """Mean of the tokens of 32 samples each whose middle is in the span; whether there is one."""
    inside = [token for k, token in enumerate(tokens) if start <= 32 * k + 16 < stop]
    if not inside:
        return [0.0] * len(tokens[0]), False
    return [math.fsum(column) / len(inside) for column in zip(*inside, strict=True)], True


def convolution(
    channels: Rows, weights: tuple[Any, Sequence[float]], *, stride: int, padding: int
) -> list[list[float]]:
    """Output `[channel][time]`; zeros beyond both ends."""
    kernels, biases = weights
    length = len(channels[0])
    size = len(kernels[0][0])
    result = []
    for kernel, bias in zip(kernels, biases, strict=True):
        row = []
        for start in range(-padding, length + padding - size + 1, stride):
            total = bias
            for channel, taps in zip(channels, kernel, strict=True):
                for k, tap in enumerate(taps):
                    if 0 <= start + k < length:
                        total += tap * channel[start + k]
            row.append(total)
        result.append(row)
    return result


def batch_norm(channels: Rows, weights: tuple[Sequence[float], ...]) -> list[list[float]]:
    """Each channel by its running mean and variance, then scaled and moved."""
    return [
        [scale * (v - mean) / math.sqrt(variance + 1e-5) + bias for v in channel]
        for channel, mean, variance, scale, bias in zip(channels, *weights, strict=True)
    ]


def window_norm(
    channels: Rows, weights: tuple[Sequence[float], Sequence[float]]
) -> list[list[float]]:
    """Everything by one mean and variance, then each channel scaled and moved."""
    values = [v for channel in channels for v in channel]
    mean = math.fsum(values) / len(values)
    variance = math.fsum((v - mean) ** 2 for v in values) / len(values)
    return [
        [scale * (v - mean) / math.sqrt(variance + 1e-5) + bias for v in channel]
        for channel, scale, bias in zip(channels, *weights, strict=True)
    ]


def layer_norm(
    token: Sequence[float], weights: tuple[Sequence[float], Sequence[float]]
) -> list[float]:
    """Each token by its own mean and variance, then scaled and moved."""
    mean = math.fsum(token) / len(token)
    variance = math.fsum((v - mean) ** 2 for v in token) / len(token)
    return [
        scale * (v - mean) / math.sqrt(variance + 1e-5) + bias
        for v, scale, bias in zip(token, *weights, strict=True)
    ]


def linear(vector: Sequence[float], weights: tuple[Rows, Sequence[float]]) -> list[float]:
    """Matrix times vector plus bias."""
    return [
        sum(w * v for w, v in zip(row, vector, strict=True)) + bias
        for row, bias in zip(*weights, strict=True)
    ]


def gelu(value: float) -> float:
    """The value times the share of a normal distribution below it."""
    return value * 0.5 * (1 + math.erf(value / math.sqrt(2)))


def activated(rows: Rows) -> list[list[float]]:
    """GELU of every element."""
    return [[gelu(v) for v in row] for row in rows]


def attentive_statistics(
    tokens: Rows, start: int, stop: int, weights: dict[str, Any]
) -> tuple[list[float], bool]:
    """Okabe et al. 2018: mean and deviation of a span's tokens, weighed by attention, projected."""
    inside = [token for k, token in enumerate(tokens) if start <= 32 * k + 16 < stop]
    if not inside:
        return [0.0] * len(tokens[0]), False
    scores = []
    for token in inside:
        hidden = [math.tanh(v) for v in linear(token, weights["hidden"])]
        scores.append(sum(w * v for w, v in zip(weights["score"], hidden, strict=True)))
    total = math.fsum(math.exp(score) for score in scores)
    alpha = [math.exp(score) / total for score in scores]
    means, deviations = [], []
    for column in zip(*inside, strict=True):
        mean = math.fsum(a * v for a, v in zip(alpha, column, strict=True))
        variance = math.fsum(a * (v - mean) ** 2 for a, v in zip(alpha, column, strict=True))
        means.append(mean)
        deviations.append(math.sqrt(max(variance, 1e-6)))
    return linear(means + deviations, weights["merge"]), True


def convnext_block(tokens: Rows, weights: dict[str, Any]) -> list[list[float]]:
    """Liu et al. 2022: a kernel of each channel, a norm, two layers with GELU, and the way around.

    Args:
        tokens: `[time][width]`.
        weights: `kernels` `[width][taps]` and `biases` of the convolution; `norm`, `hidden`, `out`.
    """
    size = len(weights["kernels"][0])
    result = []
    for t, token in enumerate(tokens):
        mixed = []
        for channel, kernel in enumerate(weights["kernels"]):
            total = weights["biases"][channel]
            for k, tap in enumerate(kernel):
                if 0 <= t + k - size // 2 < len(tokens):
                    total += tap * tokens[t + k - size // 2][channel]
            mixed.append(total)
        hidden = [gelu(v) for v in linear(layer_norm(mixed, weights["norm"]), weights["hidden"])]
        update = linear(hidden, weights["out"])
        result.append([v + u for v, u in zip(token, update, strict=True)])
    return result


def channel_attention(channels: Rows, kernel: Sequence[float]) -> list[list[float]]:
    """Wang et al. 2020: each channel times the logistic of its neighbourhood's mean over time."""
    means = [math.fsum(channel) / len(channel) for channel in channels]
    result = []
    for c, channel in enumerate(channels):
        total = 0.0
        for k, tap in enumerate(kernel):
            if 0 <= c + k - len(kernel) // 2 < len(channels):
                total += tap * means[c + k - len(kernel) // 2]
        result.append([v / (1 + math.exp(-total)) for v in channel])
    return result
