"""The most probable path against trying all paths, and the durations on the grid of heart rates."""

import numpy as np
import pytest

from oracles import hsmm as oracle
from pahcl_core.signal.heart_rate import (
    LONGEST_PERIOD_S,
    SHORTEST_PERIOD_S,
    duration_model,
    only_near,
)
from pahcl_core.signal.hsmm import DurationModel, most_probable_path
from pahcl_core.signal.segmentation_parameters import CycleDurations

FRAME_RATE = 50


@pytest.fixture
def rng():
    return np.random.default_rng(20)


def random_model(rng, *, num_rhythms, shortest, longest):
    """Every duration from the shortest to the longest is possible, and every change."""
    log_duration = rng.normal(size=(num_rhythms, 4, longest))
    log_duration[:, :, : shortest - 1] = -np.inf
    return DurationModel(
        log_duration=log_duration,
        log_change=rng.normal(size=(num_rhythms, num_rhythms)),
        log_first=rng.normal(size=num_rhythms),
    )


def fixed_model(*durations):
    """One rhythm, in which each state lasts exactly so many frames."""
    log_duration = np.full((1, 4, max(durations)), -np.inf)
    for state, duration in enumerate(durations):
        log_duration[0, state, duration - 1] = 0.0
    return DurationModel(
        log_duration=log_duration, log_change=np.zeros((1, 1)), log_first=np.zeros(1)
    )


@pytest.mark.parametrize("num_frames", [1, 2, 5, 8])
@pytest.mark.parametrize(
    ("num_rhythms", "shortest", "longest"), [(1, 1, 3), (2, 1, 2), (2, 2, 4), (1, 3, 5), (3, 2, 2)]
)
def test_no_path_is_more_probable(rng, num_frames, num_rhythms, shortest, longest):
    """The path and its probability are those that trying every path gives."""
    model = random_model(rng, num_rhythms=num_rhythms, shortest=shortest, longest=longest)
    log_emission = rng.normal(size=(num_frames, 4))

    path = most_probable_path(log_emission, model)

    expected, best = oracle.best_path(
        log_emission, model.log_duration, model.log_change, model.log_first
    )
    found = list(zip(path.first_frame, path.state, path.rhythm, strict=True))
    assert found == expected
    assert path.log_probability == pytest.approx(best, rel=1e-12)


def test_states_with_durations_of_their_own(rng):
    """Limits that differ between states and rhythms, with gaps: still no path is better."""
    model = random_model(rng, num_rhythms=2, shortest=1, longest=4)
    model.log_duration[0, 1, :2] = -np.inf
    model.log_duration[1, 3, 1] = -np.inf
    model.log_duration[1, 0, 2:] = -np.inf
    log_emission = rng.normal(size=(8, 4))

    path = most_probable_path(log_emission, model)

    expected, best = oracle.best_path(
        log_emission, model.log_duration, model.log_change, model.log_first
    )
    assert list(zip(path.first_frame, path.state, path.rhythm, strict=True)) == expected
    assert path.log_probability == pytest.approx(best, rel=1e-12)


@pytest.mark.parametrize("shortest", [(1, 1, 1, 1), (2, 5, 1, 7), (6, 1, 3, 2)])
def test_no_long_path_is_more_probable(rng, shortest):
    """Over many cycles, with shortest durations that differ: the score is that of plain loops."""
    model = random_model(rng, num_rhythms=3, shortest=1, longest=9)
    for state, duration in enumerate(shortest):
        model.log_duration[:, state, : duration - 1] = -np.inf
    log_emission = 2.0 * rng.normal(size=(70, 4))

    path = most_probable_path(log_emission, model)

    best = oracle.best_score(log_emission, model.log_duration, model.log_change, model.log_first)
    assert path.log_probability == pytest.approx(best, rel=1e-12)


def test_a_long_path_adds_up(rng):
    """Over 500 frames, too many to try, the path's own score is what is reported."""
    model = random_model(rng, num_rhythms=4, shortest=3, longest=12)
    log_emission = 0.5 * rng.normal(size=(500, 4))

    path = most_probable_path(log_emission, model)

    segments = list(zip(path.first_frame, path.state, path.rhythm, strict=True))
    score = oracle.path_score(
        segments, log_emission, model.log_duration, model.log_change, model.log_first
    )
    assert path.log_probability == pytest.approx(score, rel=1e-9)


def test_durations_are_respected(rng):
    """No state inside lasts a number of frames that its rhythm does not allow."""
    model = random_model(rng, num_rhythms=3, shortest=2, longest=9)
    model.log_duration[:, 1, 4] = -np.inf
    path = most_probable_path(3.0 * rng.normal(size=(400, 4)), model)

    lengths = np.diff(path.first_frame)[1:]
    inside = model.log_duration[path.rhythm[1:-1], path.state[1:-1], lengths - 1]

    assert len(lengths) > 40
    assert np.isfinite(inside).all()


def test_a_known_sequence_is_found():
    """By hand: durations of 2, 3, 1 and 4 frames, cut off on both sides."""
    states = [1, 2, 3, 3, 3, 3, 0, 0, 1, 1, 1, 2, 3, 3]
    log_emission = np.zeros((len(states), 4))
    log_emission[np.arange(len(states)), states] = 1.0

    path = most_probable_path(log_emission, fixed_model(2, 3, 1, 4))

    np.testing.assert_array_equal(path.first_frame, [0, 1, 2, 6, 8, 11, 12])
    np.testing.assert_array_equal(path.state, [1, 2, 3, 0, 1, 2, 3])
    assert path.log_probability == pytest.approx(len(states))


