"""States and cycles of synthetic recordings, whose true states are known."""

import dataclasses
import tracemalloc

import numpy as np
import pytest

from pahcl_core.data.synthesis import RecordingProfile, SystolicMurmur, synthesise_recording
from pahcl_core.signal.cycles import cycles_from_states
from pahcl_core.signal.segment_confidence import confidence_of, cycle_measures
from pahcl_core.signal.segment_states import segment_states
from pahcl_core.signal.segmentation_parameters import ConfidenceWeights

MURMUR = SystolicMurmur(timing="Holosystolic", shape="Plateau", pitch="Medium", level=0.3)


def recording(heart_rate_bpm=75.0, *, seed=5, duration_s=20.0, **profile):
    """Samples at 4000 Hz and the true annotation."""
    profile = RecordingProfile(duration_s=duration_s, heart_rate_bpm=heart_rate_bpm, **profile)
    samples, _, states = synthesise_recording(profile, np.random.default_rng(seed))
    return samples, states


def onsets(result, state):
    return result.start_s[result.state == state]


def assert_onsets_agree(result, truth, *, duration_s=20.0, tolerance_s=0.1):
    """Each true onset has one found one near it, and there are no more."""
    for state in (1, 3):
        true = onsets(truth, state)
        true = true[(true > tolerance_s) & (true < duration_s - tolerance_s)]
        found = onsets(result, state)
        distance = np.abs(true[:, None] - found)
        assert distance.min(axis=1).max() < tolerance_s
        inside = found[(found > true[0] - tolerance_s) & (found < true[-1] + tolerance_s)]
        assert len(inside) == len(true)


@pytest.mark.parametrize("murmur", [None, MURMUR], ids=["no murmur", "murmur"])
@pytest.mark.parametrize("heart_rate_bpm", [45, 60, 75, 100, 130, 160])
def test_true_onsets_are_found(heart_rate_bpm, murmur):
    """All of them within 100 ms, from slow to fast hearts, with clicks and rubs."""
    samples, truth = recording(heart_rate_bpm, murmur=murmur, num_artefacts=2)

    result = segment_states(samples, sample_rate=4000)

    assert_onsets_agree(result, truth)


def test_a_rate_that_changes_is_followed():
    """From 60 to 120 beats a minute from one recording's end to the next one's beginning."""
    slow, slow_truth = recording(60, duration_s=15.0)
    fast, fast_truth = recording(120, duration_s=15.0)

    result = segment_states(np.concatenate([slow, fast]), sample_rate=4000)

    first_s = onsets(slow_truth, 1)
    second_s = onsets(fast_truth, 1) + 15.0
    true = np.concatenate([first_s[first_s < 14.0], second_s[second_s > 16.5]])
    true = true[(true > 0.1) & (true < 29.9)]
    distance = np.abs(true[:, None] - onsets(result, 1)).min(axis=1)
    assert distance.max() < 0.1


@pytest.mark.parametrize("sample_rate", [1000, 2000, 44100])
def test_other_sample_rates(sample_rate):
    """Whatever the rate, times are in seconds."""
    samples, truth = recording()
    time_s = np.arange(20 * sample_rate) / sample_rate
    samples = np.interp(time_s, np.arange(len(samples)) / 4000, samples).astype(np.float32)

    assert_onsets_agree(segment_states(samples, sample_rate=sample_rate), truth)


@pytest.mark.parametrize("num_samples", [80_000, 79_999, 4_001])
def test_states_cover_the_recording_in_their_order(num_samples):
    """From the first sample to the last, without a gap, each state after the one before it."""
    samples, _ = recording()
    result = segment_states(samples[:num_samples], sample_rate=4000)

    assert result.start_s[0] == 0.0
    assert result.end_s[-1] == pytest.approx(num_samples / 4000)
    np.testing.assert_array_equal(result.start_s[1:], result.end_s[:-1])
    assert (result.end_s > result.start_s).all()
    np.testing.assert_array_equal(result.state[1:], result.state[:-1] % 4 + 1)


