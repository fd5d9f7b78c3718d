"""What the quality of a recording promises: index, flags, and the index of each cycle."""

import json
from importlib import resources

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import signal

from oracles.quality import measures
from pahcl_core.signal.cycles import Cycles
from pahcl_core.signal.quality import rate_quality
from support.clean_recordings import NO_CYCLES, clean_recording, white_noise, with_noise


def shipped():
    """The content of the file of parameters."""
    file = resources.files("pahcl_core.signal") / "quality_parameters.json"
    return json.loads(file.read_text(encoding="utf-8"))


def probability(weights, bias, row):
    """Of a logistic regression."""
    return 1 / (1 + np.exp(-(sum(w * x for w, x in zip(weights, row, strict=True)) + bias)))


@pytest.mark.parametrize("heart_rate_bpm", [50, 75, 120])
@pytest.mark.parametrize("seed", range(3))
def test_a_clean_recording_is_good(seed, heart_rate_bpm):
    samples, cycles = clean_recording(seed=seed, heart_rate_bpm=heart_rate_bpm)

    quality = rate_quality(samples, sample_rate=4000, cycles=cycles)

    assert quality.index > 0.9
    assert quality.flags == ()
    assert quality.cycle_index.shape == (len(cycles),)
    assert np.median(quality.cycle_index) > 0.9


def test_a_clean_recording_without_cycles_is_good_too():
    samples, _ = clean_recording()

    quality = rate_quality(samples, sample_rate=4000, cycles=NO_CYCLES)

    assert quality.index > 0.9
    assert quality.flags == ()
    assert quality.cycle_index.shape == (0,)


@pytest.mark.parametrize("num_cycles", [0, 1, 7])
def test_the_index_is_the_regression_on_the_measures(num_cycles):
    """Of the oracle; with two cycles or more on their agreement, else on the rhythm."""
    samples, cycles = clean_recording(duration_s=8.0)
    samples = signal.decimate(with_noise(samples, snr_db=-9), 4).astype(np.float32)
    chosen = Cycles(bounds_s=cycles.bounds_s[:num_cycles])

    quality = rate_quality(samples, sample_rate=1000, cycles=chosen)

    overall, per_cycle = measures(samples.tolist(), cycles.bounds_s[:7].tolist())
    name = "with_cycles" if num_cycles >= 2 else "without_cycles"
    weights, bias = shipped()[name]["weights"], shipped()[name]["bias"]
    assert 0.1 < quality.index < 0.99
    assert quality.index == pytest.approx(probability(weights, bias, overall), abs=1e-3)
    for found, own in zip(quality.cycle_index, per_cycle[:num_cycles], strict=True):
        mixed = [(2 * one + other) / 3 for one, other in zip(own, overall, strict=True)]
        assert found == pytest.approx(probability(weights, bias, mixed), abs=1e-3)


@pytest.mark.parametrize("gain", [1e-30, 1e-3, -1.0, 1e3, 1e30])
def test_gain_does_not_matter(gain):
    samples, cycles = clean_recording()
    noisy = with_noise(samples, snr_db=0)

    quality = rate_quality(noisy * np.float32(gain), sample_rate=4000, cycles=cycles)

    expected = rate_quality(noisy, sample_rate=4000, cycles=cycles)
    assert quality.index == pytest.approx(expected.index, abs=1e-4)
    assert quality.flags == expected.flags
    np.testing.assert_allclose(quality.cycle_index, expected.cycle_index, atol=1e-4)


def test_an_offset_does_not_matter():
    samples, cycles = clean_recording()
    noisy = with_noise(samples, snr_db=0)

    quality = rate_quality(noisy + np.float32(0.5), sample_rate=4000, cycles=cycles)

    expected = rate_quality(noisy, sample_rate=4000, cycles=cycles)
    assert quality.index == pytest.approx(expected.index, abs=1e-3)


@pytest.mark.parametrize("snr_db", [None, 0])
@pytest.mark.parametrize("rate", [800, 1000, 2000, 8000, 44100])
def test_the_sample_rate_does_not_matter(rate, snr_db):
    """The same sound at another rate, resampled by a Fourier transform."""
    samples, cycles = clean_recording(duration_s=10.0)
    if snr_db is not None:
        samples = with_noise(samples, snr_db=snr_db)
    expected = rate_quality(samples, sample_rate=4000, cycles=cycles)

    at_rate = signal.resample(samples, 10 * rate).astype(np.float32)
    quality = rate_quality(at_rate, sample_rate=rate, cycles=cycles)

    assert quality.index == pytest.approx(expected.index, abs=0.03)
    assert quality.flags == expected.flags
    np.testing.assert_allclose(quality.cycle_index, expected.cycle_index, atol=0.05)


