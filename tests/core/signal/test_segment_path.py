"""The systole of a recording's own, and the search that makes use of it."""

import dataclasses

import numpy as np
import pytest

from pahcl_core.signal.heart_rate import duration_model
from pahcl_core.signal.hsmm import StatePath, most_probable_path
from pahcl_core.signal.segment_path import own_durations, state_path
from pahcl_core.signal.segmentation_parameters import CycleDurations

CYCLE = np.array([0, 5, 15, 19])
"""Frames at which the states begin; the next S1 comes at 40. So S2 comes after 15 of 40 frames."""


@pytest.fixture
def durations():
    """S2 after 0.1 s and a fifth of the cycle; people differ by 0.03 s, beats by 0.01 s."""
    return CycleDurations(
        s1_s=np.array([0.1, 0.0]),
        s2_s=np.array([0.08, 0.0]),
        s2_onset_s=np.array([0.1, 0.2]),
        s1_spread_s=0.01,
        s2_spread_s=0.01,
        s2_onset_spread_s=float(np.hypot(0.03, 0.01)),
        s2_onset_spread_within_s=0.01,
        period_spread=0.05,
    )


def regular_path(num_cycles, *, s2_onset=15):
    """A diastole of 7 frames, cycles of 40 frames, and an S1."""
    cycle = CYCLE + np.array([0, 0, s2_onset - 15, s2_onset - 15])
    begun = 7 + 40 * np.arange(num_cycles)
    first = np.concatenate([[0], (begun[:, None] + cycle).ravel(), [7 + 40 * num_cycles]])
    return StatePath(
        first_frame=first,
        state=np.array([3, *([0, 1, 2, 3] * num_cycles), 0]),
        rhythm=np.zeros(len(first), dtype=np.int64),
        log_probability=0.0,
    )


@pytest.mark.parametrize("num_cycles", [1, 9])
def test_the_systole_of_the_recording(durations, num_cycles):
    """By hand, at 25 frames a second: S2 at 0.6 s of 1.6 s, where 0.1 + 0.2 * 1.6 s is usual.

    Limited to twice 0.03 s. At 0.44 s it is 0.02 s late, of which the part is believed that the
    variance between people, 0.03^2, has in the sum of it and that of the median.
    """
    far = own_durations(regular_path(num_cycles), durations, frame_rate=25)
    near = own_durations(regular_path(num_cycles, s2_onset=11), durations, frame_rate=25)

    believed = 0.0009 / (0.0009 + 0.0001 * np.pi / 2 / num_cycles)
    np.testing.assert_allclose(far.s2_onset_s, [0.1 + 0.06, 0.2])
    np.testing.assert_allclose(near.s2_onset_s, [0.1 + 0.02 * believed, 0.2])


def test_nothing_else_is_the_recordings_own(durations):
    """From beat to beat the systole varies less than between people; the rest stays as it is."""
    own = own_durations(regular_path(5), durations, frame_rate=25)

    assert own.s2_onset_spread_s == 0.01
    for field in dataclasses.fields(CycleDurations):
        if field.name not in ("s2_onset_s", "s2_onset_spread_s"):
            assert getattr(own, field.name) is getattr(durations, field.name)


def test_the_median_counts(durations):
    """One cycle of three whose S2 is elsewhere changes nothing."""
    path = regular_path(3, s2_onset=11)
    path.first_frame[7:9] += 6

    own = own_durations(path, durations, frame_rate=25)

    usual = own_durations(regular_path(3, s2_onset=11), durations, frame_rate=25)
    np.testing.assert_array_equal(own.s2_onset_s, usual.s2_onset_s)


def test_without_a_cycle_the_usual_durations_hold(durations):
    assert own_durations(regular_path(0), durations, frame_rate=25) is durations


def frames_of(num_cycles, *, s2_onset):
    """The state of each frame at 50 frames a second: cycles of 0.8 s, S1 for 0.1 s, S2 for 0.08."""
    cycle = np.full(40, 3)
    cycle[:5], cycle[5:s2_onset], cycle[s2_onset : s2_onset + 4] = 0, 1, 2
    return np.tile(cycle, num_cycles)


@pytest.mark.parametrize("num_frames", [479, 480])
def test_an_inaudible_s2_is_where_the_others_are(durations, num_frames):
    """S2 is 60 ms later than usual, and in one cycle of twelve nothing is to be heard of it.

    There, durations alone decide: those of everybody put it 2 frames off at least, the recording's
    own put it right to a frame.
    """
    states = frames_of(12, s2_onset=16)[:num_frames]
    scores = 3.0 * np.eye(4)[states]
    scores[7 * 40 + 5 : 8 * 40] = [0.0, 1.0, 1.0, 1.0]  # whatever is no S1

    usual, own = (
        path.first_frame[path.state == 2]
        for path in (
            most_probable_path(scores, duration_model(durations)),
            state_path(scores, durations),
        )
    )

    expected = 40 * np.arange(12) + 16
    np.testing.assert_array_equal(np.delete(own, 7), np.delete(expected, 7))
    assert abs(own[7] - expected[7]) <= 1
    assert expected[7] - usual[7] >= 2


@pytest.mark.parametrize("num_frames", [1, 2, 3])
def test_few_frames_have_a_path(durations, num_frames):
    """By hand: one state that is more probable than any other in all of them."""
    scores = np.zeros((num_frames, 4))
    scores[:, 2] = 9.0

    path = state_path(scores, durations)

    assert (path.first_frame.tolist(), path.state.tolist()) == ([0], [2])


def test_no_frames_are_refused(durations):
    with pytest.raises(ValueError, match="at least one frame"):
        state_path(np.zeros((0, 4)), durations)
