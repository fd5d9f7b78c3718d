"""The network of `pahcl_core.signal.emissions` in PyTorch, and how it is trained."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float32, Int64
from torch import Tensor, nn
from torch.nn import functional

from pahcl_core.signal.emissions import FRAME_RATE

NUM_STATES = 4

_FIRST_TAPS = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainConfig:
    """Everything that changes the result of the training."""

    width: int = 24
    dilations: tuple[int, ...] = (1, 2, 4, 8, 16, 32, 64) * 2
    """Frames; their sum is how far the network sees to either side, 5 s."""

    passes: float = 20.0
    """Over all frames."""

    crop_s: float = 10.24
    batch: int = 24
    learning_rate: float = 4e-3
    """At its highest; it rises and falls once."""

    weight_decay: float = 0.01
    seed: int = 0


class StateNetwork(nn.Module):
    """Levels of bands to scores of states, per frame; residual blocks of dilated convolutions."""

    def __init__(self, num_bands: int, config: TrainConfig) -> None:
        super().__init__()
        width = config.width
        self.first = nn.Conv1d(num_bands, width, _FIRST_TAPS, padding=_FIRST_TAPS // 2)
        self.dilated = nn.ModuleList(
            nn.Conv1d(width, width, 3, padding=dilation, dilation=dilation)
            for dilation in config.dilations
        )
        self.mixing = nn.ModuleList(nn.Conv1d(width, width, 1) for _ in config.dilations)
        for mixing in self.mixing:
            nn.init.normal_(mixing.weight, std=0.05)  # a block begins close to the identity
            nn.init.zeros_(mixing.bias)
        self.last = nn.Conv1d(width, NUM_STATES, 1)

    def forward(self, levels: Float[Tensor, "batch bands time"]) -> Float[Tensor, "batch 4 time"]:
        """Scores whose softmax is the probability of the states."""
        hidden = functional.relu(self.first(levels))
        for dilated, mixing in zip(self.dilated, self.mixing, strict=True):
            hidden = hidden + mixing(functional.relu(dilated(hidden)))
        scores: Tensor = self.last(functional.relu(hidden))
        return scores

    def arrays(self) -> dict[str, np.ndarray]:
        """The weights as `NetworkWeights` names and lays them out, in half precision."""
        return {
            "first": _kernel(self.first),
            "first_bias": _half(self.first.bias),
            "dilations": np.array([one.dilation[0] for one in self.dilated], dtype=np.int16),
            "dilated": np.stack([_kernel(one) for one in self.dilated]),
            "dilated_bias": np.stack([_half(one.bias) for one in self.dilated]),
            "mixing": np.stack([_kernel(one)[0] for one in self.mixing]),
            "mixing_bias": np.stack([_half(one.bias) for one in self.mixing]),
            "last": _kernel(self.last)[0],
            "last_bias": _half(self.last.bias),
        }


def train_network(
    levels: list[Float32[np.ndarray, "frames bands"]],
    states: list[Int64[np.ndarray, "frames"]],
    config: TrainConfig,
) -> StateNetwork:
    """Fit the network to recordings by cross-entropy per frame.

    Args:
        levels: Of each recording, from `band_levels`.
        states: Of each, per frame; 1 to 4, or 0 where nobody said.
        config: How to train.
    """
    torch.manual_seed(config.seed)
    rng = np.random.default_rng(config.seed)
    crop = round(config.crop_s * FRAME_RATE)
    network = StateNetwork(levels[0].shape[1], config)
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
    )
    num_steps = int(config.passes * sum(len(one) for one in levels) / (crop * config.batch))
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, config.learning_rate, total_steps=num_steps, pct_start=0.15
    )
    told = np.array([np.count_nonzero(one) for one in states], dtype=np.float64)
    for _ in range(num_steps):
        chosen = rng.choice(len(levels), config.batch, p=told / told.sum())
        pairs = [_random_crop(levels[one], states[one], crop, rng) for one in chosen]
        batch_levels = torch.from_numpy(np.stack([pair[0].T for pair in pairs]))
        batch_states = torch.from_numpy(np.stack([pair[1] for pair in pairs]))
        scores = network(batch_levels)
        loss = functional.cross_entropy(scores, batch_states - 1, ignore_index=-1)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), max_norm=1.0)
        optimizer.step()
        schedule.step()
    return network.eval()


def _random_crop(
    levels: Float32[np.ndarray, "frames bands"],
    states: Int64[np.ndarray, "frames"],
    length: int,
    rng: np.random.Generator,
) -> tuple[Float32[np.ndarray, "length bands"], Int64[np.ndarray, "length"]]:
    """A stretch at another heart rate, and in half of the cases with noise that covers it."""
    pace = np.exp(rng.uniform(-0.2, 0.2))
    needed = int(length * pace) + 2
    start = rng.integers(0, max(1, len(levels) - needed + 1))
    levels, states = levels[start : start + needed], states[start : start + needed]
    position = np.arange(length) * pace
    position = position[position <= len(levels) - 1]
    below = position.astype(int)
    part = (position - below)[:, None]
    above = np.minimum(below + 1, len(levels) - 1)
    seen = levels[below] * (1 - part) + levels[above] * part
    num_bands = levels.shape[1]
    if rng.random() < 0.5:
        floor = rng.normal(-1.0, 1.0) + rng.normal(0.0, 0.5, num_bands)
        noise = 0.6 * np.log(rng.gamma(2.0, 0.5, seen.shape) + 1e-3)
        seen = np.logaddexp(seen, floor + noise)
    seen = seen * np.exp(rng.normal(0.0, 0.1)) + rng.normal(0.0, 0.3, num_bands)
    crop = np.zeros((length, num_bands), dtype=np.float32)
    crop[: len(seen)] = seen
    told = np.zeros(length, dtype=np.int64)
    told[: len(seen)] = states[np.rint(position).astype(int)]
    return crop, told


def _half(values: Tensor) -> np.ndarray:
    return values.detach().numpy().astype(np.float16)


def _kernel(layer: nn.Conv1d) -> np.ndarray:
    """From PyTorch's outputs, inputs, taps to taps, inputs, outputs."""
    return np.ascontiguousarray(_half(layer.weight).transpose(2, 1, 0))
