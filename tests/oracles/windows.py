"""Windows of a packed signal, sample by sample."""


def window(samples, offsets, recording, start, length):
    """`length` samples from `start` on; silence wherever that is outside of the recording."""
    cut = []
    for position in range(start, start + length):
        if offsets[recording] <= position < offsets[recording + 1]:
            cut.append(float(samples[position]))
        else:
            cut.append(0.0)
    return cut
