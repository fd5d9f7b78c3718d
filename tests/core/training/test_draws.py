"""Random numbers by counting: the right ones, random enough, the same wherever they are used."""

import itertools

import numpy as np
import pytest
import torch
from scipy import stats

from oracles.splitmix64 import SplitMix64, descend, normal_pair, uniform
from pahcl_core.training.draws import Draw, Purpose, normals, outputs, uniforms

# The first outputs for a seed, as published: for 1234567 by Rosetta Code ("Pseudo-random
# numbers/Splitmix64"), for 0 by Java's SplittableRandom, whose algorithm it is.
PUBLISHED = {
    1234567: [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ],
    0: [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F],
}
SEEDS = [0, 1, 42, 2**63 - 1, 2**63, 2**64 - 1]


def unsigned(tensor) -> list[int]:
    return [number % 2**64 for number in tensor.flatten().tolist()]


@pytest.mark.parametrize("seed", PUBLISHED)
def test_outputs_are_the_published_ones(seed):
    known = PUBLISHED[seed]

    found = outputs(torch.tensor(seed), torch.arange(len(known)))

    assert unsigned(found) == known
    generator = SplitMix64(seed)  # so that the oracle is right, too
    assert [generator.next() for _ in known] == known


@pytest.mark.parametrize("seed", SEEDS)
def test_streams_are_leaves_of_a_tree_of_generators(seed):
    """Seed, epoch, view, cycle, purpose, by the same descent in Python's integers."""
    cycle = torch.tensor([0, 1, 2, 77, 2**20, 2**40])
    for epoch, view in itertools.product((0, 1, 300), (0, 1)):
        streams = Draw(seed, epoch, view).streams(cycle)

        expected = [
            descend(seed, (epoch, view, one, purpose))
            for one in cycle.tolist()
            for purpose in range(len(Purpose))
        ]
        assert unsigned(streams) == expected


def test_uniforms_are_the_upper_bits_exactly():
    stream = Draw(7, 2).streams(torch.arange(50))[:, Purpose.SHIFT]

    found = uniforms(stream, 9)

    expected = [
        [uniform(descend(one, (position,))) for position in range(9)] for one in unsigned(stream)
    ]
    assert found.double().tolist() == expected


def test_normals_are_those_of_box_and_muller():
    stream = Draw(7, 2).streams(torch.arange(50))[:, Purpose.NOISE]

    found = normals(stream, 9).double().numpy()

    pairs = [
        [number for place in range(5) for number in normal_pair(descend(one, (place,)))][:9]
        for one in unsigned(stream)
    ]
    np.testing.assert_allclose(found, pairs, rtol=1e-6, atol=2e-6)


def test_the_greatest_and_the_least_number_are_what_they_should_be():
    """From all bits set, and from none."""
    bits = torch.tensor([-1, 0])
    state = torch.tensor([before(2**64 - 1), before(0)])
    assert torch.equal(outputs(state, torch.tensor(0)), bits)

    assert uniforms(state, 1).tolist() == [[1 - 2**-24], [0.0]]
    far = np.sqrt(2 * 24 * np.log(2))  # the radius; the angle lies just short of a whole turn
    assert normals(state, 2).flatten().tolist() == pytest.approx([far, 0.0, 0.0, 0.0], abs=1e-5)


def before(bits: int) -> int:
    """The state whose first output has these bits: every step of the mixing undone."""
    z = bits
    for shift, factor in ((31, 0x94D049BB133111EB), (27, 0xBF58476D1CE4E5B9), (30, 1)):
        undone = z
        for _ in range(3):
            undone = z ^ (undone >> shift)
        z = undone * pow(factor, -1, 2**64) % 2**64
    state = (z - 0x9E3779B97F4A7C15) % 2**64
    return state - 2**64 if state >= 2**63 else state


# What a number depends on.


@pytest.mark.parametrize("numbers", [uniforms, normals])
def test_a_number_is_the_same_alone_in_a_batch_and_in_any_order(numbers):
    draw, cycle = Draw(3, 5, 1), torch.arange(100, 164)
    whole = numbers(draw.streams(cycle)[:, Purpose.NOISE], 301)

    for row in range(64):
        alone = numbers(draw.streams(cycle[row : row + 1])[:, Purpose.NOISE], 301)
        assert torch.equal(alone[0], whole[row])
    order = torch.randperm(64, generator=torch.Generator().manual_seed(0))
    assert torch.equal(numbers(draw.streams(cycle[order])[:, Purpose.NOISE], 301), whole[order])


@pytest.mark.parametrize("numbers", [uniforms, normals])
def test_a_number_is_the_same_however_many_are_drawn(numbers):
    stream = Draw(3, 5).streams(torch.arange(10))[:, Purpose.NOISE]

    for count in (1, 2, 7):
        assert torch.equal(numbers(stream, count), numbers(stream, 50)[:, :count])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_has_the_same_uniforms_to_the_bit():
    draw, cycle = Draw(3, 5), torch.arange(64)
    here = draw.streams(cycle)[:, Purpose.NOISE]
    there = draw.streams(cycle.cuda())[:, Purpose.NOISE]

    assert torch.equal(there.cpu(), here)
    assert torch.equal(uniforms(there, 2000).cpu(), uniforms(here, 2000))
    assert torch.allclose(normals(there, 2000).cpu(), normals(here, 2000), rtol=1e-5, atol=1e-6)