def test_cycles_are_the_whole_ones_among_the_states():
    """Those that `cycles_from_states` reads off the rows, but for what the ends cut off.

    The recording begins within an S1, so that its first four states are no whole cycle.
    """
    samples, truth = recording()
    first = round((onsets(truth, 1)[1] + 0.05) * 4000)
    result = segment_states(samples[first:], sample_rate=4000)

    assert result.state[0] == 1
    expected = cycles_from_states(result.start_s, result.end_s, result.state).bounds_s
    expected = expected[(expected[:, 0] > 0) & (expected[:, 4] < result.end_s[-1])]
    np.testing.assert_allclose(result.cycles.bounds_s, expected)
    assert len(result.confidence) == len(expected)


@pytest.mark.parametrize(("gain", "offset"), [(1e-3, 0.0), (1e3, 0.0), (1.0, 0.2), (-1.0, 0.0)])
def test_gain_offset_and_polarity_do_not_matter(gain, offset):
    samples, _ = recording()
    plain = segment_states(samples, sample_rate=4000)
    changed = segment_states((gain * samples + offset).astype(np.float32), sample_rate=4000)

    np.testing.assert_array_equal(plain.start_s, changed.start_s)
    np.testing.assert_array_equal(plain.state, changed.state)
    np.testing.assert_allclose(plain.confidence, changed.confidence, atol=0.01)


