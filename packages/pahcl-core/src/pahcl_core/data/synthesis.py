"""Synthetic phonocardiograms with known states, murmurs, respiration and noise.

Nothing here is fitted to recordings; the figures come from the literature:

- S1 lasts 122 ms and S2 92 ms on average: Schmidt et al., "Segmentation of heart sound recordings
  by a duration-dependent hidden Markov model", Physiological Measurement 31, 2010.
- Systole shortens with heart rate, QS2 = 546 ms - 2.1 ms per beat a minute: Weissler, Harris and
  Schoenfeld, "Systolic time intervals in heart failure in man", Circulation 37, 1968.
- S1 has most energy below, and S2 more of it above, about 50 Hz: Arnott, Pfeiffer and Tavel,
  "Spectral analysis of heart sounds", Journal of Biomedical Engineering 6, 1984.
- A2 and P2 part on inspiration, by some 30 to 60 ms: Leatham, "Auscultation of the Heart and
  Phonocardiography", 1975.
- A third heart sound is a low one, 120 to 180 ms after A2. A ventricular extrasystole comes early,
  ejects little, so that its S2 is faint, and is followed by a pause that makes up for it: the two
  intervals around it last as long as two regular ones. Leatham, as above.
- Murmurs are told by timing, shape, pitch and grade: Oliveira et al., "The CirCor DigiScope
  dataset", IEEE Journal of Biomedical and Health Informatics 26(6), 2022.

Amplitudes are relative to the peak of S1.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float32, Float64

from pahcl_core.data.states import DIASTOLE, NOT_ANNOTATED, S1, S2, SYSTOLE, StateAnnotation
from pahcl_core.data.synthetic_noise import SAMPLE_RATE, add_artefact, background, band_noise
from pahcl_core.signal.filtering import resample

MurmurTiming = Literal["Early-systolic", "Mid-systolic", "Late-systolic", "Holosystolic"]
MurmurShape = Literal["Crescendo", "Decrescendo", "Diamond", "Plateau"]
MurmurPitch = Literal["Low", "Medium", "High"]

_S1_S = 0.122
_S2_S = 0.092
_S3_AFTER_S2_S = 0.14
_EARLY = (0.55, 0.7)  # interval before an extrasystole, relative to a regular one
_EARLY_S2 = (0.3, 0.6)  # peak of its S2, likewise
_Q_TO_S1_S = 0.05  # QS2 starts at the electrocardiogram's Q, the cycle here at S1
_PITCH_HZ: dict[str, tuple[float, float]] = {
    "Low": (60.0, 160.0),
    "Medium": (110.0, 260.0),
    "High": (200.0, 450.0),
}
_TIMING: dict[str, tuple[float, float]] = {  # parts of the interval from S1 to S2
    "Early-systolic": (0.0, 0.5),
    "Mid-systolic": (0.2, 0.8),
    "Late-systolic": (0.5, 1.0),
    "Holosystolic": (0.0, 1.0),
}


_Component = tuple[Float64[np.ndarray, "beats"], float | Float64[np.ndarray, "beats"], float, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class SystolicMurmur:
    """A murmur between S1 and S2 as it arrives at one location."""

    timing: MurmurTiming
    shape: MurmurShape
    pitch: MurmurPitch
    level: float
    """Root mean square at its loudest, relative to the peak of S1."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordingProfile:
    """Everything that shapes one synthetic recording; chance fills in the rest."""

    duration_s: float
    heart_rate_bpm: float
    rr_variability: float = 0.025
    """Standard deviation of the beat interval from beat to beat, relative to it."""

    sinus_arrhythmia: float = 0.05
    """By how much respiration lengthens and shortens the beat interval, relative to it."""

    respiration_hz: float = 0.35
    s2_level: float = 0.7
    """Peak of S2 relative to S1; louder at the base of the heart than at its apex."""

    s2_split_s: float = 0.03
    """From A2 to P2 at full inspiration; it nearly closes on expiration."""

    s3_level: float = 0.0
    """Peak of a third heart sound relative to S1; none is heard at 0."""

    early_every: int = 0
    """Every so many beats, at least 2, one comes early and a pause follows; 0 for never."""

    murmur: SystolicMurmur | None = None
    heart_gain: float = 1.0
    """Of all that the heart gives off; at 0 the recording is not one of a heart."""

    noise: float = 0.03
    """Root mean square of the background relative to the peak of S1."""

    breath: float = 0.02
    """Root mean square of the breath sounds at full inspiration, likewise."""

    num_artefacts: int = 0
    """Clicks, rubs of the stethoscope and voices."""

    annotated: tuple[float, float] = (0.0, 1.0)
    """Part of the recording whose states are told; before and after it they are state 0."""

    cut_beats: bool = False
    """Whether states are also told of a beat of which only a part lies in the annotated part."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Beats:
    """Instants of every beat that touches the recording, in seconds."""

    bounds_s: Float64[np.ndarray, "beats 5"]
    inspiration: Float64[np.ndarray, "beats"]
    s2_level: Float64[np.ndarray, "beats"]
    """Relative to that of a regular beat."""

    def __len__(self) -> int:
        return len(self.bounds_s)


def synthesise_recording(
    profile: RecordingProfile, rng: np.random.Generator, *, sample_rate: int = SAMPLE_RATE
) -> tuple[Float32[np.ndarray, "samples"], int, StateAnnotation]:
    """One recording and its true states.

    Args:
        profile: What to synthesise.
        rng: Of everything left to chance. The same state gives the same recording.
        sample_rate: In hertz. Above 4000, nothing is heard that 4000 would not carry.

    Returns:
        Samples between -1 and 1, the sample rate in hertz, and the annotation, whose rows cover
        the recording from its start to its end.
    """
    time_s = np.arange(round(profile.duration_s * SAMPLE_RATE)) / SAMPLE_RATE
    phase = rng.uniform(0, 2 * np.pi)
    inspiration = 0.5 + 0.5 * np.sin(2 * np.pi * profile.respiration_hz * time_s + phase)
    beats = _draw_beats(profile, phase, rng)
    heart = _heart_sounds(profile, beats, len(time_s), rng)
    if profile.murmur is not None:
        heart += _murmur_sound(profile.murmur, beats, len(time_s), rng)
    heart *= profile.heart_gain * (1.0 - 0.25 * inspiration)  # air in the lungs muffles the heart
    mix = heart + profile.noise * background(len(time_s), rng)
    mix += profile.breath * inspiration**2 * band_noise((100.0, 400.0), len(time_s), rng)
    for _ in range(profile.num_artefacts):
        add_artefact(mix, rng)
    loudest = float(np.quantile(np.abs(mix), 0.999))  # a click may be clipped, as in life
    gain = rng.uniform(0.25, 0.8) / loudest
    sound = np.clip(gain * mix, -1.0, 1.0).astype(np.float32)
    samples = np.clip(resample(sound, from_rate=SAMPLE_RATE, to_rate=sample_rate), -1.0, 1.0)
    return samples, sample_rate, _annotation(profile, beats, len(sound) / SAMPLE_RATE)


def _draw_beats(profile: RecordingProfile, phase: float, rng: np.random.Generator) -> _Beats:
    mean_s = 60.0 / profile.heart_rate_bpm
    onset_s = -mean_s * rng.uniform()  # the recording starts anywhere in a cycle
    turn = int(rng.integers(profile.early_every)) if profile.early_every else 1
    rows: list[tuple[float, ...]] = []
    inspirations: list[float] = []
    s2_levels: list[float] = []
    borrowed_s = 0.0  # by which the beat at `onset_s` came early
    while onset_s < profile.duration_s:
        breath = np.sin(2 * np.pi * profile.respiration_hz * onset_s + phase)
        variation = profile.rr_variability * float(np.clip(rng.normal(), -2.5, 2.5))
        pace_s = mean_s * (1.0 - profile.sinus_arrhythmia * breath + variation)
        length_s = pace_s + borrowed_s
        s2_levels.append(rng.uniform(*_EARLY_S2) if borrowed_s else 1.0)
        borrowed_s = 0.0
        if profile.early_every and len(rows) % profile.early_every == turn:
            borrowed_s = pace_s * (1.0 - rng.uniform(*_EARLY))
            length_s -= borrowed_s
        systole_s = _systole(min(pace_s, length_s))
        s1_s = min(_S1_S, 0.5 * systole_s)
        s2_s = min(_S2_S, 0.4 * (length_s - systole_s))
        offsets = (0.0, s1_s, systole_s, systole_s + s2_s, length_s)
        rows.append(tuple(onset_s + offset for offset in offsets))
        inspirations.append(0.5 + 0.5 * breath)
        onset_s += length_s
    return _Beats(
        bounds_s=np.array(rows), inspiration=np.array(inspirations), s2_level=np.array(s2_levels)
    )


def _systole(interval_s: float) -> float:
    """From S1 to S2 at that beat interval, both in seconds."""
    weissler_s = 0.546 - 0.0021 * 60.0 / interval_s - _Q_TO_S1_S
    return max(min(weissler_s, 0.5 * interval_s), 0.35 * interval_s)


def _heart_sounds(
    profile: RecordingProfile, beats: _Beats, num_samples: int, rng: np.random.Generator
) -> Float64[np.ndarray, "samples"]:
    """S1 as mitral and tricuspid, S2 as aortic and pulmonary component, S3: damped oscillations."""
    s1_s, s2_s = beats.bounds_s[:, 0], beats.bounds_s[:, 2]
    split_s = 0.008 + (profile.s2_split_s - 0.008) * beats.inspiration
    s2_level = profile.s2_level * beats.s2_level
    components: list[_Component] = [  # onset, peak, frequency in hertz, time to the envelope's peak
        (s1_s + 0.004, 1.0, rng.uniform(35.0, 55.0), 0.014),
        (s1_s + rng.uniform(0.018, 0.03), 0.6, rng.uniform(50.0, 80.0), 0.011),
        (s2_s + 0.003, s2_level, rng.uniform(55.0, 85.0), 0.009),
        (s2_s + 0.003 + split_s, 0.5 * s2_level, rng.uniform(50.0, 75.0), 0.008),
    ]
    if profile.s3_level > 0:
        s3_s = s2_s + _S3_AFTER_S2_S
        components.append((s3_s, profile.s3_level, rng.uniform(30.0, 45.0), 0.014))
    sound = np.zeros(num_samples)
    for onset_s, peak, frequency_hz, rise_s in components:
        peaks = peak * (1.0 + 0.08 * rng.normal(size=len(beats)))
        first = np.ceil(onset_s * SAMPLE_RATE).astype(np.int64)
        index = first[:, None] + np.arange(round(9 * rise_s * SAMPLE_RATE))
        elapsed_s = index / SAMPLE_RATE - onset_s[:, None]
        # The pitch falls a little as the valve comes to rest.
        cycles = frequency_hz * elapsed_s * (1.0 - 0.02 * elapsed_s / rise_s)
        envelope = elapsed_s / rise_s * np.exp(1.0 - elapsed_s / rise_s)
        wave = peaks[:, None] * envelope * np.sin(2 * np.pi * cycles)
        inside = (index >= 0) & (index < num_samples)
        np.add.at(sound, index[inside], wave[inside])
    return sound


def _murmur_sound(
    murmur: SystolicMurmur, beats: _Beats, num_samples: int, rng: np.random.Generator
) -> Float64[np.ndarray, "samples"]:
    """Band-limited noise, opened in every systole for the murmur's part of it."""
    envelope = np.zeros(num_samples)
    begin, end = _TIMING[murmur.timing]
    for s1_s, s1_end_s, s2_s in beats.bounds_s[:, :3]:
        first_s = s1_s + 0.5 * (s1_end_s - s1_s)
        start = round((first_s + begin * (s2_s - first_s)) * SAMPLE_RATE)
        stop = round((first_s + end * (s2_s - first_s)) * SAMPLE_RATE)
        shape = _murmur_shape(murmur.shape, stop - start) * (1.0 + 0.1 * rng.normal())
        cut = slice(max(start, 0), min(stop, num_samples))
        if cut.start < cut.stop:
            envelope[cut] = shape[cut.start - start : cut.stop - start]
    noise = band_noise(_PITCH_HZ[murmur.pitch], num_samples, rng)
    return np.asarray(murmur.level * envelope * noise)


