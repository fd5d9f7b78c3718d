"""What an augmentation does to a window, by its definition: loops over samples and frequencies."""

import cmath
import math

EDGE_OCTAVES = 0.25


def breathing(window, depth, rate_hz, phase, sample_rate):
    return [
        value * (1 + depth * math.sin(2 * math.pi * (rate_hz * place / sample_rate + phase)))
        for place, value in enumerate(window)
    ]


def silenced(window, start, length):
    return [0.0 if start <= place < start + length else value for place, value in enumerate(window)]


def response(frequency_hz, low_hz, high_hz):
    """1 in the band, 0 outside, between them a cubic without a corner over a quarter octave."""
    if frequency_hz == 0:
        return 0.0
    octave, low, high = (math.log2(one) for one in (frequency_hz, low_hz, high_hz))
    return step((octave - low) / EDGE_OCTAVES) * step((high - octave) / EDGE_OCTAVES)


def step(x):
    if x <= -0.5:
        return 0.0
    if x >= 0.5:
        return 1.0
    return 0.5 + 1.5 * x - 2 * x**3


def in_band(window, low_hz, high_hz, sample_rate):
    """Fourier's sums, over the window and a quarter as long of silence."""
    size = len(window) + len(window) // 4
    spectrum = []
    for number in range(size):
        frequency = min(number, size - number) * sample_rate / size
        total = sum(
            value * cmath.exp(-2j * math.pi * number * place / size)
            for place, value in enumerate(window)
        )
        spectrum.append(total * response(frequency, low_hz, high_hz))
    return [
        sum(
            value * cmath.exp(2j * math.pi * number * place / size)
            for number, value in enumerate(spectrum)
        ).real
        / size
        for place in range(len(window))
    ]


def noise_in_band(white, low_hz, high_hz, sample_rate):
    """A wave for each frequency between 0 and half the rate, its two amplitudes in `white`.

    Two standard normal amplitudes make the variance of a wave 1, so that of all is the sum of the
    squared responses.
    """
    size = len(white) - 2
    weights = [
        response(number * sample_rate / size, low_hz, high_hz) for number in range(size // 2)
    ]
    deviation = math.sqrt(sum(weight**2 for weight in weights))
    noise = []
    for place in range(size):
        value = 0.0
        for number, weight in enumerate(weights):
            angle = 2 * math.pi * number * place / size
            value += weight * (
                white[2 * number] * math.cos(angle) - white[2 * number + 1] * math.sin(angle)
            )
        noise.append(value / deviation)
    return noise
