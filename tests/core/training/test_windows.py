"""Batches gathered by index: the right samples, never another recording's, evenly drawn."""

import itertools
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from oracles.windows import stretched_window, window
from pahcl_core.data.cycle_set import CycleSet
from pahcl_core.training.windows import (
    WindowSource,
    batches,
    epoch_of,
    in_order,
    num_batches,
)

RATE = 100
LENGTHS = (170, 60, 230)
CYCLES = (2, 1, 5)  # of each recording


def cycle_set(lengths=LENGTHS, counts=CYCLES) -> CycleSet:
    """Recordings of noise, each with so many cycles side by side, up to its last sample."""
    rng = np.random.default_rng(0)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    bounds = []
    for offset, length, count in zip(offsets, lengths, counts, strict=False):
        edges = offset + np.linspace(3, length, count + 1).astype(int)
        for start, stop in itertools.pairwise(edges):
            bounds.append([start, start + 2, start + 5, start + 7, stop])
    return CycleSet(
        recordings=(),
        sources=(),
        sample_rate=RATE,
        samples=rng.normal(size=offsets[-1]).astype(np.float32),
        offsets=offsets,
        recording=np.repeat(np.arange(len(counts)), counts),
        bounds=np.array(bounds),
    )


def everything(cycles: CycleSet) -> np.ndarray:
    return np.arange(len(cycles))


@pytest.fixture
def source() -> WindowSource:
    return source_of(cycle_set())


def source_of(cycles: CycleSet) -> WindowSource:
    return WindowSource(cycles, window_s=0.5, band_hz=(5.0, 40.0), device=torch.device("cpu"))


@pytest.mark.parametrize("shift", [-200, -7, 0, 4, 90, 700])
def test_windows_are_the_samples_from_s1_on(source, shift):
    """Shifted or not, up to the recording's edges and silent beyond them."""
    cycles = cycle_set()
    batch = np.array([7, 0, 2, 1, 2, 6])

    samples, bounds = source.shifted(batch, torch.full((len(batch),), shift))

    for row, cycle in enumerate(batch):
        start = cycles.bounds[cycle, 0] + shift
        expected = window(cycles.samples, cycles.offsets, cycles.recording[cycle], start, 50)
        assert samples[row].tolist() == expected
        assert bounds[row].tolist() == [int(b) - start for b in cycles.bounds[cycle]]


@pytest.mark.parametrize("shift", [-200, -7, 0, 4, 150])
@pytest.mark.parametrize("stretch", [0.8, 0.93, 1.0, 1.07, 1.2])
def test_stretched_windows_are_interpolated_about_s1(source, shift, stretch):
    cycles = cycle_set()
    batch = np.array([7, 0, 2, 1, 2, 6])

    samples, bounds = source.shifted(
        batch, torch.full((len(batch),), shift), torch.full((len(batch),), stretch)
    )

    for row, cycle in enumerate(batch):
        onset, recording = cycles.bounds[cycle, 0], cycles.recording[cycle]
        packed = cycles.samples, cycles.offsets, recording
        expected = stretched_window(*packed, onset, shift, stretch, 50)
        np.testing.assert_allclose(samples[row].numpy(), expected, atol=1e-4)
        after = [stretch * int(bound - onset) for bound in cycles.bounds[cycle]]
        assert bounds[row].tolist() == pytest.approx([one - shift for one in after], abs=0.501)


def test_a_stretch_of_one_changes_nothing_to_the_bit(source):
    batch, shift = np.arange(8), torch.arange(-40, 40, 10)

    stretched = source.shifted(batch, shift, torch.ones(8))

    plain = source.shifted(batch, shift)
    assert torch.equal(stretched.samples, plain.samples)
    assert torch.equal(stretched.bounds, plain.bounds)


def test_each_window_has_its_own_stretch(source):
    batch, shift = np.array([4, 4]), torch.zeros(2, dtype=torch.int64)

    samples, bounds = source.shifted(batch, shift, torch.tensor([1.0, 1.1]))

    for row, stretch in enumerate((1.0, 1.1)):
        alone = source.shifted(batch[:1], shift[:1], torch.tensor([stretch]))
        assert torch.equal(samples[row], alone.samples[0])
        assert torch.equal(bounds[row], alone.bounds[0])
    assert not torch.equal(samples[0], samples[1])


