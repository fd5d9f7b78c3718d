"""AdamW with a warm-up and a cosine, and two rates: one for the encoder, one for the head."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import nn

from pahcl_core.training.ranks import ALONE, Ranks


@dataclass(frozen=True, kw_only=True, slots=True)
class OptimiserConfig:
    """AdamW: Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019."""

    lr: float | Literal["auto"] = "auto"
    """Highest rate of the head. `auto`: 0.002 in pretraining, 0.001 in fine-tuning."""

    encoder_lr_factor: float = 1.0
    """The encoder's rate, as a multiple of the head's."""

    weight_decay: float = 0.05
    """Of weight matrices and kernels; norms, biases and decays are left alone."""

    warmup: float = 0.1
    """Share of all steps in which the rate rises from near 0."""

    max_grad_norm: float = 1.0
    """Longer gradients are shortened to this."""

    def __post_init__(self) -> None:
        if self.lr != "auto" and self.lr <= 0:
            raise ValueError(f"lr must be positive, got {self.lr}")
        if self.encoder_lr_factor < 0 or self.weight_decay < 0:
            raise ValueError("encoder_lr_factor and weight_decay must be at least 0")
        if not 0 <= self.warmup < 1:
            raise ValueError(f"warmup must lie in [0, 1), got {self.warmup}")
        if self.max_grad_norm <= 0:
            raise ValueError(f"max_grad_norm must be positive, got {self.max_grad_norm}")

    def settled(self, lr: float) -> "OptimiserConfig":
        """The same, with that rate where it is `auto`."""
        return replace(self, lr=lr) if self.lr == "auto" else self


def rate_at(step: int, *, total: int, warmup: float) -> float:
    """The share of the highest rate at a step.

    Args:
        step: From 1 to `total`.
        total: Steps in all.
        warmup: Share of them in which it rises linearly; then half a cosine falls to 0.
    """
    rising = max(1, round(warmup * total))
    if step <= rising:
        return step / rising
    return 0.5 * (1 + math.cos(math.pi * (step - rising) / max(1, total - rising)))


class Optimiser:
    """AdamW over an encoder and what sits on it, stepping its own schedule."""

    def __init__(
        self,
        encoder: nn.Module,
        heads: nn.Module,
        config: OptimiserConfig,
        *,
        num_steps: int,
        ranks: Ranks = ALONE,
        scaler: torch.amp.GradScaler | None = None,
    ) -> None:
        """Take the parameters.

        Args:
            encoder: Its own rate applies to it.
            heads: What sits on it.
            config: Rates, decay, and when they change; its rate is `settled`.
            num_steps: Steps in all.
            ranks: Who else computes gradients of the same parameters.
            scaler: Keeps gradients within the range of half precision; None where there is none.
        """
        assert config.lr != "auto", "whoever trains knows the rate"
        self._config = config
        self._ranks = ranks
        self._scaler = scaler
        self.num_steps = num_steps
        self._encoder = [p for p in encoder.parameters() if p.requires_grad]
        self._heads = list(heads.parameters())
        self._peaks = (config.lr * config.encoder_lr_factor, config.lr)
        groups = []
        for name, parameters in (("encoder", self._encoder), ("classifier", self._heads)):
            for decayed in (True, False):
                chosen = [p for p in parameters if (p.ndim > 1) == decayed]
                decay = config.weight_decay if decayed else 0.0
                groups.append({"params": chosen, "weight_decay": decay, "part": name})
        self._adamw = torch.optim.AdamW([group for group in groups if group["params"]])

    def state_dict(self) -> dict[str, Any]:
        """AdamW's and the scaler's, to go on from."""
        state = self._adamw.state_dict()
        return state if self._scaler is None else {**state, "scaler": self._scaler.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        if self._scaler is not None:
            self._scaler.load_state_dict(state["scaler"])
        self._adamw.load_state_dict(
            {name: part for name, part in state.items() if name != "scaler"}
        )

    def rates(self, step: int) -> dict[str, float]:
        """The learning rates at a step, by the names they are tracked under."""
        share = rate_at(step, total=self.num_steps, warmup=self._config.warmup)
        encoder = self._peaks[0] if self._encoder else 0.0
        return {"lr/encoder": share * encoder, "lr/classifier": share * self._peaks[1]}

    def step(self, loss: torch.Tensor, step: int) -> dict[str, torch.Tensor]:
        """Descend once.

        Args:
            loss: Scalar; of the whole batch, on every rank.
            step: From 1; sets the rates.

        Returns:
            The norms of the gradient before it was shortened, by the names they are tracked under.
            Not a number where the scaler was too high: it is lowered, and the step left out.
        """
        self._adamw.zero_grad()
        (loss if self._scaler is None else self._scaler.scale(loss)).backward()
        self._ranks.average_gradients(self._encoder + self._heads)
        if self._scaler is not None:
            self._scaler.unscale_(self._adamw)
        norms = {
            "grad_norm/encoder": nn.utils.get_total_norm(_gradients(self._encoder)),
            "grad_norm/classifier": nn.utils.get_total_norm(_gradients(self._heads)),
        }
        norms["grad_norm/total"] = nn.utils.clip_grad_norm_(
            self._encoder + self._heads, self._config.max_grad_norm
        )
        rates = self.rates(step)
        for group in self._adamw.param_groups:
            group["lr"] = rates[f"lr/{group['part']}"]
        if self._scaler is None:
            self._adamw.step()
        else:
            self._scaler.step(self._adamw)
            self._scaler.update()
        return norms


def _gradients(parameters: Sequence[nn.Parameter]) -> list[torch.Tensor]:
    return [p.grad for p in parameters if p.grad is not None]
