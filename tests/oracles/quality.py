"""The measures of quality by Fourier sums and plain loops, for a signal at 1000 Hz."""

import cmath
import math
import statistics

RATE, HOP, WINDOW, FRAMES_PER_S = 1000, 20, 64, 50
BANDS = ((0, 2), (2, 10), (10, 23))  # bins of 15.625 Hz: rumble, heart, upper
FLOOR = 1e-6
POINTS = (4, 8, 4, 16)  # of S1, systole, S2, diastole
FIRST_LAG, LAST_LAG = 15, 90


def band_powers(samples):
    """Rows of power in the three bands, one per frame."""
    mean = sum(samples) / len(samples)
    taper = [0.5 - 0.5 * math.cos(2 * math.pi * (k + 1) / (WINDOW + 1)) for k in range(WINDOW)]
    turns = [cmath.exp(-2j * math.pi * k / WINDOW) for k in range(WINDOW)]
    rows = []
    for frame in range(math.ceil(len(samples) / HOP)):
        first = frame * HOP + HOP // 2 - WINDOW // 2
        piece = [
            taper[k] * (samples[first + k] - mean) if 0 <= first + k < len(samples) else 0.0
            for k in range(WINDOW)
        ]
        power = [
            abs(sum(value * turns[index * k % WINDOW] for k, value in enumerate(piece))) ** 2
            for index in range(BANDS[-1][1])
        ]
        rows.append([sum(power[low:high]) for low, high in BANDS])
    return rows


def levels(powers):
    """Decibels of heart and upper band above their mean."""
    sound = [heart + upper for _, heart, upper in powers]
    mean = sum(sound) / len(sound)
    return [10 * math.log10(one / mean + FLOOR) for one in sound]


def rhythm(level):
    """Highest autocorrelation at a heart's lags, median over overlapping stretches of 4 s."""
    width = min(4 * FRAMES_PER_S, len(level))
    last = min(LAST_LAG, width // 2)
    if last < FIRST_LAG:
        return 0.0
    highest = []
    for start in range(0, len(level) - width + 1, width // 2):
        stretch = level[start : start + width]
        mean = sum(stretch) / width
        centred = [one - mean for one in stretch]
        energy = sum(one**2 for one in centred) / width
        highest.append(
            max(
                sum(centred[i] * centred[i + lag] for i in range(width - lag))
                / (width - lag)
                / energy
                for lag in range(FIRST_LAG, last + 1)
            )
        )
    return statistics.median(highest)


def level_at(level, seconds):
    """Between the centres of two frames on the straight line; at the ends the outermost."""
    place = min(max(seconds * FRAMES_PER_S - 0.5, 0), len(level) - 1)
    below = min(int(place), len(level) - 2)
    return level[below] + (place - below) * (level[below + 1] - level[below])


def correlation(one, other):
    """Pearson's."""
    a = [value - sum(one) / len(one) for value in one]
    b = [value - sum(other) / len(other) for value in other]
    norm = math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))
    return sum(x * y for x, y in zip(a, b, strict=True)) / norm


def agreements(level, bounds_s):
    """Of each cycle's profile with the mean of the others'."""
    profiles = []
    for bounds in bounds_s:
        points = []
        for phase, num_points in enumerate(POINTS):
            begin, end = bounds[phase], bounds[phase + 1]
            points += [
                level_at(level, begin + (k + 0.5) / num_points * (end - begin))
                for k in range(num_points)
            ]
        profiles.append([one - sum(points) / len(points) for one in points])
    found = []
    for mine, profile in enumerate(profiles):
        others = [one for index, one in enumerate(profiles) if index != mine]
        mean = [sum(column) / len(others) for column in zip(*others, strict=True)]
        found.append(correlation(profile, mean))
    return found


def purity(powers, *, least=0.0):
    """Log of the heart's share of the power in these frames, of which each has the least."""
    total = max(sum(sum(row) for row in powers), least * len(powers))
    return math.log(max(sum(row[1] for row in powers) / total, FLOOR))


def contrast(powers):
    """Decibels from the 16th to the 46th of a second's 50 frames in the order of loudness."""
    heart = sorted(row[1] for row in powers)
    return 10 * math.log10(heart[45] / heart[15])


def lies_within(frame, bounds):
    """Whether the cycle holds the frame's whole window, 32 ms to either side of its centre."""
    centre_s = (frame + 0.5) / FRAMES_PER_S
    return bounds[0] <= centre_s - 0.032 and centre_s + 0.032 <= bounds[4]


def measures(samples, bounds_s):
    """Agreement, purity, rhythm and contrast of the recording, and the same for each cycle."""
    return measures_of(band_powers(samples), bounds_s)


def measures_of(powers, bounds_s):
    """The same from the powers in the bands."""
    level = levels(powers)
    beat = rhythm(level)
    agree = agreements(level, bounds_s)
    faint = 1e-3 * sum(sum(row) for row in powers) / len(powers)
    seconds = [
        powers[start : start + FRAMES_PER_S]
        for start in range(0, len(powers) - FRAMES_PER_S + 1, FRAMES_PER_S)
    ]
    of_all = [beat, min(10.0, statistics.median(contrast(one) for one in seconds))]
    per_cycle = []
    for bounds, agreement in zip(bounds_s, agree, strict=True):
        inside = [row for index, row in enumerate(powers) if lies_within(index, bounds)]
        per_cycle.append([agreement, purity(inside, least=faint), *of_all])
    overall = [statistics.mean(agree), statistics.mean(purity(one) for one in seconds), *of_all]
    return overall, per_cycle
