"""Levels of bands by a Fourier sum for each frame and frequency, for a signal at 1000 Hz."""

import cmath
import itertools
import math

RATE, HOP, WINDOW, TRANSFORM = 1000, 20, 64, 256
EDGES_HZ = (25, 40, 55, 70, 90, 120, 160, 210, 280, 400)
REACH = 150  # frames to either side: three seconds
FLOOR, CLIP = 1e-6, 4.0


def band_energy(samples, frame, low_hz, high_hz):
    """Energy under a Hann window around the centre of a frame, bins from the lower edge on."""
    first = frame * HOP - (WINDOW - HOP) // 2
    piece = []
    for k in range(WINDOW):
        inside = 0 <= first + k < len(samples)
        taper = 0.5 - 0.5 * math.cos(2 * math.pi * (k + 1) / (WINDOW + 1))
        piece.append(taper * samples[first + k] if inside else 0.0)
    total = 0.0
    low, high = (round(edge * TRANSFORM / RATE) for edge in (low_hz, high_hz))
    for index in range(low, high):
        turn = -2j * math.pi * index / TRANSFORM
        total += abs(sum(value * cmath.exp(turn * k) for k, value in enumerate(piece))) ** 2
    return total


def mirrored(values, index):
    """The value at an index beyond the ends, as if a mirror stood at each end."""
    period = 2 * len(values)
    index %= period
    return values[index] if index < len(values) else values[period - 1 - index]


def band_levels(samples):
    """Rows of one level per band: log energy against its surroundings, over its spread."""
    mean = sum(samples) / len(samples)
    centred = [value - mean for value in samples]
    num_frames = math.ceil(len(samples) / HOP)
    columns = []
    for low_hz, high_hz in itertools.pairwise(EDGES_HZ):
        energies = [band_energy(centred, frame, low_hz, high_hz) for frame in range(num_frames)]
        average = sum(energies) / num_frames
        logs = [math.log(energy / average + FLOOR) for energy in energies]
        reach = min(REACH, num_frames - 1)
        levels = [
            logs[i] - sum(mirrored(logs, i + k) for k in range(-reach, reach + 1)) / (2 * reach + 1)
            for i in range(num_frames)
        ]
        spread = math.sqrt(sum(level**2 for level in levels) / num_frames)
        columns.append([max(-CLIP, min(CLIP, level / spread)) for level in levels])
    return [list(row) for row in zip(*columns, strict=True)]