def test_the_same_twice():
    samples, _ = recording()
    first, second = (segment_states(samples, sample_rate=4000) for _ in range(2))

    for name in ("start_s", "end_s", "state", "confidence"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
    np.testing.assert_array_equal(first.cycles.bounds_s, second.cycles.bounds_s)


@pytest.mark.parametrize("level", [0.0, 0.25])
@pytest.mark.parametrize("num_samples", [0, 1, 4000])
def test_silence_has_no_states(level, num_samples):
    """Nor has a recording that is not there, or a constant."""
    result = segment_states(np.full(num_samples, level, dtype=np.float32), sample_rate=4000)

    assert len(result.state) == len(result.cycles) == len(result.confidence) == 0


@pytest.mark.parametrize("num_samples", [2, 79, 81, 1200, 3040])
def test_short_recordings_have_states(num_samples):
    """Down to two samples: at most a cycle, and the recording is covered."""
    samples, _ = recording()
    result = segment_states(samples[:num_samples], sample_rate=4000)

    assert result.end_s[-1] == pytest.approx(num_samples / 4000)
    assert len(result.cycles) <= 1


def peak_bytes(samples, sample_rate):
    tracemalloc.start()
    segment_states(samples, sample_rate=sample_rate)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_memory_grows_in_proportion():
    """Four times as long takes four times as much at most, and no more than 0.3 MB a second."""
    samples, _ = recording()
    short = peak_bytes(np.tile(samples, 2), 4000)
    long = peak_bytes(np.tile(samples, 8), 4000)

    assert long < 4.4 * short
    assert long < 160 * 0.3e6


@pytest.mark.slow
def test_an_hour():
    """Every beat of an hour, in memory that fits any machine."""
    samples, truth = recording()
    result = segment_states(np.tile(samples, 180), sample_rate=4000)

    true = onsets(truth, 1)
    true = true[(true > 2.0) & (true < 18.0)]
    true = (true + 20.0 * np.arange(180)[:, None]).ravel()
    distance = np.abs(true[:, None] - onsets(result, 1)).min(axis=1)
    assert (distance < 0.1).mean() > 0.99
    assert result.end_s[-1] == pytest.approx(3600.0)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_samples_that_are_no_numbers_are_refused(value):
    samples, _ = recording(duration_s=2.0)
    samples[100] = value
    with pytest.raises(ValueError, match="samples that are not finite numbers"):
        segment_states(samples, sample_rate=4000)


def test_a_low_sample_rate_is_refused():
    samples, _ = recording(duration_s=2.0)
    with pytest.raises(ValueError, match="at least 800 Hz to be segmented, got 500 Hz"):
        segment_states(samples, sample_rate=500)


def test_confidence_is_high_for_heart_sounds_and_low_for_noise():
    """A clean recording is beyond doubt; most of what is found in noise is not to be trusted."""
    samples, _ = recording()
    noise = np.random.default_rng(0).normal(size=80_000).astype(np.float32)

    clean = segment_states(samples, sample_rate=4000).confidence
    noisy = segment_states(noise, sample_rate=4000).confidence

    assert clean.min() > 0.8
    assert np.median(noisy) < 0.2


def test_confidence_drops_where_the_sound_drops_out():
    """Six seconds of silence inside: its cycles are doubted, those far from it are not."""
    samples, _ = recording()
    samples[7 * 4000 : 13 * 4000] = 0.0

    result = segment_states(samples, sample_rate=4000)

    start_s, end_s = result.cycles.bounds_s[:, 0], result.cycles.bounds_s[:, 4]
    silent = result.confidence[(start_s > 7.0) & (end_s < 13.0)]
    sounding = result.confidence[(end_s < 5.0) | (start_s > 15.0)]
    assert len(silent) > 2
    assert silent.max() < 0.3
    assert sounding.min() > silent.max()


def test_measures_by_hand():
    """Two cycles of one frame per state, whose posteriors of the right state are 1/2 and 1/4."""
    half, quarter = np.log(0.5), np.log(0.25)
    states = np.array([3, 0, 1, 2, 3, 0, 1, 2, 3, 0])
    right = np.array([half] * 5 + [quarter] * 5)
    log_posterior = np.full((10, 4), -50.0)
    log_posterior[np.arange(10), states] = right

    measures = cycle_measures(log_posterior, np.arange(10), states, np.array([1, 5]))

    whole, both = right.mean(), right[1:9].mean()
    expected = [
        [half, both, whole, half, half, quarter, 0.0],
        [quarter, both, whole, quarter, quarter, quarter, 0.0],
    ]
    np.testing.assert_allclose(measures, expected)


@pytest.mark.parametrize(
    ("odd", "expected"),
    [((2, 1, 2, 1), np.log(6 / 4)), ((1, 1, 1, 0), np.log(4 / 3))],
    ids=["longer", "shorter"],
)
def test_an_odd_length_is_measured(odd, expected):
    """A cycle of 6 or 3 frames among cycles of 4: the log ratio for it, nothing for the others."""
    usual = [1, 1, 1, 1] * 3
    lengths = np.array([*usual, *odd, *usual])
    first_frame = np.concatenate([[0], 1 + np.cumsum([0, *lengths])])
    state = np.array([3, *([0, 1, 2, 3] * 7), 0])
    log_posterior = np.full((first_frame[-1] + 1, 4), np.log(0.25))

    measures = cycle_measures(log_posterior, first_frame, state, np.arange(1, 29, 4))

    np.testing.assert_allclose(measures[:, -1], [0, 0, 0, expected, 0, 0, 0], atol=1e-12)


def test_the_first_length_stands_for_those_before_it():
    """Nothing is known before the first cycle, so that it counts as regular however long it is."""
    first_frame = np.concatenate([[0, 1, 3, 5, 7, 9], np.arange(10, 26)])
    state = np.array([3, *([0, 1, 2, 3] * 5), 0])
    log_posterior = np.full((first_frame[-1] + 1, 4), np.log(0.25))

    measures = cycle_measures(log_posterior, first_frame, state, np.arange(1, 21, 4))

    np.testing.assert_allclose(measures[:, -1], 0.0, atol=1e-12)


def test_confidence_is_the_logistic_function():
    """By hand: scores of 0 and log 3 are probabilities of 1/2 and 3/4."""
    weights = ConfidenceWeights(weights=np.array([1.0, 2.0]), bias=1.0)
    measures = np.array([[-1.0, 0.0], [np.log(3.0) - 3.0, 1.0]])

    np.testing.assert_allclose(confidence_of(measures, weights), [0.5, 0.75])


def test_the_result_is_frozen():
    result = segment_states(recording(duration_s=2.0)[0], sample_rate=4000)
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.state = np.zeros(0)
