"""Weights of collections: how many cycles an epoch draws of each, which, and how often."""

from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pahcl_core.data.cycle_set import CycleSet
from pahcl_core.training.augmentation import AugmentationConfig, augmented
from pahcl_core.training.draws import Draw
from pahcl_core.training.partners import Groups, pairs_of
from pahcl_core.training.windows import Mix, WindowSource, epoch_of

COLLECTIONS = st.lists(
    st.lists(st.integers(1, 6), min_size=1, max_size=6), min_size=2, max_size=4
)  # cycles of each recording of each collection
WEIGHTS = st.lists(st.floats(0.01, 20.0), min_size=4, max_size=4)


def cycle_set(counts) -> CycleSet:
    """Recordings of noise with so many cycles of 20 samples, side by side."""
    num_cycles = sum(counts)
    start = 20 * np.arange(num_cycles)
    return CycleSet(
        recordings=(),
        sources=(),
        sample_rate=100,
        samples=np.random.default_rng(0).normal(size=20 * num_cycles).astype(np.float32),
        offsets=20 * np.concatenate([[0], np.cumsum(counts)]),
        recording=np.repeat(np.arange(len(counts)), counts),
        bounds=start[:, None] + np.array([0, 3, 8, 11, 20]),
    )


def mixed(collections, weights):
    """Cycles of all collections, and their mix."""
    part = np.repeat(np.arange(len(collections)), [sum(counts) for counts in collections])
    cycles = cycle_set([count for counts in collections for count in counts])
    return cycles, Mix(part=part, weights=tuple(weights[: len(collections)]))


def draw(cycles, mix, *, seed=0, per_recording=3):
    """An epoch, and for each cycle drawn which one it is and how often it came before."""
    chosen = np.arange(len(cycles))
    rng = np.random.default_rng(seed)
    drawn = epoch_of(cycles, chosen, per_recording=per_recording, rng=rng, mix=mix)
    return drawn, drawn % len(cycles), drawn // len(cycles)


@given(without=st.lists(st.integers(0, 500), min_size=4, max_size=4).filter(any), weights=WEIGHTS)
def test_counts_are_in_proportion_to_weight_times_share(without, weights):
    """Within one cycle, by exact fractions, and as many in all as without weights."""
    mix = Mix(part=np.zeros(0, dtype=np.int64), weights=tuple(weights))

    counts = mix.counts(np.array(without))

    shares = [Fraction(weight) * n for weight, n in zip(weights, without, strict=True)]
    assert sum(counts) == sum(without)
    for count, share in zip(counts, shares, strict=True):
        assert abs(count - share * sum(without) / sum(shares)) < 1
        assert count == 0 or share > 0


@pytest.mark.parametrize(
    ("weights", "without", "expected"),
    [
        ((2.0, 1.0), (30, 30), [40, 20]),
        ((1.0, 1.0), (30, 7), [30, 7]),
        ((0.5, 0.5), (30, 7), [30, 7]),
        ((3.0, 1.0), (10, 90), [25, 75]),
        ((1.0, 1.0, 2.0), (5, 5, 0), [5, 5, 0]),
        ((2.0, 1.0), (1, 1), [1, 1]),  # 4/3 and 2/3: the larger remainder is of the second
    ],
)
def test_counts_by_hand(weights, without, expected):
    mix = Mix(part=np.zeros(0, dtype=np.int64), weights=weights)

    assert mix.counts(np.array(without)) == expected


@given(collections=COLLECTIONS, weights=WEIGHTS, seed=st.integers(0, 99))
def test_an_epoch_has_so_many_of_each_collection(collections, weights, seed):
    """Whatever the weights ask for, though there be fewer cycles than that."""
    cycles, mix = mixed(collections, weights)

    drawn, cycle, _ = draw(cycles, mix, seed=seed)

    without = [sum(min(count, 3) for count in counts) for counts in collections]
    assert np.bincount(mix.part[cycle], minlength=len(collections)).tolist() == mix.counts(
        np.array(without)
    )
    assert len(set(drawn.tolist())) == len(drawn)  # a cycle drawn again has a number of its own


