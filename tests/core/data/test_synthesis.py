"""Synthetic recordings: the states are true, and murmurs are where and what they are said to be."""

from dataclasses import replace

import numpy as np
import pytest

from pahcl_core.data.synthesis import RecordingProfile, SystolicMurmur, synthesise_recording

QUIET = RecordingProfile(duration_s=10.0, heart_rate_bpm=70.0, noise=0.002, breath=0.0)
MURMUR = SystolicMurmur(timing="Holosystolic", shape="Plateau", pitch="Medium", level=0.3)


def synthesise(profile, seed=0):
    return synthesise_recording(profile, np.random.default_rng(seed))


def pieces(samples, sample_rate, states, state):
    """The samples of every row of that state."""
    rows = zip(states.start_s, states.end_s, states.state, strict=True)
    return [
        samples[round(start * sample_rate) : round(end * sample_rate)]
        for start, end, found in rows
        if found == state
    ]


def power(piece) -> float:
    return float(np.mean(np.square(piece, dtype=np.float64)))


def spectrum(parts, sample_rate, *, length=2048):
    """Mean power spectrum, by the Fourier transform of each part padded with zeros."""
    windows = [np.abs(np.fft.rfft(part * np.hanning(len(part)), length)) ** 2 for part in parts]
    return np.fft.rfftfreq(length, 1 / sample_rate), np.mean(windows, axis=0)


