"""Views of a cycle: changed at random in what says nothing of the heart.

All of it works on a batch at once, on whatever device that lies, and waits for nothing there. What
happens to a cycle depends on the `Draw` and on the cycle alone (`training.draws`), so a view is the
same in any batch. Events keep their order: only `shift_s` and `stretch` move anything in time, and
they move the bounds with it.

Source:
    Chen et al., 2020, arXiv:2002.05709: views by chains of random changes.
    Ballas et al., 2023, arXiv:2312.00502: which changes serve on heart sounds.
    Park et al., 2019, "SpecAugment", arXiv:1904.08779: masks in time and in frequency.
"""

import math
from dataclasses import dataclass, fields
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from pahcl_core.training.changes import breathing, in_band, noise_in_band, silenced
from pahcl_core.training.draws import Draw, Purpose, normals, uniforms
from pahcl_core.training.windows import Windows, WindowSource

_RESPIRATION_HZ = (0.15, 0.4)  # 9 to 24 breaths a minute: grown-ups and schoolchildren at rest
_MIN_NOISE_OCTAVES = 0.5
_MOST = {"stretch": 0.2, "respiration": 1.0, "frequency_mask_octaves": 1.0}


@dataclass(frozen=True, kw_only=True, slots=True)
class AugmentationConfig:
    """What may change in a cycle without changing what it says of the heart.

    Each change has a strength, where 0 is none at all, and a probability that a cycle undergoes it.
    """

    gain: float = 0.3
    """Standard deviation of the logarithm of the loudness: pressure of the stethoscope."""

    gain_probability: float = 1.0

    noise: float = 0.1
    """Largest standard deviation of added white noise, in units of the recording's spread."""

    noise_probability: float = 1.0

    shift_s: float = 0.01
    """Largest shift of the window, in seconds, to before S1: its onset is not known better."""

    shift_probability: float = 1.0

    mask_s: float = 0.0
    """Longest stretch of silence put into the window, in seconds."""

    mask_probability: float = 1.0

    stretch: float = 0.0
    """Largest relative change of how long everything lasts, at most 0.2: a heart's rate varies.

    Pitch changes inversely, by less than a semitone at 0.05.
    """

    stretch_probability: float = 0.5

    band_noise: float = 0.0
    """Largest standard deviation of added noise in a band, in units of the recording's spread.

    The band is another one each time, from half an octave to the recordings' whole pass band.
    """

    band_noise_probability: float = 0.5

    respiration: float = 0.0
    """Largest share by which sounds become louder and softer with the breath, at most 1."""

    respiration_probability: float = 0.5

    frequency_mask_octaves: float = 0.0
    """Widest band taken out, at most 1: S1 and S2 extend over more, and are never lost whole."""

    frequency_mask_probability: float = 0.5

    def __post_init__(self) -> None:
        for name in (field.name for field in fields(self)):
            value = getattr(self, name)
            most = 1.0 if name.endswith("_probability") else _MOST.get(name, math.inf)
            if not 0 <= value <= most:
                rule = "be at least 0" if most == math.inf else f"lie between 0 and {most:g}"
                raise ValueError(f"{name} must {rule}, got {value}")


def augmented(
    source: WindowSource,
    cycle: Int64[np.ndarray, "batch"],
    config: AugmentationConfig,
    draw: Draw,
) -> Windows:
    """Windows of these cycles, each changed at random.

    The onset of S1 stays in the window, and nothing is shown but the cycle's own recording.

    Args:
        source: Where the sound is.
        cycle: Which cycles.
        config: What may change, and how much.
        draw: Which random numbers; the same ones change a cycle in the same way.
    """
    return view_of(source, cycle, config, draw).changed


class View(NamedTuple):
    """Windows before and after what changes the sound in them."""

    clean: Windows
    """Only moved and stretched."""

    changed: Windows


def view_of(
    source: WindowSource,
    cycle: Int64[np.ndarray, "batch"],
    config: AugmentationConfig,
    draw: Draw,
) -> View:
    """What `augmented` makes of these cycles, and what it makes it of."""
    views = _Views(source, cycle, config, draw)
    clean = views.moved()
    if not len(cycle):  # a rank may have none, and there is no Fourier transform of none
        return View(clean, clean)
    samples = views.with_respiration(clean.samples)
    samples = views.with_gain(samples)
    samples = views.with_noise(samples)
    samples = views.with_band_noise(samples)
    samples = views.with_frequency_mask(samples)
    samples = views.with_mask(samples)
    return View(clean, Windows(samples, clean.bounds))