@pytest.mark.parametrize("stretch", [0.8, 1.0, 1.2])
@pytest.mark.parametrize("cycle", [0, 1, 2, 3, 7])
def test_a_stretched_window_never_shows_another_recording(cycle, stretch):
    """Whose sound would be deafening."""
    cycles = cycle_set()
    own = cycles.recording[cycle]
    samples = np.full_like(cycles.samples, 1e30)
    inside = slice(cycles.offsets[own], cycles.offsets[own + 1])
    samples[inside] = cycles.samples[inside]
    source = source_of(replace(cycles, samples=samples))

    for shift in range(-250, 250, 7):
        seen = source.shifted(np.array([cycle]), torch.tensor([shift]), torch.tensor([stretch]))
        assert seen.samples.abs().max() < 10


def test_each_window_has_its_own_shift(source):
    batch = np.array([1, 1, 1])
    samples, bounds = source.shifted(batch, torch.tensor([0, 3, -3]))

    assert samples[0, 3:].tolist() == samples[1, :-3].tolist()
    assert samples[0, :-3].tolist() == samples[2, 3:].tolist()
    assert bounds[:, 0].tolist() == [0, -3, 3]


def test_without_a_shift_a_window_starts_at_its_s1(source):
    samples, bounds = source[np.array([3, 0])]

    first = cycle_set().bounds[3, 0]
    assert samples[0].tolist() == cycle_set().samples[first : first + 50].tolist()
    assert bounds[:, 0].tolist() == [0, 0]


def test_a_window_never_shows_another_recording(source):
    """The last cycle of the middle recording ends with it; its neighbours are loud."""
    samples, _ = source.shifted(np.array([2]), torch.tensor([30]))

    assert samples[0, :27].count_nonzero() == 27  # from sample 33 to the recording's end at 60
    assert samples[0, 27:].count_nonzero() == 0


@given(
    counts=st.lists(st.integers(1, 9), min_size=1, max_size=5),
    per_recording=st.integers(1, 5),
    seed=st.integers(0, 2**32 - 1),
    data=st.data(),
)
def test_an_epoch_draws_so_many_of_each_recording(counts, per_recording, seed, data):
    """All of them where there are no more, none twice, and only of those chosen."""
    cycles = cycle_set([90] * len(counts), counts)
    chosen = np.array(sorted(data.draw(st.sets(st.sampled_from(range(len(cycles))), min_size=1))))

    rng = np.random.default_rng(seed)
    drawn = epoch_of(cycles, chosen, per_recording=per_recording, rng=rng)

    assert set(drawn) <= set(chosen)
    assert len(set(drawn)) == len(drawn)
    there = Counter(cycles.recording[chosen].tolist())
    assert Counter(cycles.recording[drawn].tolist()) == {
        recording: min(count, per_recording) for recording, count in there.items()
    }


def test_an_epoch_draws_each_cycle_as_often_as_any_other():
    """Over 4000 epochs, 2 of 5 cycles each: 1600 times, within 5 standard deviations."""
    cycles = cycle_set()
    rng = np.random.default_rng(1)
    times = Counter()
    for _ in range(4000):
        times.update(epoch_of(cycles, everything(cycles), per_recording=2, rng=rng).tolist())

    assert [times[cycle] for cycle in (0, 1, 2)] == [4000] * 3  # these recordings have no more
    spread = (4000 * 0.4 * 0.6) ** 0.5
    assert all(abs(times[cycle] - 1600) < 5 * spread for cycle in range(3, 8))


def test_an_epoch_comes_in_every_order():
    """Three cycles in all: each of the 6 orders in a sixth of 3000 epochs, within 5 deviations."""
    cycles = cycle_set([90, 90], [1, 2])
    rng = np.random.default_rng(2)
    orders = Counter(
        tuple(epoch_of(cycles, everything(cycles), per_recording=2, rng=rng).tolist())
        for _ in range(3000)
    )

    assert len(orders) == 6
    assert all(abs(n - 500) < 5 * (3000 / 6 * 5 / 6) ** 0.5 for n in orders.values())


@given(num=st.integers(1, 200), size=st.integers(1, 70))
def test_batches_are_of_nearly_equal_size(num, size):
    """None above the limit, none more than one cycle smaller than another, nothing lost."""
    cut = batches(np.arange(num), size)

    assert np.concatenate(cut).tolist() == list(range(num))
    sizes = [len(batch) for batch in cut]
    assert max(sizes) <= size
    assert max(sizes) - min(sizes) <= 1
    assert len(cut) == num_batches(num, size) == -(-num // size)


def test_evaluation_takes_batches_in_order():
    assert [batch.tolist() for batch in in_order(np.arange(7), 3)] == [[0, 1, 2], [3, 4, 5], [6]]