def test_the_rhythm_changes_where_the_beat_does():
    """Two rhythms whose diastole differs: each cycle is assigned to the one that fits."""
    log_duration = np.full((2, 4, 6), -np.inf)
    log_duration[:, :3, 1] = 0.0
    log_duration[0, 3, 2] = log_duration[1, 3, 5] = 0.0
    model = DurationModel(
        log_duration=log_duration,
        log_change=np.log([[0.9, 0.1], [0.1, 0.9]]),
        log_first=np.log([0.5, 0.5]),
    )
    fast, slow = [0, 0, 1, 1, 2, 2, 3, 3, 3], [0, 0, 1, 1, 2, 2, 3, 3, 3, 3, 3, 3]
    states = np.array(fast * 3 + slow * 3)
    log_emission = 5.0 * np.eye(4)[states]

    path = most_probable_path(log_emission, model)

    np.testing.assert_array_equal(path.rhythm, [0] * 12 + [1] * 12)


def test_impossible_input_is_refused():
    """No frames at all, and a state that can last no number of frames."""
    with pytest.raises(ValueError, match="at least one frame"):
        most_probable_path(np.zeros((0, 4)), fixed_model(1, 1, 1, 1))
    model = fixed_model(1, 1, 1, 1)
    model.log_duration[0, 2] = -np.inf
    with pytest.raises(ValueError, match="must have a possible duration"):
        most_probable_path(np.zeros((3, 4)), model)


@pytest.fixture
def durations():
    return CycleDurations(
        s1_s=np.array([0.1, 0.02]),
        s2_s=np.array([0.09, 0.01]),
        s2_onset_s=np.array([0.15, 0.2]),
        s1_spread_s=0.01,
        s2_spread_s=0.01,
        s2_onset_spread_s=0.02,
        s2_onset_spread_within_s=0.01,
        period_spread=0.05,
    )


@pytest.mark.parametrize("frame_rate", [25, FRAME_RATE])
def test_rhythms_have_the_durations_of_their_heart_rate(durations, frame_rate):
    """Mean durations, to a quarter of a frame, on the lines that were given."""
    model = duration_model(durations, frame_rate=frame_rate)
    periods = np.geomspace(SHORTEST_PERIOD_S, LONGEST_PERIOD_S, len(model.log_first))
    frames = np.arange(1, model.log_duration.shape[2] + 1)

    assert (periods[1:] / periods[:-1] < 1.15).all()  # between two, none is far off
    means_s = (np.exp(model.log_duration) * frames).sum(axis=2) / frame_rate

    usual = (periods > 0.5) & (periods < 1.5)  # at the edges the limits cut into the Gaussians
    s1_s, s2_s, s2_onset_s = 0.1 + 0.02 * periods, 0.09 + 0.01 * periods, 0.15 + 0.2 * periods
    expected = np.column_stack([s1_s, s2_onset_s - s1_s, s2_s, periods - s2_onset_s - s2_s])
    np.testing.assert_allclose(means_s[usual], expected[usual], atol=0.25 / frame_rate)


def test_the_probabilities_of_a_rhythm_add_up_to_one(durations):
    """Over durations, over what follows, and over what comes first."""
    model = duration_model(durations)

    np.testing.assert_allclose(np.exp(model.log_duration).sum(axis=2), 1.0)
    np.testing.assert_allclose(np.exp(model.log_change).sum(axis=1), 1.0)
    assert np.exp(model.log_first).sum() == pytest.approx(1.0)


def test_the_rhythm_keeps_or_moves_to_a_neighbour(durations):
    """The same rate is the most probable next, a near one more than a far one; none is out."""
    log_change = duration_model(durations).log_change

    middle = len(log_change) // 2
    assert log_change[middle].argmax() == middle
    assert (np.diff(log_change[middle, middle : middle + 3]) < 0).all()
    assert log_change.min() > np.log(1e-4)  # an ectopic beat, then another rate altogether


def test_durations_spread_as_they_were_given(durations):
    """By hand, at the rhythm next to 1 s: standard deviations, with that of rounding to frames."""
    model = duration_model(durations)
    periods = np.geomspace(SHORTEST_PERIOD_S, LONGEST_PERIOD_S, len(model.log_first))
    rhythm = np.abs(periods - 1.0).argmin()
    frames = np.arange(1, model.log_duration.shape[2] + 1)
    probability = np.exp(model.log_duration[rhythm])

    variance = (probability * frames**2).sum(axis=1) - (probability * frames).sum(axis=1) ** 2

    step = np.log(periods[1] / periods[0])
    diastole_s = np.sqrt(0.05**2 + step**2 / 12) * periods[rhythm]
    given = np.array([0.01, 0.02, 0.01, diastole_s]) * FRAME_RATE
    np.testing.assert_allclose(np.sqrt(variance), np.sqrt(given**2 + 1 / 12), rtol=0.03)


def test_near_rhythms_are_those_found_and_their_neighbours(durations):
    """Of the whole grid, with its probabilities; there is nothing beyond its ends."""
    model = duration_model(durations)
    last = len(model.log_first) - 1

    near = only_near(model, np.array([4, 0, 4, last]))

    chosen = [0, 1, 3, 4, 5, last - 1, last]
    np.testing.assert_array_equal(near.log_duration, model.log_duration[chosen])
    np.testing.assert_array_equal(near.log_change, model.log_change[chosen][:, chosen])
    np.testing.assert_array_equal(near.log_first, model.log_first[chosen])