@pytest.mark.parametrize("cycles_are_known", [True, False])
def test_the_more_noise_the_lower_the_index(cycles_are_known):
    samples, cycles = clean_recording()
    snrs_db = [30, 10, 0, -10, -20, -30]

    index = [
        rate_quality(
            with_noise(samples, snr_db=snr_db),
            sample_rate=4000,
            cycles=cycles if cycles_are_known else NO_CYCLES,
        ).index
        for snr_db in snrs_db
    ]

    assert index == sorted(index, reverse=True)
    assert index[0] > 0.9
    assert index[-1] < 0.3


@pytest.mark.parametrize("samples", [np.zeros(4000), np.full(4000, -0.7), np.zeros(0), np.ones(1)])
def test_a_constant_is_silent(samples):
    cycles = Cycles(bounds_s=np.array([[0.1, 0.2, 0.3, 0.4, 0.9]]))

    quality = rate_quality(samples.astype(np.float32), sample_rate=4000, cycles=cycles)

    assert quality.index == 0
    assert quality.flags == ("silent",)
    np.testing.assert_array_equal(quality.cycle_index, [0])


def test_a_cycle_in_noise_is_worse_than_the_others():
    samples, cycles = clean_recording()
    samples = samples.copy()
    start, stop = (int(4000 * cycles.bounds_s[8, edge]) for edge in (0, 4))
    loud = 0.5 * np.max(np.abs(samples))
    samples[start:stop] = loud * white_noise(seed=9)[: stop - start] / 0.1
    before = rate_quality(clean_recording()[0], sample_rate=4000, cycles=cycles)

    quality = rate_quality(samples, sample_rate=4000, cycles=cycles)

    others = np.delete(quality.cycle_index, 8)
    assert quality.cycle_index[8] < 0.5
    assert others.min() > 0.8
    assert before.cycle_index[8] > 0.9


def test_a_cycle_in_silence_is_worse_than_the_others():
    samples, cycles = clean_recording()
    samples = samples.copy()
    start, stop = (int(4000 * cycles.bounds_s[8, edge]) for edge in (0, 4))
    samples[start:stop] = 0

    quality = rate_quality(samples, sample_rate=4000, cycles=cycles)

    assert quality.cycle_index.argmin() == 8
    assert quality.cycle_index[8] < 0.5


@settings(max_examples=60, deadline=None)
@given(
    samples=arrays(
        np.float32,
        st.integers(0, 3000),
        elements=st.floats(allow_nan=False, allow_infinity=False, width=32),
        fill=st.floats(allow_nan=False, allow_infinity=False, width=32),
    ),
    rate=st.sampled_from([800, 1000, 2000, 4000]),
    onsets=st.lists(st.floats(-2, 5), max_size=4),
    length_s=st.floats(0.001, 3),
)
def test_every_finite_recording_is_rated(samples, rate, onsets, length_s):
    """Whatever the samples, the length and the place of the cycles: probabilities, no warning."""
    steps = length_s * np.array([0, 0.2, 0.4, 0.6, 1.0])
    cycles = Cycles(bounds_s=np.array(sorted(onsets), dtype=float).reshape(-1, 1) + steps)

    quality = rate_quality(samples, sample_rate=rate, cycles=cycles)

    assert 0 <= quality.index <= 1
    assert ((quality.cycle_index >= 0) & (quality.cycle_index <= 1)).all()
    assert len(quality.cycle_index) == len(onsets)


def test_the_input_is_left_alone():
    samples, cycles = clean_recording(duration_s=3.0)
    before = samples.copy()

    rate_quality(samples, sample_rate=1000, cycles=cycles)

    np.testing.assert_array_equal(samples, before)


def test_refuses_samples_that_are_no_numbers():
    samples, cycles = clean_recording(duration_s=3.0)
    samples = samples.copy()
    samples[5] = np.nan

    with pytest.raises(ValueError, match="not finite numbers cannot be rated"):
        rate_quality(samples, sample_rate=4000, cycles=cycles)


def test_refuses_a_rate_that_cannot_carry_the_bands():
    samples, cycles = clean_recording(duration_s=3.0)

    with pytest.raises(ValueError, match="at least 800 Hz to be rated, got 799 Hz"):
        rate_quality(samples, sample_rate=799, cycles=cycles)


def test_the_parameters_say_where_they_come_from():
    """The measures by name, the number of persons, and what held-out persons say of the fit."""
    provenance = shipped()["provenance"]

    assert [one.partition(":")[0] for one in provenance["measures"]] == [
        "agreement",
        "purity",
        "rhythm",
        "contrast",
    ]
    assert all(one["persons"] > 0 for one in provenance["fitted_to"].values())
    assert set(provenance["auroc_on_held_out_persons"]) == {"with_cycles", "without_cycles"}


def test_better_measures_give_a_higher_index():
    """No weight is negative: each measure is larger for a better recording."""
    for name in ("with_cycles", "without_cycles"):
        assert min(shipped()[name]["weights"]) >= 0
