"""Windows of a packed signal, sample by sample."""

import math


def window(samples, offsets, recording, start, length):
    """`length` samples from `start` on; silence wherever that is outside of the recording."""
    cut = []
    for position in range(start, start + length):
        if offsets[recording] <= position < offsets[recording + 1]:
            cut.append(float(samples[position]))
        else:
            cut.append(0.0)
    return cut


def stretched_window(samples, offsets, recording, onset, shift, stretch, length):
    """The same at a rate of its own, about the onset, by cubic convolution (Keys, 1981)."""
    sound = window(
        samples, offsets, recording, offsets[recording] - 9, lengthened(offsets, recording)
    )
    cut = []
    for place in range(length):
        position = onset + (place + shift) / stretch - offsets[recording] + 9
        value = 0.0
        for near in range(math.floor(position) - 1, math.floor(position) + 3):
            if 0 <= near < len(sound):
                value += sound[near] * keys_kernel(position - near)
        cut.append(value)
    return cut


def lengthened(offsets, recording):
    """Samples of a recording with nine of silence at either end."""
    return offsets[recording + 1] - offsets[recording] + 18


def keys_kernel(distance):
    """Equation 15 of the paper."""
    x = abs(distance)
    if x < 1:
        return 1.5 * x**3 - 2.5 * x**2 + 1
    if x < 2:
        return -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return 0.0
