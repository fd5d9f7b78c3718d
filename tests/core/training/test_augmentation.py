"""Views of a cycle: changed as much as the settings allow, and the same again for the same draw."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from pahcl_core.data.cycle_set import CycleSet
from pahcl_core.training import augmentation
from pahcl_core.training.augmentation import AugmentationConfig, augmented
from pahcl_core.training.draws import Draw
from pahcl_core.training.windows import WindowSource

RATE = 1000
NUM = 2000
BATCH = np.arange(NUM)
BOUNDS = (400, 420, 450, 470, 500)
STRENGTHS = {
    "gain": 0.3,
    "noise": 0.1,
    "shift_s": 0.01,
    "mask_s": 0.02,
    "stretch": 0.1,
    "band_noise": 0.2,
    "respiration": 0.5,
    "frequency_mask_octaves": 0.5,
}
PROBABILITIES = {
    name: f"{name.removesuffix('_s').removesuffix('_octaves')}_probability" for name in STRENGTHS
}
NOTHING = dict.fromkeys(STRENGTHS, 0.0)
ALWAYS = dict.fromkeys(PROBABILITIES.values(), 1.0)
EVERYTHING = AugmentationConfig(**STRENGTHS, **ALWAYS)


def source_of(samples, *, bounds=BOUNDS, window_s=0.1, band_hz=(25.0, 400.0), **changes):
    """One recording in which the same cycle lies as often as there are in a batch."""
    cycles = CycleSet(
        recordings=(),
        sources=(),
        sample_rate=changes.get("rate", RATE),
        samples=samples.astype(np.float32),
        offsets=np.array([0, len(samples)]),
        recording=np.zeros(NUM, dtype=np.int64),
        bounds=np.tile(bounds, (NUM, 1)),
    )
    device = torch.device(changes.get("device", "cpu"))
    return WindowSource(cycles, window_s=window_s, band_hz=band_hz, device=device)


@pytest.fixture(scope="module")
def source() -> WindowSource:
    """Every sample is its own position, from 1 on; S1 at sample 400."""
    return source_of(np.arange(1, 1001))


@pytest.fixture(scope="module")
def noisy() -> WindowSource:
    return source_of(np.random.default_rng(0).normal(size=1000))


def views(source, seed: int = 0, batch=BATCH, **changes):
    """With nothing but these changes, each certain."""
    return augmented(
        source, batch, AugmentationConfig(**{**NOTHING, **ALWAYS, **changes}), Draw(seed, 1)
    )


def same(one, other) -> bool:
    return torch.equal(one.samples, other.samples) and torch.equal(one.bounds, other.bounds)


# What a view depends on.


def test_with_everything_off_a_view_is_the_window_and_no_number_is_drawn(source, mocker):
    drawn = [mocker.spy(augmentation, name) for name in ("uniforms", "normals")]

    assert same(views(source), source[BATCH])
    assert not any(spy.mock_calls for spy in drawn)


@pytest.mark.parametrize("name", STRENGTHS)
def test_a_view_that_is_spared_is_the_window_to_the_bit(noisy, name):
    """One that is not, is not; it happens as often as it should, within 5 standard deviations."""
    share = 0.3
    found = views(noisy, **{name: STRENGTHS[name], PROBABILITIES[name]: share})

    plain = noisy[BATCH]
    changed = (found.samples != plain.samples).any(dim=1) | (found.bounds != plain.bounds).any(1)
    visible = {"shift_s": 10 / 11, "mask_s": 0.95}.get(name, 1.0)  # or by nothing at all
    error = math.sqrt(share * (1 - share) / NUM)
    assert abs(changed.double().mean().item() - visible * share) < 5 * error
    never = views(noisy, **{name: STRENGTHS[name], PROBABILITIES[name]: 0.0})
    assert same(never, plain)


def test_the_same_draw_gives_the_same_views(noisy):
    """To the bit, whatever torch's own generator; another seed, epoch or view gives others."""
    batch = BATCH[:50]
    torch.manual_seed(1)
    first = augmented(noisy, batch, EVERYTHING, Draw(7, 1))
    torch.manual_seed(2)

    assert same(augmented(noisy, batch, EVERYTHING, Draw(7, 1)), first)
    for other in (Draw(8, 1), Draw(7, 2), Draw(7, 1, view=1)):
        samples = augmented(noisy, batch, EVERYTHING, other).samples
        assert (samples != first.samples).any(dim=1).all()


