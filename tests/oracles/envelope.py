"""Average Shannon energy, sample by sample.

Liang, Lukkarinen and Hartimo, "Heart sound segmentation algorithm based on heart sound envelogram",
Computers in Cardiology 1997, equation 1.
"""

import math
from collections.abc import Sequence


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which so much lies, on the line between its two neighbours in rank."""
    ranked = sorted(values)
    rank = share * (len(ranked) - 1)
    low = math.floor(rank)
    high = min(low + 1, len(ranked) - 1)
    return ranked[low] + (rank - low) * (ranked[high] - ranked[low])


def shannon_energy(samples: Sequence[float]) -> list[float]:
    """`-x² log x²` of each sample, as a share of the 99.5th percentile of sizes and at most 1."""
    scale = percentile([abs(x) for x in samples], 0.995)
    energies = []
    for x in samples:
        power = min(abs(x) / scale, 1.0) ** 2
        energies.append(-power * math.log(power) if power > 0 else 0.0)
    return energies


def envelope(
    samples: Sequence[float], *, sample_rate: int, frame_rate: int, half_width: int
) -> list[float]:
    """Mean energy of the samples less than `half_width` before and after each frame's centre.

    Frames lie on whole samples. At either end, the mean is over what there is.
    """
    energies = shannon_energy(samples)
    hop = sample_rate // frame_rate
    result = []
    for centre in range(0, len(samples) - hop + 1, hop):
        inside = energies[max(0, centre - half_width) : centre + half_width]
        result.append(math.fsum(inside) / len(inside))
    return result
