"""What the generator can do beside CirCor: extrasystoles, a third sound, no heart, other rates."""

from dataclasses import replace

import numpy as np
import pytest

from pahcl_core.data.synthesis import RecordingProfile, SystolicMurmur, synthesise_recording
from pahcl_core.data.synthetic_hearts import DROWNED, NOISY, QUIET, Heart, draw_heart, draw_profile

STEADY = RecordingProfile(
    duration_s=20.0,
    heart_rate_bpm=60.0,
    rr_variability=0.0,
    sinus_arrhythmia=0.0,
    noise=0.002,
    breath=0.0,
)


def synthesise(profile, seed=0, **options):
    return synthesise_recording(profile, np.random.default_rng(seed), **options)


def power(samples) -> float:
    return float(np.mean(np.square(samples, dtype=np.float64)))


def onsets_s(states, state):
    return states.start_s[states.state == state]


@pytest.mark.parametrize("every", [2, 3, 5])
@pytest.mark.parametrize("seed", range(3))
def test_an_extrasystole_comes_early_and_the_pause_makes_up_for_it(every, seed):
    """At one beat a second: 0.55 to 0.7 s, then what is missing of 2 s; all others last 1 s."""
    _, _, states = synthesise(replace(STEADY, early_every=every), seed)
    intervals_s = np.diff(onsets_s(states, 1))

    intervals_s = intervals_s[np.argmax(intervals_s < 0.75) :]  # before may be a pause without it
    early = np.flatnonzero(intervals_s < 0.75)
    assert (np.diff(early) == every).all()
    assert len(early) >= 20 // every - 2
    assert ((intervals_s[early] >= 0.55) & (intervals_s[early] <= 0.7)).all()
    early = early[early + 1 < len(intervals_s)]
    np.testing.assert_allclose(intervals_s[early] + intervals_s[early + 1], 2.0, rtol=1e-9)
    others = np.delete(intervals_s, [*early, *(early + 1)])
    np.testing.assert_allclose(others[others > 0.75], 1.0, rtol=1e-9)  # the last may be early


def test_a_pause_lengthens_diastole_alone():
    """From S1 to S2 it is 0.37 s at one beat a second, also before a pause.

    Before an early beat it is less: 0.496 s minus 2.1 ms for every beat a minute, at most half of
    the interval.
    """
    _, _, states = synthesise(replace(STEADY, early_every=3))
    begun_s, second_s = onsets_s(states, 1), onsets_s(states, 3)
    for interval_s, systole_s in zip(np.diff(begun_s), second_s - begun_s, strict=False):
        expected_s = 0.37
        if interval_s < 0.75:
            expected_s = min(0.496 - 0.0021 * 60 / interval_s, interval_s / 2)
        assert systole_s == pytest.approx(expected_s, abs=1e-9)


def test_an_extrasystole_is_heard_and_its_s2_is_faint():
    """Its S1 is as loud as others, its S2 has 0.3 to 0.6 of their peak: 0.09 to 0.36 of power."""
    samples, rate, states = synthesise(replace(STEADY, early_every=3))
    cut = {
        state: [
            samples[round(one * rate) :][: round(0.09 * rate)] for one in onsets_s(states, state)
        ]
        for state in (1, 3)
    }
    intervals_s = np.diff(onsets_s(states, 1))
    is_early = np.concatenate([[False], intervals_s < 0.75])[: len(cut[3])]
    first, second = (np.array([power(one) for one in cut[state]]) for state in (1, 3))

    assert np.mean(first[is_early]) == pytest.approx(np.mean(first[~is_early]), rel=0.3)
    ratio = np.mean(second[is_early]) / np.mean(second[~is_early])
    assert 0.08 < ratio < 0.4


def test_a_regular_heart_has_no_early_beat():
    _, _, states = synthesise(STEADY)

    np.testing.assert_allclose(np.diff(onsets_s(states, 1)), 1.0, rtol=1e-9)


def test_a_third_sound_is_heard_in_early_diastole():
    """Where there is silence without one; 140 ms after S2 begins."""
    quiet, rate, states = synthesise(STEADY)
    loud, _, _ = synthesise(replace(STEADY, s3_level=0.4))
    for onset_s in onsets_s(states, 3):
        third = slice(round((onset_s + 0.145) * rate), round((onset_s + 0.2) * rate))
        later = slice(round((onset_s + 0.35) * rate), round((onset_s + 0.45) * rate))
        assert power(loud[third]) > 20 * power(quiet[third])
        assert power(loud[later]) < 4 * power(quiet[later])


