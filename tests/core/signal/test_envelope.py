"""The envelope is the average Shannon energy, lies where the sound does, and knows no gain."""

import numpy as np
import pytest

from oracles.envelope import envelope as envelope_by_loops
from pahcl_core.signal.envelope import shannon_envelope

RATE = 2000


def noise(length, seed=0):
    return np.random.default_rng(seed).normal(size=length).astype(np.float32)


def envelope_of(samples, *, sample_rate=RATE, frame_rate=100, width_s=0.05):
    return shannon_envelope(
        np.asarray(samples, dtype=np.float32),
        sample_rate=sample_rate,
        frame_rate=frame_rate,
        width_s=width_s,
    )


def bursts(centres_s, *, seconds=4.0, width_s=0.02, pitch_hz=60):
    """A tone that swells and fades around each instant."""
    time = np.arange(round(seconds * RATE)) / RATE
    loudness = sum(np.exp(-(((time - centre) / width_s) ** 2)) for centre in centres_s)
    return loudness * np.sin(2 * np.pi * pitch_hz * time)


@pytest.mark.parametrize(
    ("sample_rate", "frame_rate", "half_width"), [(2000, 100, 50), (1000, 50, 8), (400, 400, 3)]
)
@pytest.mark.parametrize("length", [2000, 1990, 1003])
def test_it_equals_its_definition(length, sample_rate, frame_rate, half_width):
    """Up to both ends, for lengths that are whole frames and for others."""
    samples = noise(length)

    envelope = envelope_of(
        samples,
        sample_rate=sample_rate,
        frame_rate=frame_rate,
        width_s=2 * half_width / sample_rate,
    )

    expected = envelope_by_loops(
        samples.tolist(), sample_rate=sample_rate, frame_rate=frame_rate, half_width=half_width
    )
    np.testing.assert_allclose(envelope, expected, rtol=1e-10, atol=1e-12)


def test_no_size_has_more_energy_than_one_over_the_root_of_e():
    """By hand: -p log p is at its highest, 1/e, at p = 1/e."""
    samples = np.full(2000, np.exp(-0.5))
    samples[::50] = 1.0  # sets the scale, and has itself no Shannon energy

    envelope = envelope_of(samples)

    np.testing.assert_allclose(envelope[5:-5], 49 / 50 * np.exp(-1), rtol=1e-6)
    assert envelope_of(noise(4000)).max() < np.exp(-1)


@pytest.mark.parametrize(
    ("num_samples", "frames"), [(2000, 100), (580, 29), (2300, 115), (579, 28), (19, 1), (1, 1)]
)
def test_there_is_a_frame_for_every_whole_hundredth_of_a_second(num_samples, frames):
    """Counted in whole numbers: 580 samples are 29 frames, though 0.29 s · 100 rounds below 29."""
    assert len(envelope_of(noise(num_samples))) == frames


@pytest.mark.parametrize("num_samples", [580, 4000])
def test_silence_has_an_envelope_of_zero(num_samples):
    envelope = envelope_of(np.zeros(num_samples))

    assert len(envelope) == num_samples // 20
    assert not envelope.any()


@pytest.mark.parametrize("factor", [2.0**-20, 2.0**15, -1.0])
def test_neither_gain_nor_sign_matters(factor):
    samples = noise(4000)

    np.testing.assert_array_equal(envelope_of(factor * samples), envelope_of(samples))


def test_reversed_in_time_it_is_the_envelope_reversed():
    """Frames of the one are centred a hop later in the other, at the sample after the last."""
    samples = noise(4000)

    forwards, backwards = envelope_of(samples), envelope_of(samples[::-1])

    np.testing.assert_allclose(backwards[1:], forwards[:0:-1], rtol=1e-9)


@pytest.mark.parametrize("centres_s", [(1.0,), (0.5, 1.37, 2.9), (0.8, 1.1, 1.6, 1.9)])
def test_it_peaks_where_the_sound_does(centres_s):
    """Within a frame: the highest frame around each burst is centred on it."""
    envelope = envelope_of(bursts(centres_s))

    for centre_s in centres_s:
        first = round(100 * centre_s) - 10
        peak = first + int(envelope[first : first + 21].argmax())
        assert abs(peak / 100 - centre_s) <= 0.02


def test_it_is_nothing_where_nothing_sounds():
    """A tenth of a second and more away from the sound: the burst itself has faded to e^-25."""
    envelope = envelope_of(bursts((1.0,)))

    assert envelope[120:].max() < 1e-6 * envelope.max()
    assert envelope[:80].max() < 1e-6 * envelope.max()


def test_a_knock_hides_nothing():
    """Ten samples, a thousand times as loud: elsewhere it moves by 5 % of the peak at most."""
    samples = bursts((0.5, 1.5, 2.5, 3.5)).astype(np.float32) + 0.01 * noise(8000)
    knocked = samples.copy()
    knocked[4000:4010] += 1000.0

    before, after = envelope_of(samples), envelope_of(knocked)

    elsewhere = np.abs(np.arange(400) - 200) > 5
    assert np.abs(after - before)[elsewhere].max() < 0.05 * before.max()