@pytest.mark.parametrize("window_s", [0.1, 0.333, 2.0])
def test_a_view_is_the_same_alone_in_a_batch_and_in_any_order(window_s):
    """To the bit, with everything on; of odd length, and of a length that is met with."""
    source = source_of(np.random.default_rng(0).normal(size=1000), window_s=window_s)
    batch = BATCH[100:164]
    whole = augmented(source, batch, EVERYTHING, Draw(7, 1))

    for row, cycle in enumerate(batch):
        alone = augmented(source, np.array([cycle]), EVERYTHING, Draw(7, 1))
        assert torch.equal(alone.samples[0], whole.samples[row])
        assert torch.equal(alone.bounds[0], whole.bounds[row])
    order = np.random.default_rng(0).permutation(64)
    mixed = augmented(source, batch[order], EVERYTHING, Draw(7, 1))
    assert torch.equal(mixed.samples, whole.samples[order])
    assert torch.equal(mixed.bounds, whole.bounds[order])


def test_one_change_does_not_alter_the_numbers_of_another(source):
    """The same mask, whatever else happens to a view."""
    alone = views(source, mask_s=0.02).samples == 0
    among = augmented(source, BATCH, EVERYTHING, Draw(0, 1)).samples == 0

    assert torch.equal(alone, among)


def test_no_two_draws_share_their_numbers(noisy, mocker):
    """Else a view that is louder would also be longer."""
    drawn = [mocker.spy(augmentation, name) for name in ("uniforms", "normals")]
    augmented(noisy, BATCH[:5], EVERYTHING, Draw(7, 1))

    streams = [tuple(call.args[0].tolist()) for spy in drawn for call in spy.mock_calls]
    assert len(streams) == len(set(streams)) == 11


def test_changes_are_made_independently(source):
    """Each in half of the views: both in a quarter."""
    samples, _ = views(source, gain=0.3, gain_probability=0.5, mask_s=0.02, mask_probability=0.5)

    masked = samples == 0
    louder = (samples != source[BATCH].samples) & ~masked  # or softer
    both = (louder.any(dim=1) & masked.any(dim=1)).double().mean().item()
    assert abs(both - 0.25 * 0.95) < 5 * math.sqrt(0.25 * 0.75 / NUM)


def test_nothing_waits_for_the_device(noisy):
    """On a device without values, none can be asked for."""
    there = source_of(np.zeros(1000), device="meta")

    samples, bounds = augmented(there, BATCH, EVERYTHING, Draw(7, 1))

    assert samples.shape == noisy[BATCH].samples.shape
    assert bounds.shape == (NUM, 5)


# How far each change goes.


def test_a_window_starts_up_to_the_limit_before_s1_and_moves_the_bounds_with_the_sound(source):
    samples, bounds = views(source, shift_s=0.01)

    moved = bounds[:, 0]
    assert stats.chisquare(np.bincount(moved, minlength=11)).pvalue > 1e-6  # 10 ms, 10 samples
    assert torch.equal(samples[:, 0], 401.0 - moved)
    assert torch.equal(bounds.diff(dim=1), source[BATCH].bounds.diff(dim=1))


@pytest.mark.parametrize("shift_s", [0.05, 0.099, 3.0])
@pytest.mark.parametrize("extreme", [0.0, 1 - 2**-24])
def test_s1_stays_in_the_window_however_far_it_is_shifted(source, mocker, shift_s, extreme):
    mocker.patch.object(
        augmentation,
        "uniforms",
        side_effect=lambda stream, count: torch.full((NUM, count), extreme),
    )

    _, bounds = views(source, shift_s=shift_s)

    farthest = min(round(shift_s * RATE), 99)
    assert bounds[:, 0].unique().tolist() == [0 if extreme == 0 else farthest]


def test_a_stretch_is_uniform_about_one_and_leaves_s1_in_place(source):
    """A straight line stays one; its slope is the inverse of the stretch."""
    samples, bounds = views(source, stretch=0.1)

    assert torch.equal(samples[:, 0], torch.full((NUM,), 401.0))
    slope = samples.double().diff(dim=1)
    assert (slope - slope.mean(dim=1, keepdim=True)).abs().max().item() < 1e-3
    stretch = 1 / slope.mean(dim=1).numpy()
    assert stats.kstest(stretch, stats.uniform(0.9, 0.2).cdf).pvalue > 1e-6
    expected = np.array([0, 20, 50, 70, 100]) * stretch[:, None]
    assert np.abs(bounds.numpy() - expected).max() < 0.501


def test_the_gain_is_one_factor_for_a_window(source):
    """Log-normal: its logarithm has the mean 0 and the deviation asked for."""
    samples, _ = views(source, gain=0.3)
    factor = samples / source[BATCH].samples

    assert torch.allclose(factor, factor[:, :1].expand_as(factor), rtol=1e-5)
    logarithm = factor[:, 0].double().log().numpy()
    assert stats.kstest(logarithm, stats.norm(0, 0.3).cdf).pvalue > 1e-6


