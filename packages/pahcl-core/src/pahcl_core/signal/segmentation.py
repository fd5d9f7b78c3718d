"""Cycles from the sound alone, for recordings that come without an annotation.

The heart period and the systole are read off the autocorrelation of the envelope, after Schmidt et
al., "Segmentation of heart sound recordings by a duration-dependent hidden Markov model",
Physiological Measurement 31 (2010), section 2.2. The beats are then placed by dynamic programming,
as Ellis does for music, "Beat Tracking by Dynamic Programming", Journal of New Music Research 36
(2007), with a template of both heart sounds in place of the onset strength.
"""

import itertools
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64, Int

from pahcl_core.signal.cycles import Cycles
from pahcl_core.signal.envelope import shannon_envelope
from pahcl_core.signal.filtering import bandpass

_FRAME_RATE = 100
_BAND_HZ = (30.0, 150.0)  # heart sounds without most of a murmur
_PERIOD_S = (0.33, 1.7)  # 35 to 180 beats a minute
_SYSTOLE_S = (0.18, 0.45)  # from the onset of S1 to that of S2
_SYSTOLE_SHARE = (0.24, 0.52)  # of the period: diastole is the longer one, but for fast hearts
_S1_S = 0.122  # mean durations: Schmidt et al. 2010, table 1
_S2_S = 0.092
_TIGHTNESS = 12.0  # weight of a squared log-deviation from the mean period; Ellis 2007, equation 2
_MIN_DURATION_S = 2.0  # below, no period can be told


@dataclass(frozen=True, kw_only=True, slots=True)
class _Rhythm:
    period: int
    """Frames."""

    systole: int
    """Frames from S1 to S2."""


def cycles_from_envelope(samples: Float32[np.ndarray, "samples"], *, sample_rate: int) -> Cycles:
    """Find cardiac cycles in a recording.

    Every recording is taken to beat: noise alone also yields cycles. Which of the two sounds is
    S1 is decided by the shorter interval being the systole, so that hearts above about 100 beats a
    minute, whose intervals are nearly equal, may come out half a cycle off.

    Args:
        samples: One channel, any scale.
        sample_rate: In hertz, above 300.

    Returns:
        The cycles; none where the recording is shorter than 2 s or silent. A constant is silent,
        and so is all that is no louder than the rounding of the samples.

    Raises:
        ValueError: If the sample rate is too low for the band of the heart sounds, 30–150 Hz.
    """
    if len(samples) < _MIN_DURATION_S * sample_rate:
        return _no_cycles()
    low_hz, high_hz = _BAND_HZ
    band = bandpass(samples, sample_rate=sample_rate, low_hz=low_hz, high_hz=high_hz)
    rounding = np.finfo(np.float32).eps * float(np.abs(samples).max())
    if float(np.abs(band).max()) <= rounding:  # all that a filter leaves of a constant
        return _no_cycles()
    envelope = _level(
        shannon_envelope(band, sample_rate=sample_rate, frame_rate=_FRAME_RATE, width_s=0.05)
    )
    if not envelope.any():
        return _no_cycles()
    rhythm = _rhythm(envelope)
    beats = _track(_template_score(envelope, rhythm), rhythm.period)
    return _cycles_at(envelope, beats, rhythm)


def _no_cycles() -> Cycles:
    return Cycles(bounds_s=np.zeros((0, 5)))


