"""SplitMix64 in plain integers, and the numbers that a tree of such generators holds.

Steele, Lea & Flood, 2014, doi:10.1145/2660193.2660195, with the mixing function mix64variant13.
"""

import math

MODULUS = 2**64


class SplitMix64:
    """A generator that is stepped."""

    def __init__(self, state):
        self.state = state % MODULUS

    def skip(self, steps):
        self.state = (self.state + steps * 0x9E3779B97F4A7C15) % MODULUS

    def next(self):
        self.skip(1)
        z = self.state
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % MODULUS
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB % MODULUS
        return z ^ (z >> 31)


def descend(state, path):
    """The output of the first number becomes the state for the second, and so on."""
    for number in path:
        generator = SplitMix64(state)
        generator.skip(number)
        state = generator.next()
    return state


def uniform(bits):
    """The upper 24 of 64 bits as a fraction."""
    return (bits >> 40) / 2**24


def normal_pair(bits):
    """Box and Muller's two normal numbers, from the upper 24 bits and the 24 below."""
    first, second = (bits >> 40) / 2**24, ((bits >> 16) % 2**24) / 2**24
    radius = math.sqrt(-2 * math.log(1 - first))
    return radius * math.cos(2 * math.pi * second), radius * math.sin(2 * math.pi * second)