def centre_hz(parts, sample_rate) -> float:
    frequency_hz, density = spectrum(parts, sample_rate)
    return float((frequency_hz * density).sum() / density.sum())


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("heart_rate_bpm", [50.0, 90.0, 170.0])
def test_the_states_cover_the_recording_in_order(seed, heart_rate_bpm):
    """State 0, then 1, 2, 3, 4 over and over without a gap, then state 0 to the end."""
    profile = replace(QUIET, heart_rate_bpm=heart_rate_bpm, annotated=(0.1, 0.9))

    samples, sample_rate, states = synthesise(profile, seed)

    assert len(samples) == 40000
    assert sample_rate == 4000
    assert np.abs(samples).max() <= 1.0
    inner = states.state[1:-1]
    assert states.state[[0, -1]].tolist() == [0, 0]
    assert inner.tolist() == [1, 2, 3, 4] * (len(inner) // 4)
    assert states.start_s[0] == 0.0
    assert states.end_s[-1] == 10.0
    np.testing.assert_array_equal(states.start_s[1:], states.end_s[:-1])
    assert (states.end_s > states.start_s).all()
    assert states.end_s[0] >= 1.0
    assert states.start_s[-1] <= 9.0


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("heart_rate_bpm", [60.0, 100.0, 150.0])
def test_sound_is_where_the_states_say(seed, heart_rate_bpm):
    """Every S1 and every S2 is far louder than the systole and the diastole around it."""
    samples, sample_rate, states = synthesise(replace(QUIET, heart_rate_bpm=heart_rate_bpm), seed)

    loud = [*pieces(samples, sample_rate, states, 1), *pieces(samples, sample_rate, states, 3)]
    silent = [*pieces(samples, sample_rate, states, 2), *pieces(samples, sample_rate, states, 4)]

    assert len(loud) >= 2 * 7
    assert min(map(power, loud)) > 10 * max(power(piece[len(piece) // 2 :]) for piece in silent)


@pytest.mark.parametrize("seed", range(5))
def test_s1_begins_at_its_onset(seed):
    """A tenth of the peak of S1 is reached within 25 ms of the annotated onset, not before."""
    samples, sample_rate, states = synthesise(QUIET, seed)

    for onset_s in states.start_s[states.state == 1]:
        onset = round(onset_s * sample_rate)
        threshold = 0.1 * np.abs(samples[onset : onset + 480]).max()
        around = np.abs(samples[max(onset - 40, 0) : onset + 100]) > threshold
        first_ms = (np.argmax(around) - min(onset, 40)) / 4
        assert around.any()
        assert 0 <= first_ms <= 25


def test_the_heart_rate_is_as_asked():
    """Without variability all beats are alike; with it, their mean is."""
    steady = replace(QUIET, rr_variability=0.0, sinus_arrhythmia=0.0, heart_rate_bpm=80.0)
    _, _, states = synthesise(steady)
    np.testing.assert_allclose(np.diff(states.start_s[states.state == 1]), 0.75, rtol=1e-9)

    _, _, states = synthesise(replace(steady, duration_s=120.0, rr_variability=0.05))
    intervals_s = np.diff(states.start_s[states.state == 1])
    assert intervals_s.mean() == pytest.approx(0.75, rel=0.02)
    assert intervals_s.std() == pytest.approx(0.05 * 0.75, rel=0.25)


def test_respiration_moves_the_heart_rate():
    """The beat intervals swing with the period of respiration, and by the amount asked for."""
    profile = replace(
        QUIET, duration_s=80.0, rr_variability=0.0, sinus_arrhythmia=0.1, respiration_hz=0.25
    )
    _, _, states = synthesise(profile)
    onsets_s = states.start_s[states.state == 1]
    intervals_s = np.diff(onsets_s)
    varying_s = intervals_s - intervals_s.mean()

    swing = {
        hertz: abs(np.mean(varying_s * np.exp(-2j * np.pi * hertz * onsets_s[:-1])))
        for hertz in (0.1, 0.17, 0.25, 0.33, 0.4)
    }

    assert max(swing, key=swing.__getitem__) == 0.25
    assert 2 * swing[0.25] == pytest.approx(0.1 * 60 / 70, rel=0.15)


def test_systole_shortens_with_heart_rate():
    """Weissler's regression at 60 a minute, by hand: 546 - 126 - 50 ms from S1 to S2."""
    steady = replace(QUIET, rr_variability=0.0, sinus_arrhythmia=0.0)
    _, _, states = synthesise(replace(steady, heart_rate_bpm=60.0))
    index = np.flatnonzero(states.state == 1)[0]

    assert states.start_s[index + 2] - states.start_s[index] == pytest.approx(0.37)
    assert states.end_s[index] - states.start_s[index] == pytest.approx(0.122)
    assert states.end_s[index + 2] - states.start_s[index + 2] == pytest.approx(0.092)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("pitch", ["Low", "Medium", "High"])
def test_a_murmur_adds_energy_to_systole(seed, pitch):
    """At equal noise; diastole, in comparison with S1, stays as it is."""
    noisy = replace(QUIET, noise=0.03, breath=0.02, heart_rate_bpm=80.0)
    ratio = {}
    for name, murmur in (("Absent", None), ("Present", replace(MURMUR, pitch=pitch, level=0.12))):
        samples, sample_rate, states = synthesise(replace(noisy, murmur=murmur), seed)
        low, high = {"Low": (60, 160), "Medium": (110, 260), "High": (200, 450)}[pitch]
        energy = []
        for state in (2, 4):
            frequency_hz, density = spectrum(pieces(samples, sample_rate, states, state), 4000)
            energy.append(density[(frequency_hz >= low) & (frequency_hz <= high)].mean())
        ratio[name] = energy[0] / energy[1]

    assert ratio["Present"] > 2.5 * ratio["Absent"]


@pytest.mark.parametrize(
    ("timing", "halves"),
    [("Early-systolic", 0), ("Late-systolic", 1), ("Holosystolic", None), ("Mid-systolic", None)],
)
def test_a_murmur_keeps_its_time(timing, halves):
    """In the first half of the pause between the sounds, in the second, or in both."""
    profile = replace(QUIET, murmur=replace(MURMUR, timing=timing), heart_rate_bpm=60.0)
    samples, sample_rate, states = synthesise(profile)
    first, second = [], []
    for start_s, end_s in zip(
        states.start_s[states.state == 1], states.start_s[states.state == 3], strict=True
    ):
        middle_s = (start_s + 0.061 + end_s) / 2  # the murmur begins in the middle of S1
        for part, around_s in ((first, middle_s - 0.06), (second, middle_s + 0.06)):
            begin = round((around_s - 0.02) * sample_rate)
            part.append(power(samples[begin : begin + 160]))

    ratio = np.mean(first) / np.mean(second)

    if halves is None:
        assert 0.2 < ratio < 5
    else:
        assert ratio > 10 if halves == 0 else ratio < 0.1


def test_the_shape_of_a_murmur_is_its_envelope():
    """Power of the last third of systole to its first: up, down, and even."""
    ratio, middle = {}, {}
    for shape in ("Crescendo", "Decrescendo", "Diamond", "Plateau"):
        murmur = replace(MURMUR, shape=shape, pitch="High")
        profile = replace(QUIET, murmur=murmur, heart_rate_bpm=60.0, duration_s=30.0)
        thirds = [
            [power(part) for part in np.array_split(piece, 3)]
            for piece in pieces(*synthesise(profile), 2)
        ]
        early, mid, late = np.mean(thirds, axis=0)
        ratio[shape], middle[shape] = late / early, mid / max(early, late)

    assert ratio["Crescendo"] > 2
    assert ratio["Decrescendo"] < 0.5
    assert middle["Diamond"] > 1.3
    assert middle["Plateau"] < middle["Diamond"]


def test_the_pitch_of_a_murmur_is_its_spectrum():
    centres = []
    for pitch in ("Low", "Medium", "High"):
        profile = replace(QUIET, murmur=replace(MURMUR, pitch=pitch), heart_rate_bpm=60.0)
        samples, sample_rate, states = synthesise(profile)
        centres.append(centre_hz(pieces(samples, sample_rate, states, 2), sample_rate))

    low, medium, high = centres
    assert 60 < low < 140
    assert 140 < medium < 240
    assert 240 < high < 450


def test_the_heart_sounds_are_low():
    """S1 is centred between 30 and 80 Hz, S2 between 40 and 120 Hz."""
    for seed in range(10):
        samples, sample_rate, states = synthesise(QUIET, seed)

        assert 30 < centre_hz(pieces(samples, sample_rate, states, 1), sample_rate) < 80
        assert 40 < centre_hz(pieces(samples, sample_rate, states, 3), sample_rate) < 120


def test_noise_is_as_loud_as_asked():
    """Ten times the amplitude is a hundred times the power, against the same heart."""
    ratio = []
    for noise in (0.02, 0.2):
        samples, sample_rate, states = synthesise(replace(QUIET, noise=noise, duration_s=60.0))
        diastole = np.mean(
            [power(x[len(x) // 2 :]) for x in pieces(samples, sample_rate, states, 4)]
        )
        s1 = np.mean([power(piece) for piece in pieces(samples, sample_rate, states, 1)])
        ratio.append(diastole / (s1 - diastole))

    assert ratio[1] / ratio[0] == pytest.approx(100, rel=0.2)


def test_artefacts_are_heard():
    """Somewhere a recording with artefacts is louder than all its heart sounds are."""
    calm, _, _ = synthesise(QUIET)
    marred, _, _ = synthesise(replace(QUIET, num_artefacts=8))
    roughness = [
        np.abs(np.diff(one)).max() / np.quantile(np.abs(one), 0.99) for one in (calm, marred)
    ]

    assert roughness[1] > 2 * roughness[0]


def test_the_same_generator_gives_the_same_recording():
    profile = replace(QUIET, murmur=MURMUR, num_artefacts=2, breath=0.05)

    first, again, other = (synthesise(profile, seed)[0] for seed in (1, 1, 2))

    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_part_too_short_for_a_beat_is_not_annotated():
    _, _, states = synthesise(replace(QUIET, annotated=(0.5, 0.51)))

    assert states.state.tolist() == [0]
    assert (states.start_s.tolist(), states.end_s.tolist()) == ([0.0], [10.0])
