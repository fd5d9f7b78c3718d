"""Band energies frame by frame, bin by bin, with a discrete Fourier transform written out."""

import cmath
import math


def energies(samples, *, token, bands_hz, num_bands, rate, frame_size, fft_size, floor=1e-6):
    """Natural logarithm of the mean power of each band around one token of 32 samples."""
    middle = 32 * token + 16
    window = [0.5 - 0.5 * math.cos(2 * math.pi * n / (frame_size - 1)) for n in range(frame_size)]
    norm = math.sqrt(sum(w * w for w in window))
    frame = []
    for n in range(frame_size):
        place = middle - frame_size // 2 + n
        value = samples[place] if 0 <= place < len(samples) else 0.0
        frame.append(value * window[n] / norm)
    power = []
    for k in range(fft_size // 2 + 1):
        total = sum(v * cmath.exp(-2j * math.pi * k * n / fft_size) for n, v in enumerate(frame))
        power.append(abs(total) ** 2)
    low, high = (math.log2(hz) for hz in bands_hz)
    step = (high - low) / (num_bands - 1)
    found = []
    for band in range(num_bands):
        centre = 2 ** (low + band * step)
        reach = max(centre * (2**step - 1), rate / fft_size)
        weights = [
            max(0.0, 1 - abs(k * rate / fft_size - centre) / reach) for k in range(len(power))
        ]
        mean = sum(w * p for w, p in zip(weights, power, strict=True)) / sum(weights)
        found.append(math.log(mean + floor))
    return found