def test_without_a_heart_nothing_beats():
    """The power where S1 would be is that of the rest."""
    samples, rate, states = synthesise(replace(STEADY, heart_gain=0.0, noise=0.1))
    first, rest = (
        np.mean([power(samples[round(one * rate) :][:400]) for one in onsets_s(states, state)])
        for state in (1, 4)
    )

    assert first == pytest.approx(rest, rel=0.25)


@pytest.mark.parametrize("rate", [2000, 8000, 44100])
def test_another_rate_is_the_same_sound(rate):
    """Below 900 Hz, which all of them carry: same instants, same level."""
    samples, _, states = synthesise(replace(STEADY, duration_s=5.0))
    other, given, same = synthesise(replace(STEADY, duration_s=5.0), sample_rate=rate)

    assert given == rate
    assert len(other) == 5 * rate
    np.testing.assert_array_equal(same.start_s, states.start_s)
    spectrum, expected = np.fft.rfft(other) / rate, np.fft.rfft(samples) / 4000
    count = 5 * 900
    error = np.abs(spectrum[:count] - expected[:count]).max() / np.abs(expected).max()
    assert error < 0.01


def test_cut_beats_reach_to_the_ends():
    """The states go on in their cycle from the first sample to the last."""
    _, _, states = synthesise(replace(STEADY, cut_beats=True), seed=3)

    assert states.start_s[0] == 0.0
    assert states.end_s[-1] == 20.0
    assert 0 not in states.state
    assert (np.diff(states.state) % 4 == 1).all()
    whole = synthesise(STEADY, seed=3)[2]
    assert set(whole.start_s[1:-1]) <= set(states.start_s)


def test_cut_beats_begin_where_the_annotated_part_does():
    _, _, states = synthesise(replace(STEADY, cut_beats=True, annotated=(0.25, 1.0)))

    assert (states.state[0], states.end_s[0]) == (0, 5.0)
    assert 0 not in states.state[1:]
    assert states.end_s[-1] == 20.0


def test_nothing_annotated_is_one_row_of_state_0():
    _, _, states = synthesise(replace(STEADY, cut_beats=True, annotated=(1.0, 1.0)))

    assert states.state.tolist() == [0]
    assert (states.start_s[0], states.end_s[0]) == (0.0, 20.0)


def test_hearts_have_what_was_asked_for(rng):
    for _ in range(50):
        plain = draw_heart(rng)
        assert (plain.murmur, plain.s3_level, plain.early_every) == (None, 0.0, 0)
        assert 56 <= plain.heart_rate_bpm <= 96
    assert 0.12 <= draw_heart(rng, murmur=True).murmur.level <= 0.4
    assert 0.35 <= draw_heart(rng, s3=True).s3_level <= 0.5
    assert {draw_heart(rng, early=True).early_every for _ in range(20)} == {2, 3}


FAINT = Heart(
    heart_rate_bpm=70.0,
    respiration_hz=0.25,
    s2_split_s=0.03,
    murmur=SystolicMurmur(timing="Holosystolic", shape="Plateau", pitch="Low", level=0.07),
    s3_level=0.0,
    early_every=3,
)


def test_a_murmur_is_no_softer_than_the_noise_unless_all_is_drowned(rng):
    """Both as their root mean square."""
    for noise in (QUIET, NOISY):
        profiles = [draw_profile(FAINT, rng, duration_s=5.0, noise=noise) for _ in range(30)]
        assert all(one.murmur.level >= one.noise for one in profiles)
        assert all(one.noise <= noise[1] for one in profiles)
    drowned = [draw_profile(FAINT, rng, duration_s=5.0, noise=DROWNED) for _ in range(30)]
    assert all(0.6 <= one.noise <= 1.2 for one in drowned)


def test_a_short_recording_has_its_extrasystole_every_second_beat(rng):
    assert draw_profile(FAINT, rng, duration_s=4.9).early_every == 2
    assert draw_profile(FAINT, rng, duration_s=5.0).early_every == 3


@pytest.mark.parametrize("seed", range(40))
def test_three_seconds_hold_an_extrasystole(seed):
    """From the slowest heart, whenever its recording begins: an early beat and its pause begin."""
    rng = np.random.default_rng(seed)
    slow = replace(FAINT, heart_rate_bpm=56.0, murmur=None)
    profile = draw_profile(slow, rng, duration_s=3.0, cut_beats=True)
    _, _, states = synthesise(profile, seed)

    begun_s = onsets_s(states, 1)
    assert (np.diff(begun_s) < 0.8 * 60 / profile.heart_rate_bpm).any()


def test_further_fields_are_the_profiles(rng):
    profile = draw_profile(FAINT, rng, duration_s=5.0, heart_gain=0.0, num_artefacts=7)

    assert (profile.heart_gain, profile.num_artefacts) == (0.0, 7)