def _murmur_shape(shape: MurmurShape, length: int) -> Float64[np.ndarray, "length"]:
    position = (np.arange(length) + 0.5) / length
    ramp = np.minimum(1.0, np.minimum(position, 1.0 - position) / 0.1)
    match shape:
        case "Crescendo":
            envelope = ramp * position
        case "Decrescendo":
            envelope = ramp * (1.0 - position)
        case "Diamond":
            envelope = 1.0 - np.abs(2.0 * position - 1.0)
        case "Plateau":
            envelope = ramp
    return np.asarray(envelope)


def _annotation(profile: RecordingProfile, beats: _Beats, duration_s: float) -> StateAnnotation:
    """The beats of the annotated part, and state 0 for all before and all after."""
    first_s, last_s = (part * duration_s for part in profile.annotated)
    bounds_s = beats.bounds_s
    if profile.cut_beats:
        bounds_s = np.clip(bounds_s, first_s, last_s)
    else:
        inside = (bounds_s[:, 0] >= first_s) & (bounds_s[:, 4] <= last_s)
        bounds_s = bounds_s[inside]
    edges_s = np.concatenate([bounds_s[:, :4].ravel(), bounds_s[-1:, 4], [duration_s]])
    edges_s = np.concatenate([[0.0], edges_s])
    cycle = [S1, SYSTOLE, S2, DIASTOLE]
    state = np.array([NOT_ANNOTATED, *(cycle * len(bounds_s)), NOT_ANNOTATED], dtype=np.int64)
    if len(bounds_s) == 0:
        state = state[:1]
    kept = edges_s[:-1] < edges_s[1:]
    return StateAnnotation(start_s=edges_s[:-1][kept], end_s=edges_s[1:][kept], state=state[kept])
