"""Random numbers by counting: each is a function of where it is used, and of nothing else.

A generator that is drawn from in turn gives a cycle other numbers when the batch is cut otherwise,
when an augmentation is switched on, or on another device. Here a number is looked up instead, by
seed, epoch, view, cycle, purpose and position, so none of that matters, and there is no state to
keep for a run that goes on later.

Each look-up is one step down a tree: the n-th output of a splitmix64 generator is the state of the
one below. All is integer arithmetic modulo 2^64, exact on any device.

Source:
    Steele, Lea & Flood, 2014, "Fast splittable pseudorandom number generators",
    doi:10.1145/2660193.2660195: the generator; its mixing function is their mix64variant13.
    Salmon et al., 2011, "Parallel random numbers: as easy as 1, 2, 3",
    doi:10.1145/2063384.2063405: why to count instead of to step.
"""

import math
from dataclasses import dataclass
from enum import IntEnum

import torch
from jaxtyping import Float, Int64
from torch import Tensor


def _signed(number: int) -> int:
    """The 64-bit integer with these bits: torch has no arithmetic on unsigned ones."""
    return (number + 2**63) % 2**64 - 2**63


_GAMMA = _signed(0x9E3779B97F4A7C15)
_FIRST = _signed(0xBF58476D1CE4E5B9)
_SECOND = _signed(0x94D049BB133111EB)

_DIGITS = 24  # as many bits as a float32 holds exactly
_STEP = 2.0**-_DIGITS


class Purpose(IntEnum):
    """What a number is for. A number that is given away changes every result: append only."""

    CHANCE = 0
    """Position n: whether the change with the n-th purpose is made."""

    PARTNER = 1
    SHIFT = 2
    STRETCH = 3
    RESPIRATION = 4
    GAIN = 5
    NOISE_LEVEL = 6
    NOISE = 7
    BAND = 8
    BAND_NOISE = 9
    FREQUENCY_MASK = 10
    MASK = 11
    HIDDEN = 12
    """Tokens that an encoder is not shown."""

    TURN = 13
    """Position 0: of a cycle among its recording's; 1, by a recording's first cycle, among its
    unit's; 2, by a unit's first cycle, among all units; 3, by that, among those of its class."""


@dataclass(frozen=True, slots=True)
class Draw:
    """Names all random numbers of a pass over the cycles."""

    seed: int
    epoch: int
    """From 1 in training; 0 for what is the same after every epoch."""

    view: int = 0
    """Of how many are made of a cycle."""

    def streams(self, cycle: Int64[Tensor, "batch"]) -> Int64[Tensor, "batch purposes"]:
        """States of generators, one for each cycle and `Purpose`."""
        state = torch.tensor(_signed(self.seed))  # single numbers, so on the host
        for number in (self.epoch, self.view):
            state = outputs(state, torch.tensor(number))
        of_cycle = outputs(torch.full_like(cycle, int(state)), cycle)
        return outputs(of_cycle[:, None], torch.arange(len(Purpose), device=cycle.device))


def outputs(
    state: Int64[Tensor, "*states"], number: Int64[Tensor, "*numbers"]
) -> Int64[Tensor, "*both"]:
    """The outputs of these numbers, from 0, of splitmix64 generators; shapes are broadcast."""
    z = state + (number + 1) * _GAMMA
    z = (z ^ _shifted_right(z, 30)) * _FIRST
    z = (z ^ _shifted_right(z, 27)) * _SECOND
    return z ^ _shifted_right(z, 31)


def uniforms(stream: Int64[Tensor, "batch"], count: int) -> Float[Tensor, "batch count"]:
    """So many numbers from 0 to below 1 of each stream, multiples of 2^-24.

    A stream is for these or for `normals`, which are made of the same outputs, not for both.
    """
    bits = _outputs_until(stream, count)
    return _shifted_right(bits, 64 - _DIGITS).float() * _STEP


def normals(stream: Int64[Tensor, "batch"], count: int) -> Float[Tensor, "batch count"]:
    """So many standard normal numbers of each stream; the n-th is the same for any count.

    Each output makes two: radius from its upper 24 bits, angle from the 24 below. None is beyond
    5.8. Two devices may differ in the last bits, as their logarithms do.

    Source:
        Box & Muller, 1958, doi:10.1214/aoms/1177706645.
    """
    bits = _outputs_until(stream, (count + 1) // 2)
    upper = _shifted_right(bits, 64 - _DIGITS).float() * _STEP
    lower = (_shifted_right(bits, 64 - 2 * _DIGITS) & (2**_DIGITS - 1)).float() * _STEP
    radius = torch.sqrt(-2.0 * torch.log(1.0 - upper))  # 1 - upper is exact, and never 0
    angle = 2.0 * math.pi * lower
    pairs = torch.stack([radius * torch.cos(angle), radius * torch.sin(angle)], dim=2)
    return pairs.flatten(1)[:, :count]


def _outputs_until(stream: Int64[Tensor, "batch"], count: int) -> Int64[Tensor, "batch count"]:
    return outputs(stream[:, None], torch.arange(count, device=stream.device))


def _shifted_right(z: Int64[Tensor, "*shape"], places: int) -> Int64[Tensor, "*shape"]:
    """With zeros from the left: torch repeats the sign."""
    shifted: Int64[Tensor, "*shape"] = (z >> places) & (2 ** (64 - places) - 1)
    return shifted
