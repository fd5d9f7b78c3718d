"""Layers that treat the rows of all ranks as the one batch that they are.

A batch normalisation that sees a rank's rows alone normalises otherwise than one that sees them
all, and dropout that each rank draws for itself drops other numbers than one process would. These
two give what one process gives: normalisation to within rounding, dropout to the bit.
"""

from typing import Any

import torch
import torch.distributed as dist
from jaxtyping import Float
from torch import Tensor, nn

from pahcl_core.training.ranks import Ranks


def over_ranks(module: nn.Module, ranks: Ranks) -> None:
    """Put these layers, parameters and all, in place of their kind inside a module.

    One process keeps its own. The names of parameters stay.
    """
    if ranks.alone:
        return
    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm1d):
            setattr(module, name, RankBatchNorm(child))
        elif isinstance(child, nn.Dropout):
            setattr(module, name, RankDropout(child.p, ranks))
        else:
            over_ranks(child, ranks)


class RankBatchNorm(nn.BatchNorm1d):
    """Batch normalisation over the rows of all ranks, some of which may have none.

    Ioffe and Szegedy, "Batch Normalization", ICML 2015, algorithm 1. torch's own SyncBatchNorm
    does the same, and refuses the CPU.
    """

    def __init__(self, like: nn.BatchNorm1d) -> None:
        """Take over the parameters and statistics of a layer, which are then shared with it."""
        super().__init__(like.num_features, eps=like.eps, momentum=like.momentum)
        self.weight, self.bias = like.weight, like.bias
        self.running_mean, self.running_var = like.running_mean, like.running_var
        self.num_batches_tracked = like.num_batches_tracked
        self.train(like.training)

    def forward(self, input: Float[Tensor, "rows channels *time"]) -> Tensor:
        """Normalised by the mean and the spread of each channel over all rows and times."""
        if not self.training:
            return super().forward(input)
        normalised: Tensor = self._over_all(input)
        return normalised

    @torch.compiler.disable  # type: ignore[untyped-decorator]  # exchanges stay out of the graph
    def _over_all(self, x: Tensor) -> Tensor:
        kind = x.dtype
        if kind in (torch.float16, torch.bfloat16):
            x = x.float()
        axes = [axis for axis in range(x.dim()) if axis != 1]
        shape = [1, -1] + [1] * (x.dim() - 2)
        here = x.new_full((1,), x.numel() / x.shape[1] if len(x) else 0.0)
        sums = _sum_over_ranks(torch.cat([x.sum(axes), here]))
        count = sums[-1].detach()
        mean = sums[:-1] / count
        centred = x - mean.view(shape)
        variance = _sum_over_ranks(centred.square().sum(axes)) / count
        self._remember(mean.detach(), variance.detach(), count)
        scale = self.weight * torch.rsqrt(variance + self.eps)
        return (centred * scale.view(shape) + self.bias.view(shape)).to(kind)

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor, count: Tensor) -> None:
        """Move the running statistics; the variance is that of the population."""
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        assert self.momentum is not None
        self.num_batches_tracked += 1
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance * count / (count - 1), self.momentum)


class RankDropout(nn.Module):
    """Dropout of which every rank draws the whole batch's numbers, and takes its own rows'.

    So all ranks' generators stay in step, and a run may go on with another number of ranks.
    """

    def __init__(self, p: float, ranks: Ranks) -> None:
        super().__init__()
        self.p = p
        self.ranks = ranks

    def forward(self, input: Float[Tensor, "rows *rest"]) -> Tensor:
        """Some set to zero, the rest scaled up; only in training."""
        if not self.training or self.p == 0:
            return input
        dropped: Tensor = self._dropped(input)
        return dropped

    @torch.compiler.disable  # type: ignore[untyped-decorator]  # the place in the batch changes
    def _dropped(self, x: Tensor) -> Tensor:
        start, total = self.ranks.start, sum(self.ranks.sizes)
        assert len(x) == self.ranks.sizes[self.ranks.rank], "rows of another share"
        whole = x.new_empty((1, *x.shape[1:])).expand(total, *x.shape[1:])
        kept = torch.empty_like(whole, memory_format=torch.contiguous_format)
        kept.bernoulli_(1 - self.p).div_(1 - self.p)
        return x * kept[start : start + len(x)]


def _sum_over_ranks(values: Tensor) -> Tensor:
    total: Tensor = _SumOverRanks.apply(values)  # type: ignore[no-untyped-call]
    return total


class _SumOverRanks(torch.autograd.Function):
    """The sum of what all ranks put in; so is its gradient."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:  # noqa: ANN401
        total = values.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # noqa: ANN401
        total = gradient.clone()
        dist.all_reduce(total)
        return total