def test_noise_is_white_and_no_louder_than_its_limit(source):
    """Its deviation is uniform from 0 to the limit, another one for each window."""
    samples, _ = views(source, noise=0.1)
    noise = (samples - source[BATCH].samples).double()
    deviation = noise.std(dim=1)

    assert deviation.max().item() < 0.1 * (1 + 5 / math.sqrt(2 * 100))
    assert abs(deviation.mean().item() - 0.05) < 0.005
    assert deviation.min().item() < 0.005
    neighbours = (noise[:, 1:] * noise[:, :-1]).mean() / noise.square().mean()
    assert abs(neighbours.item()) < 5 / math.sqrt(NUM * 99)


def test_noise_in_a_band_keeps_to_the_pass_band_and_to_its_limit():
    """In silence: where it lies, how loud it is, and that bands are wide and narrow."""
    silent = source_of(np.zeros(3000), window_s=2.0)
    samples, _ = views(silent, batch=BATCH[:500], band_noise=0.2)
    power = torch.fft.rfft(samples.double()).abs().square().numpy()
    frequency = np.fft.rfftfreq(2000, 1 / RATE)

    edge = 2**0.125  # half of a smooth edge
    outside = (frequency < 25 / edge) | (frequency > 400 * edge)
    assert (power[:, outside].sum(axis=1) < 1e-9 * power.sum(axis=1)).all()
    deviation = samples.double().std(dim=1).numpy()
    assert stats.kstest(deviation, stats.uniform(0, 0.2).cdf).pvalue > 1e-6
    heard = power > 1e-6 * power.max(axis=1, keepdims=True)
    octaves = np.array(
        [np.log2(np.ptp(frequency[one]) / frequency[one].min() + 1) for one in heard]
    )
    assert octaves.min() > 0.5  # with its edges, up to 0.75
    assert octaves.min() < 1.0
    assert octaves.max() > 3.5  # of the 4 there are


def test_respiration_is_as_deep_and_as_slow_as_breath():
    """On a constant, watched for 40 s: the depth, and rises through the mean per second."""
    steady = source_of(np.ones(500), rate=10, bounds=(0, 1, 2, 3, 500), window_s=40.0)
    samples, _ = views(steady, respiration=0.5)
    wave = samples.double().numpy() - 1

    depth = (wave.max(axis=1) - wave.min(axis=1)) / 2
    assert stats.kstest(depth, stats.uniform(0, 0.5).cdf).pvalue > 1e-6
    rises = ((wave[:, 1:] >= 0) & (wave[:, :-1] < 0)).sum(axis=1) / 40
    assert abs(rises.mean() - 0.275) < 5 * 0.25 / math.sqrt(12 * NUM)
    assert 0.15 - 1 / 40 <= rises.min() < 0.18
    assert 0.37 < rises.max() <= 0.4 + 1 / 40
    begun = (wave[:, 0] > 0).mean()  # half of the windows begin in the louder half
    assert abs(begun - 0.5) < 5 * 0.5 / math.sqrt(NUM)


def test_a_frequency_mask_takes_out_one_band_no_wider_than_its_limit():
    """Seen in what becomes of a single knock, whose spectrum is flat."""
    knock = np.zeros(3000)
    knock[1000] = 1.0
    source = source_of(knock, bounds=(0, 1, 2, 3, 3000), window_s=2.0)
    samples, _ = views(source, batch=BATCH[:300], frequency_mask_octaves=1.0)
    kept = torch.fft.rfft(samples.double()).abs().numpy()
    frequency = np.fft.rfftfreq(2000, 1 / RATE)

    assert kept.max() < 1.02
    outside = (frequency < 25 / 2**0.125) | (frequency > 400 * 2**0.125)
    assert np.abs(kept[:, outside] - 1).max() < 0.02
    gone = kept < 0.5
    octaves = np.array(
        [np.log2(frequency[o].max() / frequency[o].min()) if o.any() else 0.0 for o in gone]
    )
    assert octaves.max() <= 1.0
    assert octaves.max() > 0.9
    assert abs(np.median(octaves) - 0.5) < 5 * 0.5 / math.sqrt(300)  # uniform, from nothing on
    assert (np.diff(gone.astype(int), axis=1) == 1).sum(axis=1).max() == 1  # one band
    assert (kept.min(axis=1) < 0.02).mean() > 0.5


def test_a_mask_is_one_stretch_of_silence_no_longer_than_its_limit(source):
    samples, _ = views(source, mask_s=0.02)
    silent = samples == 0

    lengths = silent.sum(dim=1)
    assert lengths.max().item() == 20
    assert lengths.min().item() == 0
    inside = ~silent[:, -1]  # not cut off by the window's end
    spread = 20 / math.sqrt(12)  # of a uniform length
    error = 5 * spread / math.sqrt(inside.sum().item())
    assert abs(lengths[inside].double().mean().item() - 10) < error
    edges = torch.nn.functional.pad(silent.int(), (1, 1)).diff(dim=1).abs().sum(dim=1)
    assert set(edges.tolist()) == {0, 2}
    assert silent[:, 1:].any(dim=0).all()  # anywhere in the window
    assert torch.equal(samples[~silent], source[BATCH].samples[~silent])
