"""Mamba-2's state-space layer in chunked matrix-product form, in plain PyTorch.

Dao and Gu, "Transformers are SSMs: Generalized Models and Efficient Algorithms Through Structured
State Space Duality", ICML 2024 (arXiv:2405.21060). The recurrence (their equation 2, with one decay
per head)

    h_t = exp(log_decay_t) h_{t-1} + b_t x_t^T,    y_t = c_t^T h_t

is computed as in their section 6: quadratic attention inside chunks, where matrix products are
cheap, and the recurrence from one chunk's state to the next.

What is unusual:

- A second recurrence may run from the end to the start, and shares the products of the first.
- The gradient is written out. It takes products of the same form; automatic differentiation would
  go through each factor by itself, which costs a block a tenth of its time.

Letters for shapes: B batch, T time, K chunks, H heads, Q steps of a chunk, D directions, N state,
P channels of a head. What is of one direction lies beside what is of the other: (…, D N, …).
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from pahcl_core.errors import SettingError

_LEAST_LOG_DECAY = -30.0


def ssd(
    x: Float[Tensor, "batch time heads head_dim"],
    log_decay: Float[Tensor, "batch time heads"],
    b: Float[Tensor, "batch time state"],
    c: Float[Tensor, "batch time state"],
    *,
    chunk: int = 32,
    log_decay_back: Float[Tensor, "batch time heads"] | None = None,
    log_step: Float[Tensor, "batch time heads"] | None = None,
    skip: Float[Tensor, "heads"] | None = None,
) -> Float[Tensor, "batch time heads head_dim"]:
    """The recurrence above, from a state of zero; it can be differentiated once.

    Args:
        x: Input.
        log_decay: Natural logarithm of what each step keeps of the state before it; at most 0.
            Below -30 it counts as -30 (a factor of 1e-13), which bounds the rounding of sums.
        b: How the input enters the state; shared by all heads.
        c: How the output is read from the state; shared by all heads.
        chunk: Steps treated as one matrix product; changes speed and memory, not the result.
        log_decay_back: If given, the output of the same recurrence run from the last step to the
            first, with these decays, is added.
        log_step: Natural logarithm of what the input is multiplied by before it enters, 0 if not
            given; minus infinity where nothing is to enter. It is added to logarithms that are
            there anyway, which spares the product.
        skip: If given, so many times the input, as it is, is added to the output of each head; on
            the diagonal of a matrix that is there anyway.

    Raises:
        SettingError: If `chunk` is not positive.
    """
    if chunk < 1:
        raise SettingError(f"chunk must be positive, got {chunk}")
    ways = [_chunked(log_decay.clamp(min=_LEAST_LOG_DECAY), chunk).cumsum(3)]
    if log_decay_back is not None:
        back = _chunked(log_decay_back.clamp(min=_LEAST_LOG_DECAY), chunk)
        ways.append(back.flip(3).cumsum(3).flip(3))
    passed = torch.stack(ways, dim=3)  # (B, K, H, D, Q)
    entered = -passed if log_step is None else _chunked(log_step, chunk)[:, :, :, None] - passed
    if skip is None:
        skip = x.new_zeros(x.shape[2])
    b, c = (_chunked(t.to(x.dtype), chunk).mT for t in (b, c))
    y: Tensor = _InChunks.apply(x, b, c, passed, entered, skip)  # type: ignore[no-untyped-call]
    return y


def _chunked(
    steps: Float[Tensor, "batch time figures"], chunk: int
) -> Float[Tensor, "batch chunks figures chunk"]:
    """Those of each chunk, and zeros after the end, where nothing enters or comes back from."""
    padded = F.pad(steps, (0, 0, 0, -steps.shape[1] % chunk))
    chunks: Tensor = padded.unflatten(1, (-1, chunk))
    return chunks.mT


class _InChunks(torch.autograd.Function):
    """The layer, given logarithms of decays within chunks.

    For each chunk and head, of its steps x, the states s that enter it, one for each direction, and
    those s' that enter the chunk that comes next in that direction,

        y  = attention x + read s    with  read  = exp(passed) c,
        s' = kept s + enter x        with  enter = kept exp(entered) b,

    where kept is exp(passed) at the end of the chunk.

    Of g, the gradient of y, and a, that of s', which is a recurrence from the other end, follow

        that of x: attention^T g + enter^T a,    of s: read^T g + kept a,
        of attention: g x^T,    of read: g s^T,    of enter: a x^T,    of kept: the sum over a s,

    and that of a logarithm is that of its exponential, times it.
    """

    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401  torch gives it no attributes of a type
        x: Float[Tensor, "batch time heads head_dim"],
        b: Float[Tensor, "batch chunks chunk state"],
        c: Float[Tensor, "batch chunks chunk state"],
        passed: Float[Tensor, "batch chunks heads directions chunk"],
        entered: Float[Tensor, "batch chunks heads directions chunk"],
        skip: Float[Tensor, "heads"],
    ) -> Float[Tensor, "batch time heads head_dim"]:
        """The output.

        Args:
            ctx: What the gradient needs is kept here.
            x: Input, not yet in chunks.
            b: How it enters the state.
            c: How the output is read from it.
            passed: What a state has left of itself after each step that it passes.
            entered: What an input is multiplied by, and divided by what was left by then: a later
                step has the sum of both of it.
            skip: How much of itself a step reads besides.
        """
        within = _between(passed, entered).exp_().to(x.dtype)  # (B, K, H, Q, Q)
        scores = _twice_oneself(c @ b.mT, passed.shape[3])  # (B, K, Q, Q)
        skipped = torch.diag_embed(skip[:, None].expand(-1, passed.shape[4]))
        attention = torch.addcmul(skipped.to(x.dtype), within, scores[:, :, None])
        read = _read(passed, c)
        enter = _enter(passed, entered, b)
        steps = _by_head(x, passed.shape[4])
        states = _scan(enter @ steps, _ends(passed).exp(), back_first=False)
        y = _two_products(attention, steps, read, states)
        ctx.save_for_backward(b, c, passed, entered, within, attention, read, enter, steps, states)
        return _in_time(y, x.shape[1])

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any,  # noqa: ANN401  as above
        slope: Float[Tensor, "batch time heads head_dim"],
    ) -> tuple[Tensor, ...]:
        """The gradients of what `forward` was given, by that of its output."""
        b, c, passed, entered, within, attention, read, enter, steps, states = ctx.saved_tensors
        num_ways, size = passed.shape[3:]
        kept = _ends(passed).exp()
        of_y = _by_head(slope, size)
        of_next = _scan(read.mT @ of_y, kept, back_first=True)  # of the states of the next chunk
        of_x = _two_products(attention.mT, of_y, enter.mT, of_next)

        of_attention = of_y @ steps.mT
        itself = of_attention.diagonal(dim1=3, dim2=4)
        of_skip = itself.sum((0, 1, 3))
        of_between = (of_attention * attention).to(passed.dtype)
        # Its diagonal anew: `attention` has `skip` there, beside which little may be left of it.
        alike = num_ways * (b * c).sum(3)[:, :, None]
        own = itself * within.diagonal(dim1=3, dim2=4) * alike
        of_between.diagonal(dim1=3, dim2=4).copy_(own)
        of_passed, of_entered = _of_between(of_between, num_ways)
        of_scores = _twice_oneself(of_attention.mul_(within).sum(2), num_ways)
        of_c, of_b = of_scores @ b, of_scores.mT @ c

        of_read = (of_y @ states.mT).unflatten(4, (num_ways, -1))  # (B, K, H, Q, D, N)
        for way, left in enumerate(passed.exp().unbind(3)):  # at once it would take longer
            of_c += (of_read[..., way, :] * left[..., None]).sum(2)
        of_passed += of_read.mul_(read.unflatten(4, (num_ways, -1))).sum(5).mT

        of_enter = (of_next @ steps.mT).unflatten(3, (num_ways, -1))  # (B, K, H, D, N, Q)
        of_b += (of_enter * _kept_of_entered(passed, entered)).sum((2, 3)).mT
        of_its_log = of_enter.mul_(enter.unflatten(3, (num_ways, -1))).sum(4)  # (…, D, Q)
        of_entered += of_its_log
        of_kept = of_next.mul_(states).unflatten(3, (num_ways, -1)).sum((4, 5))
        _ends(of_passed).add_(of_kept * kept + of_its_log.sum(4))
        return _in_time(of_x, slope.shape[1]), of_b, of_c, of_passed, of_entered, of_skip


def _between(
    passed: Float[Tensor, "batch chunks heads directions chunk"],
    entered: Float[Tensor, "batch chunks heads directions chunk"],
) -> Float[Tensor, "batch chunks heads chunk chunk"]:
    """Of what step i (row) has left of the input of step j (column), in the direction from j to i.

    Where none leads there it is minus infinity: the difference of logarithms is positive there, and
    its exponential may overflow.
    """
    size = passed.shape[4]
    later = torch.ones(size, size, dtype=torch.bool, device=passed.device).triu(1)
    forth, *back = (
        ends[..., :, None] + begins[..., None, :]
        for ends, begins in zip(passed.unbind(3), entered.unbind(3), strict=True)
    )
    return torch.where(later, back[0], forth) if back else forth.masked_fill(later, -torch.inf)


def _of_between(
    slope: Float[Tensor, "batch chunks heads chunk chunk"], num_ways: int
) -> tuple[
    Float[Tensor, "batch chunks heads directions chunk"],
    Float[Tensor, "batch chunks heads directions chunk"],
]:
    """The gradients of what `_between` was given, by that of what it made; which is overwritten."""
    by_way = [slope.tril(), slope.triu_(1)][:num_ways]
    rows, columns = ([part.sum(dim) for part in by_way] for dim in (4, 3))
    return torch.stack(rows, dim=3), torch.stack(columns, dim=3)


def _twice_oneself(
    scores: Float[Tensor, "batch chunks chunk chunk"], num_ways: int
) -> Float[Tensor, "batch chunks chunk chunk"]:
    """A step sees itself once in each direction."""
    itself = torch.eye(scores.shape[3], dtype=scores.dtype, device=scores.device)
    return scores * (1 + itself) if num_ways == 2 else scores


def _ends(
    passed: Float[Tensor, "batch chunks heads directions chunk"],
) -> Float[Tensor, "batch chunks heads directions"]:
    """What is left after a whole chunk, as a view: the last step forwards, the first backwards.

    These two lie side by side.
    """
    num_ways, size = passed.shape[3:]
    return passed.flatten(3)[..., size - 1 : size - 1 + num_ways]


def _read(
    passed: Float[Tensor, "batch chunks heads directions chunk"],
    c: Float[Tensor, "batch chunks chunk state"],
) -> Float[Tensor, "batch chunks heads chunk directions*state"]:
    """How each step reads the states that enter its chunk."""
    by_way = passed.exp().mT[..., None] * c[:, :, None, :, None]
    return by_way.flatten(4).to(c.dtype)


def _enter(
    passed: Float[Tensor, "batch chunks heads directions chunk"],
    entered: Float[Tensor, "batch chunks heads directions chunk"],
    b: Float[Tensor, "batch chunks chunk state"],
) -> Float[Tensor, "batch chunks heads directions*state chunk"]:
    """How each step enters the states that leave its chunk."""
    by_way = _kept_of_entered(passed, entered) * b.mT[:, :, None, None]
    return by_way.flatten(3, 4).to(b.dtype)


def _kept_of_entered(
    passed: Float[Tensor, "batch chunks heads directions chunk"],
    entered: Float[Tensor, "batch chunks heads directions chunk"],
) -> Float[Tensor, "batch chunks heads directions 1 chunk"]:
    """Of the input of each step, at the end of its chunk."""
    return (_ends(passed)[..., None] + entered).exp()[..., None, :]


def _scan(
    added: Float[Tensor, "batch chunks heads states head_dim"],
    kept: Float[Tensor, "batch chunks heads directions"],
    *,
    back_first: bool,
) -> Float[Tensor, "batch chunks heads states head_dim"]:
    """The states that enter each chunk: what the chunks passed before it added and kept.

    Args:
        added: By each chunk, in each direction.
        kept: Of a state that passes a chunk.
        back_first: Whether it is the first direction that runs from the end, and not the second.
    """
    entering = []
    for way, of_chunks in enumerate(added.unflatten(3, (kept.shape[3], -1)).unbind(3)):
        factors = kept[:, :, :, way, None, None]
        passed = list(zip(of_chunks.unbind(1), factors.unbind(1), strict=True))
        from_end = back_first == (way == 0)
        if from_end:
            passed.reverse()
        states = [torch.zeros_like(of_chunks[:, 0])]
        for added_here, kept_here in passed[:-1]:
            states.append(torch.addcmul(added_here, kept_here, states[-1]))
        entering.append(torch.stack(states[::-1] if from_end else states, dim=1))
    return torch.cat(entering, dim=3).to(added.dtype)


def _two_products(
    a: Float[Tensor, "batch chunks heads rows x"],
    x: Float[Tensor, "batch chunks heads x columns"],
    b: Float[Tensor, "batch chunks heads rows y"],
    y: Float[Tensor, "batch chunks heads y columns"],
) -> Float[Tensor, "batch chunks heads rows columns"]:
    """The sum of a x and b y, the second added as it is computed."""
    total = a @ x
    sums = total.flatten(0, 2)
    torch.baddbmm(sums, b.flatten(0, 2), y.flatten(0, 2), out=sums)
    return total


def _by_head(
    steps: Float[Tensor, "batch time heads head_dim"], size: int
) -> Float[Tensor, "batch chunks heads chunk head_dim"]:
    """Cut into chunks of that size, heads apart, and zeros after the end; by one copy."""
    batch, length, heads, channels = steps.shape
    whole, rest = divmod(length, size)
    chunks = steps.new_empty(batch, whole + bool(rest), heads, size, channels)
    chunks[:, :whole] = steps[:, : whole * size].unflatten(1, (whole, size)).transpose(2, 3)
    if rest:
        chunks[:, whole, :, :rest] = steps[:, whole * size :].transpose(1, 2)
        chunks[:, whole, :, rest:] = 0
    return chunks


def _in_time(
    by_head: Float[Tensor, "batch chunks heads chunk head_dim"], length: int
) -> Float[Tensor, "batch time heads head_dim"]:
    """The inverse of `_by_head`."""
    return by_head.transpose(2, 3).flatten(1, 2)[:, :length]
