"""Mel spectrum, cepstrum and their statistics, by plain loops over the definitions."""

import cmath
import math


def mel(hertz):
    """The HTK Book, section 5.4, with the natural logarithm: 1127 is 2595 / ln 10."""
    return 2595 / math.log(10) * math.log(1 + hertz / 700)


def hertz(mels):
    """Found by halving, not by solving."""
    low, high = 0.0, 1e5
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if mel(middle) < mels else (low, middle)
    return low


def band_weights(num_mels, low_hz, high_hz, lines):
    """For each band, the weight of each line: up to 1 at its centre, then divided by the sum."""
    step = (mel(high_hz) - mel(low_hz)) / (num_mels + 1)
    edges = [hertz(mel(low_hz) + step * k) for k in range(num_mels + 2)]
    bands = []
    for k in range(num_mels):
        left, centre, right = edges[k : k + 3]
        weights = []
        for line in lines:
            if left < line <= centre:
                weights.append((line - left) / (centre - left))
            elif centre < line < right:
                weights.append((right - line) / (right - centre))
            else:
                weights.append(0.0)
        bands.append([w / sum(weights) for w in weights])
    return bands


def log_mel(samples, *, rate, size, hop, fft_size, num_mels, low_hz, high_hz):
    """Frames of log mean power, each frame weighed by a periodic Hann window of energy 1."""
    window = [0.5 - 0.5 * math.cos(2 * math.pi * n / size) for n in range(size)]
    norm = math.sqrt(sum(w * w for w in window))
    lines = [k * rate / fft_size for k in range(fft_size // 2 + 1)]
    bands = band_weights(num_mels, low_hz, high_hz, lines)
    frames = []
    for start in range(0, len(samples) - size + 1, hop):
        power = []
        for k in range(len(lines)):
            total = sum(
                samples[start + n] * window[n] / norm * cmath.exp(-2j * math.pi * k * n / fft_size)
                for n in range(size)
            )
            power.append(abs(total) ** 2)
        frames.append(
            [math.log(sum(w * p for w, p in zip(b, power, strict=True)) + 1e-6) for b in bands]
        )
    return frames


def cepstrum(row, num_coefficients):
    """The orthonormal cosine transform of one frame."""
    size = len(row)
    result = []
    for k in range(num_coefficients):
        scale = math.sqrt((1 if k == 0 else 2) / size)
        result.append(
            scale * sum(v * math.cos(math.pi * k * (n + 0.5) / size) for n, v in enumerate(row))
        )
    return result


def changes(column):
    """The HTK Book, equation 5.16, over two frames to each side; the ends go on as they are."""
    last = len(column) - 1
    return [
        sum(step * (column[min(last, t + step)] - column[max(0, t - step)]) for step in (1, 2)) / 10
        for t in range(len(column))
    ]


def spread(column):
    """The standard deviation."""
    mean = sum(column) / len(column)
    return math.sqrt(sum((v - mean) ** 2 for v in column) / len(column))


def percentile(column, percent):
    """With values between two by their distance."""
    ordered = sorted(column)
    place = percent / 100 * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def statistics(frames):
    """All bands' means, then deviations, percentiles, deviations of changes."""
    columns = list(zip(*frames, strict=True))
    result = [sum(c) / len(c) for c in columns]
    result += [spread(c) for c in columns]
    for percent in (10, 50, 90):
        result += [percentile(c, percent) for c in columns]
    return result + [spread(changes(c)) for c in columns]
