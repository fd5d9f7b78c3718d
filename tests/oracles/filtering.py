"""A resampled and band-passed signal as one sum over all frequencies, at 64 bits."""

import math

import numpy as np


def continued(samples, margin):
    """With its mirror image through the first sample before it, and through the last behind it."""
    num = len(samples)
    before = [2 * samples[0] - samples[min(k, num - 1)] for k in range(margin, 0, -1)]
    after = [2 * samples[-1] - samples[max(num - 1 - k, 0)] for k in range(1, margin + 1)]
    return np.array([*before, *samples, *after], dtype=np.float64)


def low_pass(frequency_hz, half_hz):
    """1 up to nine tenths of it, then half a cosine down to 0."""
    if frequency_hz <= 0.9 * half_hz:
        return 1.0
    if frequency_hz >= half_hz:
        return 0.0
    return 0.5 + 0.5 * math.cos(math.pi * (frequency_hz - 0.9 * half_hz) / (0.1 * half_hz))


def band_pass(frequency_hz, low_hz, high_hz, rate):
    """Power of a digital Butterworth band-pass of order 2: what both directions leave together."""
    if frequency_hz == 0:
        return 0.0
    if frequency_hz >= rate / 2:
        return 0.0
    here, low, high = (math.tan(math.pi * one / rate) for one in (frequency_hz, low_hz, high_hz))
    detuning = (here * here - low * high) / (here * (high - low))
    return 1 / (1 + detuning**4)


def filtered(samples, from_rate, to_rate, band_hz=None, margin_s=1.0):
    """Sample `i` at `i / to_rate` seconds: the sum of the sines that the gains have left."""
    margin = round(margin_s * from_rate)
    spectrum = np.fft.rfft(continued(samples, margin))
    length = len(samples) + 2 * margin
    frequencies_hz = [k * from_rate / length for k in range(len(spectrum))]
    half_hz = min(from_rate, to_rate) / 2
    gains = [
        (low_pass(one, half_hz) if from_rate != to_rate else 1.0)
        * (band_pass(one, *band_hz, to_rate) if band_hz and one <= half_hz else not band_hz)
        for one in frequencies_hz
    ]
    sines = [
        (gain * value * (1 if k in (0, length / 2) else 2) / length, frequency)
        for k, (gain, value, frequency) in enumerate(
            zip(gains, spectrum, frequencies_hz, strict=True)
        )
        if abs(gain) > 1e-9
    ]
    times = margin / from_rate + np.arange(-(-len(samples) * to_rate // from_rate)) / to_rate
    whole = np.zeros(len(times))
    for value, frequency in sines:
        turn = 2 * np.pi * frequency * times
        whole += value.real * np.cos(turn) - value.imag * np.sin(turn)
    return whole