# How random they are. All is fixed by the seeds, so none of this can fail by chance; the limits are
# where true random numbers would be in all but one of a million cases or so.

NUM = 2**16


def table(seed=11, epoch=1, view=0, purpose=Purpose.NOISE) -> np.ndarray:
    """Of 256 cycles, 256 uniforms each."""
    streams = Draw(seed, epoch, view).streams(torch.arange(256))
    return uniforms(streams[:, purpose], 256).double().numpy()


def test_uniforms_are_uniform():
    """By Kolmogorov and Smirnov, and by counting each of the three bytes a number consists of."""
    found = table()

    assert stats.kstest(found.ravel(), "uniform").pvalue > 1e-6
    digits = (found.ravel() * 2**24).astype(int)
    for shift in (0, 8, 16):
        count = np.bincount((digits >> shift) % 256, minlength=256)
        assert stats.chisquare(count).pvalue > 1e-6


def test_uniforms_of_one_position_are_uniform_over_cycles_and_over_epochs():
    """A parameter of an augmentation: the first number of a stream."""
    over_cycles = uniforms(Draw(5, 1).streams(torch.arange(NUM))[:, Purpose.MASK], 1)
    over_epochs = torch.cat(
        [
            uniforms(Draw(5, epoch).streams(torch.tensor([9]))[:, Purpose.MASK], 1)
            for epoch in range(2000)
        ]
    )

    for found in (over_cycles, over_epochs):
        assert stats.kstest(found.flatten().double().numpy(), "uniform").pvalue > 1e-6


def test_normals_are_normal():
    found = normals(Draw(11, 1).streams(torch.arange(256))[:, Purpose.NOISE], 256)

    found = found.flatten().double().numpy()
    assert stats.kstest(found, "norm").pvalue > 1e-6
    assert abs(stats.kurtosis(found)) < 5 * np.sqrt(24 / NUM)


def test_neighbours_have_nothing_in_common():
    """Next position, cycle, purpose, view, epoch and seed: no correlation, of squares neither."""
    here = table()
    pairs = {
        "position": (here[:, 1:], here[:, :-1]),
        "cycle": (here[1:], here[:-1]),
        "purpose": (here, table(purpose=Purpose.BAND)),
        "view": (here, table(view=1)),
        "epoch": (here, table(epoch=2)),
        "seed": (here, table(seed=12)),
        "epoch and view": (here, table(epoch=0, view=1)),
        "epoch and seed": (here, table(epoch=0, seed=12)),
    }
    for name, (one, other) in pairs.items():
        for power in (1, 2):
            centred = [(2 * numbers.ravel() - 1) ** power for numbers in (one, other)]
            assert abs(np.corrcoef(*centred)[0, 1]) < 5 / np.sqrt(one.size), (name, power)


def test_the_two_normals_of_a_pair_have_nothing_in_common():
    """They share a radius, so their squares would tell."""
    found = normals(Draw(11, 1).streams(torch.arange(256))[:, Purpose.NOISE], 512).double().numpy()

    for power in (1, 2):
        one, other = (found[:, start::2].ravel() ** power for start in (0, 1))
        assert abs(np.corrcoef(one, other)[0, 1]) < 5 / np.sqrt(NUM)


@pytest.mark.parametrize("of", ["state", "number"])
def test_one_bit_of_the_input_changes_half_of_the_output(of):
    """Each of 64 bits in flips each of 64 bits out in half of 4000 cases, within 6 deviations."""
    rng = np.random.default_rng(0)
    state, number = torch.from_numpy(rng.integers(-(2**63), 2**63, size=(2, 4000)))
    unflipped = outputs(state, number)
    for place in range(64):
        flip = torch.tensor(1 << place if place < 63 else -(2**63))
        after = outputs(state ^ flip, number) if of == "state" else outputs(state, number ^ flip)
        changed = np.array([f"{one:064b}" for one in unsigned(unflipped ^ after)])
        share = np.array([[int(bit) for bit in one] for one in changed]).mean(axis=0)
        assert (np.abs(share - 0.5) < 6 * 0.5 / np.sqrt(4000)).all(), place


def test_what_a_number_is_for_keeps_its_place():
    """Another order would change every result; a new purpose goes to the end."""
    assert [purpose.name for purpose in Purpose][:12] == [
        "CHANCE", "PARTNER", "SHIFT", "STRETCH", "RESPIRATION", "GAIN", "NOISE_LEVEL", "NOISE",
        "BAND", "BAND_NOISE", "FREQUENCY_MASK", "MASK",
    ]  # fmt: skip
    assert [int(purpose) for purpose in Purpose] == list(range(len(Purpose)))
