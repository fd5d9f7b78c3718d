"""The counts that the fit and the benchmark of the segmentation rest on, by hand."""

import importlib
from pathlib import Path

import numpy as np
import pytest

SCRIPTS = Path(__file__).resolve().parents[3] / "scripts"


@pytest.fixture
def scripts(monkeypatch):
    """The modules beside the scripts, which are no package."""
    monkeypatch.syspath_prepend(SCRIPTS)
    return (
        importlib.import_module("segmentation_recordings"),
        importlib.import_module("segmentation_scoring"),
    )


def states(recordings, rows):
    start, end, state = zip(*rows, strict=True)
    return recordings.States(
        start_s=np.array(start), end_s=np.array(end), state=np.array(state, dtype=np.int64)
    )


def beats(num_cycles, first_s=0.0):
    """Rows of cycles of 1 s: S1 for 0.1 s, systole to 0.3 s, S2 to 0.4 s, diastole."""
    return [
        (first_s + cycle + start, first_s + cycle + end, state)
        for cycle in range(num_cycles)
        for start, end, state in ((0.0, 0.1, 1), (0.1, 0.3, 2), (0.3, 0.4, 3), (0.4, 1.0, 4))
    ]


def test_onsets_are_paired_one_for_one(scripts):
    """Of S1 at 1, 2 and 3 s: found twice near 1, just inside at 2, just outside at 3."""
    recordings, scoring = scripts
    true = states(recordings, beats(4))

    counts = scoring.count_onsets(true, np.array([0.95, 1.05, 2.099, 3.101]), state=1)

    assert (counts.true, counts.true_hit) == (3, 2)  # the one at 0 s is at the stretch's edge
    assert (counts.found, counts.found_hit) == (4, 2)
    assert counts.f1 == pytest.approx(2 * (2 / 3) * (2 / 4) / (2 / 3 + 2 / 4))


def test_what_is_not_annotated_is_not_judged(scripts):
    """Two stretches with a gap: onsets in the gap and beyond the end count neither way."""
    recordings, scoring = scripts
    true = states(recordings, [*beats(2), *beats(2, first_s=5.0)])

    counts = scoring.count_onsets(true, np.array([0.3, 1.3, 3.0, 5.3, 6.3, 9.0]), state=3)

    assert (counts.true, counts.true_hit) == (4, 4)
    assert (counts.found, counts.found_hit) == (4, 4)
    assert counts.f1 == 1.0


def test_nothing_to_find_has_no_score(scripts):
    """No annotated onset is no score; nothing found of some is a score of zero."""
    recordings, scoring = scripts
    true = states(recordings, beats(3))

    assert np.isnan(scoring.OnsetCounts().f1)
    assert scoring.count_onsets(true, np.zeros(0), state=1).f1 == 0.0


def test_a_cycle_is_right_when_its_three_sounds_are(scripts):
    """One right, one whose S2 is off, one that leaves the stretch and is not judged."""
    recordings, scoring = scripts
    true = states(recordings, beats(4))
    bounds_s = np.array(
        [
            [1.05, 1.1, 1.25, 1.4, 2.0],
            [2.0, 2.1, 2.45, 2.5, 3.0],
            [3.0, 3.1, 3.3, 3.4, 4.0],
        ]
    )

    judged, right = scoring.judge_cycles(true, bounds_s)

    np.testing.assert_array_equal(judged, [0, 1])
    np.testing.assert_array_equal(right, [True, False])


def test_the_split_goes_by_person(scripts):
    """Recordings of a person fall together, and about two in five persons are held out."""
    recordings, _ = scripts
    nothing = states(recordings, beats(1))

    def held_out(person, name):
        return recordings.AnnotatedRecording(
            source="circor", person=person, path=Path(name), states=nothing
        ).held_out

    persons = [f"person {number}" for number in range(1000)]
    sides = [held_out(person, "one.wav") for person in persons]

    assert sides == [held_out(person, "another.wav") for person in persons]
    assert 0.35 < np.mean(sides) < 0.45


def counts_of(scoring, persons):
    """From pairs of hits and true onsets, where as many are found as are true."""
    return [
        scoring.OnsetCounts(true=true, true_hit=hit, found=true, found_hit=hit)
        for hit, true in persons
    ]


def test_a_difference_is_resampled_over_persons(scripts):
    """Of two persons, with differences of 0.4 and 0: both, one twice, or the other twice.

    Each pair of draws has a chance of a quarter, so that the extremes are the ends of the interval.
    """
    _, scoring = scripts
    ours = counts_of(scoring, [(9, 10), (5, 10)])
    theirs = counts_of(scoring, [(5, 10), (5, 10)])

    assert scoring.f1_difference_interval(ours, theirs) == pytest.approx((0.0, 0.4))


def test_what_is_hard_for_both_cancels(scripts):
    """Persons differ widely, but each method misses as many: no difference in any resample."""
    _, scoring = scripts
    ours = counts_of(scoring, [(9, 10), (1, 10), (5, 10), (0, 10)])

    assert scoring.f1_difference_interval(ours, ours) == (0.0, 0.0)


def test_the_interval_is_that_of_a_mean_for_persons_of_one_size(scripts):
    """Twice the standard error to either side, of 400 persons with as many onsets each."""
    _, scoring = scripts
    hits = np.random.default_rng(0).binomial(50, 0.8, size=(2, 400))
    ours, theirs = (counts_of(scoring, [(int(one), 50) for one in row]) for row in hits)

    low, high = scoring.f1_difference_interval(ours, theirs)

    difference = (hits[0] - hits[1]) / 50
    error = difference.std() / np.sqrt(400)
    assert low == pytest.approx(difference.mean() - 1.96 * error, abs=0.1 * error)
    assert high == pytest.approx(difference.mean() + 1.96 * error, abs=0.1 * error)


def test_one_person_has_no_interval(scripts):
    _, scoring = scripts
    one = counts_of(scoring, [(9, 10)])

    assert np.isnan(scoring.f1_difference_interval(one, one)).all()
