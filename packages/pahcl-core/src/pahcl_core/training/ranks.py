"""Several processes, the ranks, that train one model: who they are, and what they tell one another.

`torchrun` starts them and says in the environment who is who, on one machine or on several. Each
batch is the one that a single process would take. A rank encodes its share of it (`Ranks.share`)
and is given the embeddings of all (`Ranks.gather`), so that whatever comes after them, negatives
and loss, is computed by every rank alike, and as in one process.

Gradients. Every exchange is differentiated as what it is, a function of what all ranks put in. So
the backward pass leaves on a rank the gradient of the sum of all ranks' losses, which are equal,
with respect to its own copy of a parameter; and the mean over ranks (`Ranks.average_gradients`) is
the gradient of the loss of the whole batch, be the parameter before the exchange or after it, and
however unevenly the rows are dealt out. DistributedDataParallel would average as well, but wants
one forward pass through itself for each backward pass, where two views make two.

Work that takes long, such as preparing recordings, is waited for by looking at the store that the
ranks share, never in an exchange, which has a time limit and cannot be interrupted.
"""

import contextlib
import os
import time
from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
import torch.distributed as dist
from jaxtyping import Int64, Shaped
from torch import Tensor, nn

from pahcl_core.errors import RankLostError, SettingError
from pahcl_core.training.interruption import undisturbed
from pahcl_core.training.pulse import Pulse, Store, connect

T = TypeVar("T")

_LONGEST_EXCHANGE = timedelta(minutes=10)  # the slowest rank's step, a checkpoint written in it
_GONE_S = 2.0  # without a sign of life
_LOOK_S = 0.1
_WANTED = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


