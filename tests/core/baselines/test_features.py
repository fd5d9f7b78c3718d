"""Features of whole recordings: one row each, of their own sound alone."""

from pathlib import Path

import numpy as np
import pytest

from oracles import mel as oracle
from oracles.band_energies import energies
from pahcl_core.baselines.features import recording_features
from pahcl_core.baselines.spectral import SpectrumConfig
from pahcl_core.data.collection import Recording
from pahcl_core.data.cycle_set import CycleSet
from pahcl_core.data.preparation import SignalConfig

RATE = 500
SIGNAL = SignalConfig(sample_rate=RATE, low_hz=25.0, high_hz=200.0)
SPECTRUM = SpectrumConfig(num_mels=6, num_coefficients=4, num_bands=5)
TOKEN = 32


def cycle_set(signals, bounds, sources):
    """`bounds` by recording, in samples from its start."""
    offsets = np.cumsum([0, *map(len, signals)])
    recordings = [
        Recording(
            recording_id=str(number), subject_id="1", path=Path(f"{number}.wav"),
            sample_rate=RATE, num_samples=len(signal),
        )
        for number, signal in enumerate(signals)
    ]  # fmt: skip
    rows = [
        np.array(one, dtype=np.int64).reshape(-1, 5) + begin
        for one, begin in zip(bounds, offsets[:-1], strict=True)
    ]
    return CycleSet(
        recordings=tuple(recordings),
        sources=sources,
        sample_rate=RATE,
        samples=np.concatenate(signals).astype(np.float32),
        offsets=offsets,
        recording=np.repeat(np.arange(len(signals)), [len(one) for one in rows]),
        bounds=np.concatenate(rows),
    )


@pytest.fixture
def cycles():
    """Three recordings: two cycles, none, and a window."""
    rng = np.random.default_rng(1)
    signals = [rng.normal(size=n) for n in (700, 300, 260)]
    return cycle_set(
        signals,
        [[[0, 70, 160, 230, 350], [350, 420, 510, 570, 690]], [], [[0, 0, 0, 0, 260]]],
        ("annotation", "annotation", "windows"),
    )


@pytest.mark.parametrize("name", ["log_mel", "mfcc"])
def test_statistics_are_of_the_whole_recording_and_no_other(cycles, name):
    heard, rows = recording_features(cycles, name, SPECTRUM, SIGNAL)

    assert heard.tolist() == [0, 2]  # the second has no cycle
    for row, (begin, end) in zip(rows, [(0, 700), (1000, 1260)], strict=True):
        frames = oracle.log_mel(
            cycles.samples[begin:end].tolist(), rate=RATE, size=32, hop=8, fft_size=128,
            num_mels=6, low_hz=25, high_hz=200,
        )  # fmt: skip
        if name == "mfcc":
            frames = [oracle.cepstrum(frame, 4) for frame in frames]
        np.testing.assert_allclose(row, oracle.statistics(frames), rtol=0, atol=1e-9)


def loudness(samples, num_bands):
    """Of each token of a recording, band by band."""
    return np.array(
        [
            energies(
                samples, token=token, bands_hz=(25.0, 200.0), num_bands=num_bands, rate=RATE,
                frame_size=4 * TOKEN, fft_size=8 * TOKEN,
            )
            for token in range(len(samples) // TOKEN)
        ]
    )  # fmt: skip


def test_phase_bands_are_means_over_phases_then_over_cycles(cycles):
    _, rows = recording_features(cycles, "phase_bands", SPECTRUM, SIGNAL)

    tokens = loudness(cycles.samples[:700].tolist(), 5)
    expected = np.zeros((4, 5))
    for bounds in ([0, 70, 160, 230, 350], [350, 420, 510, 570, 690]):
        for phase in range(4):
            own = [
                tokens[t]
                for t in range(len(tokens))
                if bounds[phase] <= (t + 0.5) * TOKEN < bounds[phase + 1]
            ]
            expected[phase] += np.mean(own, axis=0) / 2
    np.testing.assert_allclose(rows[0], expected.flatten(), rtol=0, atol=1e-4)


def test_a_window_stands_for_phases_that_are_unknown(cycles):
    _, rows = recording_features(cycles, "phase_bands", SPECTRUM, SIGNAL)

    mean = loudness(cycles.samples[1000:1260].tolist(), 5).mean(axis=0)
    np.testing.assert_allclose(rows[1], np.tile(mean, 4), rtol=0, atol=1e-4)


def test_many_cycles_are_no_other_than_few(monkeypatch, cycles):
    _, whole = recording_features(cycles, "phase_bands", SPECTRUM, SIGNAL)
    monkeypatch.setattr("pahcl_core.baselines.features._CYCLES_AT_ONCE", 1)

    _, apart = recording_features(cycles, "phase_bands", SPECTRUM, SIGNAL)

    np.testing.assert_allclose(apart, whole, rtol=0, atol=1e-12)