def _level(envelope: Float64[np.ndarray, "frames"]) -> Float64[np.ndarray, "frames"]:
    """Divide by the loudness around, so that a knock costs one beat and a gain change none."""
    width = 2 * _FRAME_RATE
    padded = np.pad(envelope, (width // 2, width // 2 - 1 + (width % 2)), mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, width)
    loud = np.quantile(windows[:: _FRAME_RATE // 10], 0.9, axis=1)
    around = np.interp(np.arange(len(envelope)), np.arange(len(loud)) * (_FRAME_RATE // 10), loud)
    floor = 0.05 * float(np.max(loud, initial=0.0))
    if floor == 0:
        return np.zeros_like(envelope)
    level: Float64[np.ndarray, "frames"] = np.minimum(envelope / np.maximum(around, floor), 1.5)
    return level


def _rhythm(envelope: Float64[np.ndarray, "frames"]) -> _Rhythm:
    """The period and systole whose two sounds explain the autocorrelation best."""
    centred = envelope - envelope.mean()
    spectrum = np.fft.rfft(centred, 2 * len(centred))
    correlation = np.fft.irfft(np.abs(spectrum) ** 2)[: len(centred)]
    correlation = correlation / np.maximum(len(centred) - np.arange(len(centred)), 1)
    correlation = correlation / max(correlation[0], np.finfo(float).tiny)

    shortest_lag = int(_SYSTOLE_S[0] * _FRAME_RATE)
    longest = min(int(_PERIOD_S[1] * _FRAME_RATE), len(centred) // 2)
    best, found = -np.inf, _Rhythm(period=longest, systole=int(0.35 * longest))
    for period in range(int(_PERIOD_S[0] * _FRAME_RATE), longest + 1):
        shortest_s = max(_SYSTOLE_S[0] * _FRAME_RATE, _SYSTOLE_SHARE[0] * period)
        longest_s = min(_SYSTOLE_S[1] * _FRAME_RATE, _SYSTOLE_SHARE[1] * period)
        systoles = np.arange(int(np.ceil(shortest_s)), int(longest_s) + 1)
        if len(systoles) == 0:
            continue
        # Two trains of sounds, `systole` apart, correlate at the period, and at half the strength
        # at the systole and at the diastole. One and a half periods and two correlate as well, but
        # then a shorter lag does better than the period: hence the negative term.
        pair = correlation[systoles] + correlation[period - systoles]
        shorter = correlation[shortest_lag : int(0.9 * period)].max(initial=0.0)
        score = correlation[period] + 0.5 * pair.max() - shorter
        if score > best:
            best = score
            found = _Rhythm(period=period, systole=int(systoles[pair.argmax()]))
    return found


def _template_score(
    envelope: Float64[np.ndarray, "frames"], rhythm: _Rhythm
) -> Float64[np.ndarray, "frames"]:
    """How well a cycle whose S1 is centred at each frame fits: two sounds and silence between."""
    after = rhythm.period + rhythm.systole
    padded = np.concatenate([envelope, np.zeros(after)])
    total = np.concatenate([[0.0], np.cumsum(padded)])
    frames = np.arange(len(envelope))
    margin = int(0.08 * _FRAME_RATE)

    def mean(start: int, stop: int) -> Float64[np.ndarray, "frames"]:
        inside: Float64[np.ndarray, "frames"] = total[frames + stop] - total[frames + start]
        return inside / max(stop - start, 1)

    second = np.max([padded[frames + rhythm.systole + shift] for shift in range(-3, 4)], axis=0)
    systole = mean(margin, max(rhythm.systole - margin, margin + 1))
    diastole = mean(rhythm.systole + margin, max(rhythm.period - margin, rhythm.systole + margin))
    score: Float64[np.ndarray, "frames"] = envelope + second - systole - diastole
    return score


def _track(score: Float64[np.ndarray, "frames"], period: int) -> Int[np.ndarray, "beats"]:
    """The chain of beats with the best sum of scores and the steadiest period."""
    steps = np.arange(int(0.7 * period), int(np.ceil(1.4 * period)) + 1)
    penalty = _TIGHTNESS * np.log(steps / period) ** 2
    total = score.copy()
    previous = np.full(len(score), -1)
    for frame in range(steps[0], len(score)):
        reach = steps[: np.searchsorted(steps, frame, side="right")]
        candidates = total[frame - reach] - penalty[: len(reach)]
        best = int(candidates.argmax())
        if candidates[best] > 0:
            total[frame] += candidates[best]
            previous[frame] = frame - reach[best]
    tail = max(0, len(score) - period)
    beat = tail + int(total[tail:].argmax())
    beats = [beat]
    while previous[beat] >= 0:
        beat = int(previous[beat])
        beats.append(beat)
    return np.array(beats[::-1])


def _cycles_at(
    envelope: Float64[np.ndarray, "frames"], beats: Int[np.ndarray, "beats"], rhythm: _Rhythm
) -> Cycles:
    """Phases around each pair of successive beats, with S2 at the nearest peak."""
    bounds = []
    for beat, following in itertools.pairwise(beats):
        reach = max(1, int(0.2 * rhythm.systole))
        first = beat + rhythm.systole - reach
        second = first + int(envelope[first : beat + rhythm.systole + reach + 1].argmax())
        bounds.append(
            [
                beat / _FRAME_RATE - _S1_S / 2,
                beat / _FRAME_RATE + _S1_S / 2,
                second / _FRAME_RATE - _S2_S / 2,
                second / _FRAME_RATE + _S2_S / 2,
                following / _FRAME_RATE - _S1_S / 2,
            ]
        )
    table = np.array(bounds).reshape(-1, 5)
    ordered = (np.diff(table, axis=1) > 0).all(axis=1) & (table[:, 0] >= 0)
    return Cycles(bounds_s=table[ordered])