@given(collections=COLLECTIONS, weights=WEIGHTS, seed=st.integers(0, 99))
def test_recordings_give_as_evenly_as_they_can(collections, weights, seed):
    """After whole passes each gives as many as the others, or all it has, or one more."""
    cycles, mix = mixed(collections, weights)
    _, cycle, _ = draw(cycles, mix, seed=seed)

    times = Counter(cycles.recording[cycle].tolist())
    first = 0
    for number, counts in enumerate(collections):
        passes, rest = divmod(int((mix.part[cycle] == number).sum()), sum(counts))
        height = 0
        while sum(min(count, height + 1) for count in counts) <= rest:
            height += 1
        for recording, count in enumerate(counts, start=first):
            more = times[recording] - passes * count
            assert min(count, height) <= more <= min(count, height + 1)
        first += len(counts)


@given(collections=COLLECTIONS, seed=st.integers(0, 99))
def test_equal_weights_draw_what_none_draw(collections, seed):
    """The same cycles, in another order."""
    cycles, mix = mixed(collections, [0.7] * 4)

    drawn, _, _ = draw(cycles, mix, seed=seed)
    without, _, _ = draw(cycles, None, seed=seed)

    assert sorted(drawn.tolist()) == sorted(without.tolist())


def test_an_epoch_is_the_same_for_the_same_numbers():
    cycles, mix = mixed([[6, 2, 6], [3, 1]], [1.0, 9.0])

    assert draw(cycles, mix, seed=4)[0].tolist() == draw(cycles, mix, seed=4)[0].tolist()
    assert draw(cycles, mix, seed=4)[0].tolist() != draw(cycles, mix, seed=5)[0].tolist()


def test_no_cycle_is_drawn_again_before_all_of_its_collection_were_drawn():
    cycles, mix = mixed([[6, 6, 6], [3, 1]], [1.0, 9.0])

    _, cycle, again = draw(cycles, mix)

    of_second = mix.part[cycle] == 1
    times = Counter(cycle[of_second].tolist())
    assert set(times) == {18, 19, 20, 21}
    assert max(times.values()) - min(times.values()) <= 1
    assert max(times.values()) >= 2
    for one, count in times.items():
        assert sorted(again[cycle == one].tolist()) == list(range(count))


def test_it_comes_in_every_order():
    """Drawn again or not: each of 4 numbers is first in a quarter of 2000 epochs."""
    cycles, mix = mixed([[1, 1, 1], [1]], [1.0, 3.0])
    first = Counter(int(draw(cycles, mix, seed=seed)[0][0]) for seed in range(2000))

    counts = mix.counts(np.array([3, 1]))
    assert counts == [2, 2]
    spread = (2000 * 0.25 * 0.75) ** 0.5
    assert abs(first[3] - 500) < 5 * spread
    assert abs(first[3 + 4] - 500) < 5 * spread


def test_a_cycle_drawn_again_is_the_same_cycle_in_another_view():
    cycles, _ = mixed([[4, 4]], [1.0])
    source = WindowSource(cycles, window_s=0.2, band_hz=(5.0, 40.0), device=torch.device("cpu"))
    index, again = np.array([1, 6]), np.array([1, 6]) + len(cycles)
    still, moved = AugmentationConfig(gain=0.0, noise=0.0, shift_s=0.0), AugmentationConfig()

    for one, other in zip(
        augmented(source, index, still, Draw(0, 1)),
        augmented(source, again, still, Draw(0, 1)),
        strict=True,
    ):
        assert torch.equal(one, other)
    assert torch.equal(source[index].samples, source[again].samples)
    views = [augmented(source, one, moved, Draw(0, 1)).samples for one in (index, again)]
    assert (views[0] != views[1]).any(dim=1).all()


def test_partners_of_a_cycle_drawn_again_are_drawn_anew():
    """They are of the same recording, and another cycle of it, under a number drawn as often."""
    cycles, _ = mixed([[6, 1, 5]], [1.0])
    anchor = np.arange(len(cycles))

    groups = Groups(cycles.recording)
    partner = pairs_of(groups, anchor + 2 * len(cycles), Draw(3, 1))

    assert (partner // len(cycles) == 2).all()
    assert (cycles.recording[partner % len(cycles)] == cycles.recording).all()
    alone = cycles.recording == 1
    assert ((partner % len(cycles) == anchor) == alone).all()
    assert (partner % len(cycles) != pairs_of(groups, anchor, Draw(3, 1))).any()