class Ranks:
    """This process among those that train one model. By itself where there are no others."""

    def __init__(self, rank: int = 0, count: int = 1) -> None:
        self.rank = rank
        self.count = count
        self.sizes = [0] * count
        """Rows of the last batch that each rank took."""

        self._store: Store | None = None
        self._pulse: Pulse | None = None
        self._turns = 0

    @property
    def first(self) -> bool:
        """Whether this one writes, reports and shows what all do."""
        return self.rank == 0

    @property
    def alone(self) -> bool:
        """Whether there is no other."""
        return self.count == 1

    @property
    def start(self) -> int:
        """Place in the last batch of this rank's first row."""
        return sum(self.sizes[: self.rank])

    def __deepcopy__(self, memo: dict[int, Any]) -> "Ranks":
        """The same: a model that is copied stays among the same ranks."""
        return self

    def share(self, batch: Int64[np.ndarray, "batch"]) -> Int64[np.ndarray, "rows"]:
        """The rows of a batch that this rank takes: contiguous, and as many as others or one more.

        `gather` and the layers of `rank_layers` go by the last call.
        """
        parts = np.array_split(batch, self.count)
        self.sizes = [len(part) for part in parts]
        return parts[self.rank]

    def gather(self, rows: Shaped[Tensor, "rows *rest"]) -> Shaped[Tensor, "batch *rest"]:
        """What every rank has made of its share, in the order of the batch; differentiable.

        Args:
            rows: Of the share that was taken last.
        """
        if self.alone:
            return rows
        assert len(rows) == self.sizes[self.rank], "rows of another share"
        gathered: Tensor = _Gather.apply(  # type: ignore[no-untyped-call]
            rows, tuple(self.sizes), self.rank
        )
        return gathered

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Put the mean over ranks in place of each gradient."""
        if self.alone:
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        dist.all_reduce(flat)
        flat /= self.count
        for gradient, mean in zip(
            gradients, flat.split([g.numel() for g in gradients]), strict=True
        ):
            gradient.copy_(mean.view_as(gradient))

    def align(self, *modules: nn.Module) -> None:
        """Give every rank the first one's parameters and running statistics.

        They are the same anyway where processors are, since everything begins from one seed.
        """
        if not self.alone:
            for module in modules:
                for tensor in module.state_dict().values():
                    dist.broadcast(tensor, src=0)

    def told(self, value: T) -> T:
        """The first rank's value; the others' is not looked at. All wait until there is one."""
        if self.alone:
            return value
        key = f"told/{self._next_turn()}"
        assert self._store is not None
        if self.first:
            self._store.set(key, "")
        self._await(key)
        box = [value if self.first else None]
        dist.broadcast_object_list(box, src=0)
        said: Any = box[0]
        return said  # type: ignore[no-any-return]

    @contextlib.contextmanager
    def one_then_others(self) -> Iterator[None]:
        """On each machine, one rank does this; then the others do, and find what it has made."""
        if self.alone:
            yield
            return
        assert self._store is not None
        key = f"turn/{self._next_turn()}/{_machine(self.rank)}"
        if local_rank() > 0:
            self._await(key)
        yield
        if local_rank() == 0:
            self._store.set(key, "")

    @contextlib.contextmanager
    def together(self, directory: Path) -> Iterator[None]:
        """Say which rank is gone when an exchange with it fails, and how to go on.

        Args:
            directory: Of the run.

        Raises:
            RankLostError: Instead of what the exchange made of it.
            KeyboardInterrupt: If the other was interrupted.
        """
        try:
            yield
        except torch.OutOfMemoryError:  # this rank's own; a RuntimeError, too
            raise
        except (RuntimeError, KeyboardInterrupt, RankLostError) as error:
            if self.alone:
                raise
            reason: BaseException | None = None
            # Whoever ended the other, such as torchrun, is about to interrupt this one as well,
            # which would hide the reason.
            with contextlib.suppress(KeyboardInterrupt), undisturbed():
                reason = self._reason(directory)
            if reason is None:
                raise
            raise reason from error

    def _reason(self, directory: Path) -> BaseException | None:
        """What `together` raises, if another rank is found to be gone within a few seconds."""
        for _ in range(round(2 * _GONE_S / _LOOK_S)):
            lost = self._lost()
            if lost:
                break
            time.sleep(_LOOK_S)
        else:
            return None
        rank = min(lost)
        if lost[rank] == "interrupted":
            return KeyboardInterrupt()
        survivors = [one for one in range(self.count) if one not in lost]
        return RankLostError(
            f"rank {rank} of {self.count} (counted from 0) {lost[rank]}; all ranks end. What was "
            f"written so far is in {directory}: go on with --resume {directory}",
            tells=self.rank == min(survivors) and not (rank == 0 and lost[0] != Pulse.KILLED),
        )

    def _lost(self) -> dict[int, str]:
        """The others that are gone, and how."""
        assert self._pulse is not None
        return self._pulse.gone(_GONE_S)

    def _await(self, key: str) -> None:
        """Until the key is in the store.

        Raises:
            RankLostError: If another rank is gone.
        """
        assert self._store is not None
        while not self._store.check([key]):
            lost = self._lost()
            if lost:
                rank, how = min(lost.items())
                if how == "interrupted":
                    raise KeyboardInterrupt
                tells = how == Pulse.KILLED
                raise RankLostError(f"rank {rank} of {self.count} {how}", tells=tells)
            time.sleep(_LOOK_S)

    def _next_turn(self) -> int:
        self._turns += 1
        return self._turns

    @contextlib.contextmanager
    def _connected(self, device: torch.device) -> Iterator[None]:
        """Reach the others, and leave word of how this one ended."""
        if device.type == "cuda":
            torch.cuda.set_device(device)
        backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
        dist.init_process_group(backend, timeout=_LONGEST_EXCHANGE)
        self._store = connect()
        self._pulse = Pulse(self._store, rank=self.rank, count=self.count)
        try:
            with self._pulse.beating():
                yield
        finally:
            self._store = self._pulse = None
        dist.destroy_process_group()  # not after a failure: it would wait for those that are gone


ALONE = Ranks()
"""One process by itself."""


@contextlib.contextmanager
def joined(device: torch.device) -> Iterator[Ranks]:
    """The ranks that the environment speaks of, connected; `ALONE` if it speaks of no others.

    Args:
        device: Of this rank: tensors on a GPU are exchanged by NCCL, others by gloo.

    Raises:
        SettingError: If ranks cannot exchange what is on such a device.
    """
    if not among_others():
        yield ALONE
        return
    if device.type not in ("cpu", "cuda"):
        raise SettingError(f"several processes cannot share work on {device.type}: --device cpu")
    ranks = Ranks(int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]))
    with ranks._connected(device):
        yield ranks


def among_others() -> bool:
    """Whether the environment, as torchrun makes it, speaks of several processes."""
    there = all(os.environ.get(name) for name in _WANTED)
    return there and int(os.environ["WORLD_SIZE"]) > 1


def local_rank() -> int:
    """This process's number among those on its machine."""
    return int(os.environ.get("LOCAL_RANK") or 0) if among_others() else 0


def _machine(rank: int) -> int:
    """A number for this rank's machine."""
    group = os.environ.get("GROUP_RANK")
    return int(group) if group else rank // int(os.environ.get("LOCAL_WORLD_SIZE") or 1)


class _Gather(torch.autograd.Function):
    """Rows of all ranks, in their order."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, sizes: tuple[int, ...], rank: int) -> Tensor:  # noqa: ANN401
        ctx.sizes, ctx.rank = sizes, rank
        sent = rows.to(torch.uint8) if rows.dtype == torch.bool else rows
        sent = sent.contiguous()
        if 0 in sent.shape[1:]:  # rows of nothing; a rank without rows must not wait for it either
            return rows.new_zeros((sum(sizes), *rows.shape[1:]))
        # Everyone sends as many rows: an exchange of different numbers is not for every backend.
        padded = sent.new_zeros((max(sizes), *sent.shape[1:]))
        padded[: len(sent)] = sent
        received = [torch.empty_like(padded) for _ in sizes]
        dist.all_gather(received, padded)
        parts = [part[:size] for part, size in zip(received, sizes, strict=True)]
        return torch.cat(parts).to(rows.dtype)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:  # noqa: ANN401
        total = gradient.contiguous().clone()
        dist.all_reduce(total)
        return total.split(ctx.sizes)[ctx.rank], None, None