class _Views:
    """Draws the parameters of each change for a batch of cycles, and makes it.

    A cycle that does not undergo a change gets it at no strength, which leaves it as it is to the
    bit: there is one path for all.
    """

    def __init__(
        self,
        source: WindowSource,
        cycle: Int64[np.ndarray, "batch"],
        config: AugmentationConfig,
        draw: Draw,
    ) -> None:
        self._source = source
        self._rate = source.sample_rate
        self._cycle = cycle
        self._index = torch.from_numpy(cycle).to(source.device)
        self._config = config
        self._draw = draw

    @cached_property
    def _streams(self) -> Int64[Tensor, "batch purposes"]:
        return self._draw.streams(self._index)

    def _uniforms(self, purpose: Purpose, count: int) -> tuple[Float[Tensor, "batch"], ...]:
        return uniforms(self._streams[:, purpose], count).unbind(1)

    def _normals(self, purpose: Purpose, count: int) -> Float[Tensor, "batch count"]:
        return normals(self._streams[:, purpose], count)

    def _applied(self, purpose: Purpose, probability: float) -> Float[Tensor, "batch"]:
        """1 for the cycles that undergo a change, 0 for the others."""
        return (self._chance[:, purpose] < probability).float()

    @cached_property
    def _chance(self) -> Float[Tensor, "batch purposes"]:
        return uniforms(self._streams[:, Purpose.CHANCE], len(Purpose))

    def moved(self) -> Windows:
        """The windows, begun before S1 by up to the shift, and stretched about S1."""
        config, source = self._config, self._source
        shift = torch.zeros_like(self._index)
        reach = min(round(config.shift_s * self._rate), source.num_samples - 1)
        if reach > 0:
            (place,) = self._uniforms(Purpose.SHIFT, 1)
            applied = self._applied(Purpose.SHIFT, config.shift_probability)
            shift = -((reach + 1) * place * applied).long()  # at most reach, after rounding too
        if config.stretch == 0:
            return source.shifted(self._cycle, shift)
        (place,) = self._uniforms(Purpose.STRETCH, 1)
        applied = self._applied(Purpose.STRETCH, config.stretch_probability)
        return source.shifted(
            self._cycle, shift, 1.0 + config.stretch * (2.0 * place - 1.0) * applied
        )

    def with_respiration(
        self, samples: Float[Tensor, "batch samples"]
    ) -> Float[Tensor, "batch samples"]:
        """Louder and softer with the breath."""
        config = self._config
        if config.respiration == 0:
            return samples
        depth, rate, phase = self._uniforms(Purpose.RESPIRATION, 3)
        applied = self._applied(Purpose.RESPIRATION, config.respiration_probability)
        slowest, fastest = _RESPIRATION_HZ
        return breathing(
            samples,
            depth=config.respiration * depth * applied,
            rate_hz=slowest + (fastest - slowest) * rate,
            phase=phase,
            sample_rate=self._rate,
        )

    def with_gain(self, samples: Float[Tensor, "batch samples"]) -> Float[Tensor, "batch samples"]:
        """Times a log-normal factor."""
        config = self._config
        if config.gain == 0:
            return samples
        logarithm = self._normals(Purpose.GAIN, 1)
        applied = self._applied(Purpose.GAIN, config.gain_probability)
        return samples * torch.exp(config.gain * logarithm * applied[:, None])

    def with_noise(self, samples: Float[Tensor, "batch samples"]) -> Float[Tensor, "batch samples"]:
        """White noise, of a level that is uniform from 0 on."""
        config = self._config
        if config.noise == 0:
            return samples
        (level,) = self._uniforms(Purpose.NOISE_LEVEL, 1)
        applied = self._applied(Purpose.NOISE, config.noise_probability)
        white = self._normals(Purpose.NOISE, samples.shape[1])
        return samples + (config.noise * level * applied)[:, None] * white

    def with_band_noise(
        self, samples: Float[Tensor, "batch samples"]
    ) -> Float[Tensor, "batch samples"]:
        """Noise in a band of its own."""
        config = self._config
        if config.band_noise == 0:
            return samples
        level, width, place = self._uniforms(Purpose.BAND, 3)
        applied = self._applied(Purpose.BAND_NOISE, config.band_noise_probability)
        whole = self._octaves()
        narrowest = min(_MIN_NOISE_OCTAVES, whole)
        low, high = self._band(narrowest + (whole - narrowest) * width, place)
        num_samples = samples.shape[1]
        noise = noise_in_band(
            self._normals(Purpose.BAND_NOISE, num_samples + num_samples % 2 + 2),
            low=low,
            high=high,
            sample_rate=self._rate,
        )
        return samples + (config.band_noise * level * applied)[:, None] * noise[:, :num_samples]

    def with_frequency_mask(
        self, samples: Float[Tensor, "batch samples"]
    ) -> Float[Tensor, "batch samples"]:
        """Without a band, of a width that is uniform from 0 on."""
        config = self._config
        if config.frequency_mask_octaves == 0:
            return samples
        width, place = self._uniforms(Purpose.FREQUENCY_MASK, 2)
        applied = self._applied(Purpose.FREQUENCY_MASK, config.frequency_mask_probability)
        widest = min(config.frequency_mask_octaves, self._octaves())
        low, high = self._band(widest * width, place)
        removed = in_band(samples, low=low, high=high, sample_rate=self._rate)
        return samples - applied[:, None] * removed

    def with_mask(self, samples: Float[Tensor, "batch samples"]) -> Float[Tensor, "batch samples"]:
        """Silent for a stretch, begun anywhere, of a length that is uniform from 0 on."""
        config = self._config
        if config.mask_s == 0:
            return samples
        place, length = self._uniforms(Purpose.MASK, 2)
        applied = self._applied(Purpose.MASK, config.mask_probability)
        return silenced(
            samples,
            start=samples.shape[1] * place,
            length=config.mask_s * self._rate * length * applied,
        )

    def _octaves(self) -> float:
        """Of the recordings' pass band."""
        low_hz, high_hz = self._source.band_hz
        return math.log2(high_hz / low_hz)

    def _band(
        self, octaves: Float[Tensor, "batch"], place: Float[Tensor, "batch"]
    ) -> tuple[Float[Tensor, "batch"], Float[Tensor, "batch"]]:
        """Edges, in octaves above 1 Hz, of a band of that width anywhere in the pass band."""
        low = math.log2(self._source.band_hz[0]) + place * (self._octaves() - octaves)
        return low, low + octaves
