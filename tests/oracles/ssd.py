"""The state-space layer of Mamba-2 and its block, step by step and scalar by scalar.

The recurrence is equation 2 of Dao and Gu, "Transformers are SSMs", ICML 2024, one decay to a head:
`h_t = a_t h_{t-1} + b_t x_t`, `y_t = c_t h_t`, from a state of zero.

Scalars may be floats or zero-dimensional tensors, whose gradients automatic differentiation then
takes through the loops.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

Nested = Sequence[Any]


def scan(
    x: Nested,
    log_decay: Nested,
    b: Nested,
    c: Nested,
    *,
    backwards: bool = False,
    exp: Callable[[Any], Any] = math.exp,
) -> list[list[list[Any]]]:
    """Outputs `[time][head][channel]` of one sequence.

    Args:
        x: `[time][head][channel]`.
        log_decay: `[time][head]`.
        b: `[time][state]`.
        c: `[time][state]`.
        backwards: Run from the last step to the first.
        exp: The exponential of a scalar.
    """
    length, heads, channels, states = len(x), len(x[0]), len(x[0][0]), len(b[0])
    y: list[list[list[Any]]] = [[[0.0] * channels for _ in range(heads)] for _ in range(length)]
    for head in range(heads):
        for channel in range(channels):
            state = [0.0] * states
            for t in range(length - 1, -1, -1) if backwards else range(length):
                decay = exp(log_decay[t][head])
                for n in range(states):
                    state[n] = decay * state[n] + b[t][n] * x[t][head][channel]
                y[t][head][channel] = sum(c[t][n] * state[n] for n in range(states))
    return y


def block(
    tokens: Nested, weights: dict[str, Any], head_dim: int, valid: Sequence[bool] | None = None
) -> list[list[float]]:
    """Tokens `[time][width]` after one block, without dropout.

    Args:
        tokens: One sequence.
        weights: Nested lists. `norm`, `out_norm`: scales. `gate`, `x`, `b`, `c`, `step`: rows of
            the input projection. `conv_x`, `conv_b`, `conv_c`: a kernel per channel, and its bias
            under `bias_x`, `bias_b`, `bias_c`. `step_bias`, `skip`: per head. `rates`: of decay,
            per direction and head, the second running backwards. `out`: the output projection.
        head_dim: Channels of a head.
        valid: Which tokens are there; all by default.
    """
    length = len(tokens)
    valid = [True] * length if valid is None else valid
    normed = [rms_norm(token, weights["norm"]) for token in tokens]
    heard = {}
    for name in ("x", "b", "c"):
        rows = [
            matvec(weights[name], token) if there else [0.0] * len(weights[name])
            for token, there in zip(normed, valid, strict=True)
        ]
        convolved = convolve(rows, weights[f"conv_{name}"], weights[f"bias_{name}"])
        heard[name] = [[silu(v) for v in row] for row in convolved]
    steps = [
        [
            softplus(v + bias)
            for v, bias in zip(matvec(weights["step"], token), weights["step_bias"], strict=True)
        ]
        for token in normed
    ]
    steps = [row if there else [0.0] * len(row) for row, there in zip(steps, valid, strict=True)]

    num_heads = len(weights["skip"])
    by_head = [
        [row[h * head_dim : (h + 1) * head_dim] for h in range(num_heads)] for row in heard["x"]
    ]
    entering = [
        [[steps[t][h] * v for v in by_head[t][h]] for h in range(num_heads)] for t in range(length)
    ]
    y = [
        [[weights["skip"][h] * v for v in by_head[t][h]] for h in range(num_heads)]
        for t in range(length)
    ]
    for direction, rates in enumerate(weights["rates"]):
        decays = [[-steps[t][h] * rates[h] for h in range(num_heads)] for t in range(length)]
        add_to(y, scan(entering, decays, heard["b"], heard["c"], backwards=direction == 1))

    result = []
    for t, token in enumerate(tokens):
        gate = [silu(v) for v in matvec(weights["gate"], normed[t])]
        flat = [v for head in y[t] for v in head]
        gated = rms_norm([v * g for v, g in zip(flat, gate, strict=True)], weights["out_norm"])
        update = matvec(weights["out"], gated) if valid[t] else [0.0] * len(token)
        result.append([v + u for v, u in zip(token, update, strict=True)])
    return result


def add_to(y: list[list[list[float]]], other: list[list[list[float]]]) -> None:
    """Add in place, element by element."""
    for row, other_row in zip(y, other, strict=True):
        for head, other_head in zip(row, other_row, strict=True):
            for p, value in enumerate(other_head):
                head[p] += value


def matvec(matrix: Nested, vector: Sequence[float]) -> list[float]:
    """Each row of the matrix times the vector."""
    return [sum(m * v for m, v in zip(row, vector, strict=True)) for row in matrix]


def convolve(rows: Nested, kernels: Nested, biases: Sequence[float]) -> list[list[float]]:
    """Each channel with its own kernel, centred, zeros beyond both ends."""
    length, reach = len(rows), len(kernels[0]) // 2
    result = []
    for t in range(length):
        row = []
        for channel, (kernel, bias) in enumerate(zip(kernels, biases, strict=True)):
            total = bias
            for k, weight in enumerate(kernel):
                if 0 <= t + k - reach < length:
                    total += weight * rows[t + k - reach][channel]
            row.append(total)
        result.append(row)
    return result


def rms_norm(vector: Sequence[float], scale: Sequence[float]) -> list[float]:
    """Divide by the root mean square, with 1e-5 added to the mean square."""
    size = math.sqrt(sum(v * v for v in vector) / len(vector) + 1e-5)
    return [s * v / size for s, v in zip(scale, vector, strict=True)]


def silu(value: float) -> float:
    """The value times its logistic function."""
    return value / (1 + math.exp(-value))


def softplus(value: float) -> float:
    """Smooth maximum of 0 and the value."""
    return math.log1p(math.exp(-abs(value))) + max(value, 0.0)
