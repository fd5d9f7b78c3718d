"""Schmidt's removal of spikes as it is published: one spike after the other, in plain loops."""

import statistics


def sign(value):
    """-1, 0 or 1."""
    return (value > 0) - (value < 0)


def despiked(samples, *, sample_rate):
    """The samples with every spike set to zero, the greatest of all first."""
    values = [float(value) for value in samples]
    width = max(1, round(0.5 * sample_rate))
    num_windows = max(1, len(values) // width)
    while values:
        loudest = [0.0] * num_windows
        place = [0] * num_windows
        for index, value in enumerate(values):
            window = min(index // width, num_windows - 1)
            if abs(value) > loudest[window]:
                loudest[window], place[window] = abs(value), index
        sounding = [one for one in loudest if one > 0]
        if not sounding or max(loudest) <= 3 * statistics.median(sounding):
            break
        peak = place[loudest.index(max(loudest))]
        first = last = peak
        while first > 0 and sign(values[first - 1]) == sign(values[peak]):
            first -= 1
        while last + 1 < len(values) and sign(values[last + 1]) == sign(values[peak]):
            last += 1
        for index in range(first, last + 1):
            values[index] = 0.0
    return values
