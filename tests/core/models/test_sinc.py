"""Band-pass filters that pass their bands, and attention to channels as it is defined."""

import numpy as np
import pytest
import torch

from oracles import encoder as by_loops
from pahcl_core.errors import SettingError
from pahcl_core.models.sinc import ChannelAttention, SincConv

RATE = 2000


def by_numpy(low_hz, high_hz, *, rate, size):
    """Two low-passes, `sin(2 π f t) / (π t)` in samples, subtracted, under a Hamming window."""
    t = np.arange(size) - (size - 1) / 2  # never zero
    low, high = (np.sin(2 * np.pi * f / rate * t) / (np.pi * t) for f in (low_hz, high_hz))
    window = 0.54 - 0.46 * np.cos(2 * np.pi * np.arange(size) / (size - 1))
    return (high - low) * window


@pytest.mark.parametrize("num_filters", [8, 32, 128])
def test_the_bands_are_spread_over_the_mel_scale(num_filters):
    """Evenly, from near 20 to near 500 Hz, each up to the middle of the one after the next."""
    low, high = (
        edge.detach().double().numpy()
        for edge in SincConv(num_filters, sample_rate=RATE).bands_hz()
    )

    mel = 2595 * np.log10(1 + np.concatenate([low, high[-2:]]) / 700)
    step = (607.446 - 31.749) / (num_filters + 3)  # mel of 500 Hz and of 20 Hz
    np.testing.assert_allclose(np.diff(mel), step, rtol=2e-3)
    assert mel[0] == pytest.approx(31.749 + step, rel=1e-3)
    np.testing.assert_allclose(high[:-2], low[2:], rtol=1e-3)


@pytest.mark.parametrize(("rate", "size"), [(2000, 128), (4000, 256)])
def test_a_filter_is_the_difference_of_two_windowed_sincs(rate, size):
    """Of 64 ms, whatever the rate."""
    torch.manual_seed(0)
    conv = SincConv(6, sample_rate=rate).double()
    with torch.no_grad():
        for edge in (conv.low, conv.high):
            edge.add_(torch.randn(6, dtype=torch.float64))
        filters = conv.filters()
        low, high = conv.bands_hz()

    for one, f1, f2 in zip(filters, low.tolist(), high.tolist(), strict=True):
        np.testing.assert_allclose(
            one, by_numpy(f1, f2, rate=rate, size=size), rtol=1e-5, atol=1e-8
        )


@pytest.mark.parametrize("rate", [2000, 4000])
@pytest.mark.parametrize("num_filters", [8, 32, 128])
def test_every_filter_hears_its_own_band_best(num_filters, rate):
    conv = SincConv(num_filters, sample_rate=rate).double()
    with torch.no_grad():
        gain = np.abs(np.fft.rfft(conv.filters().numpy(), 2**14))
        low, high = (edge.numpy() for edge in conv.bands_hz())

    peak = np.fft.rfftfreq(2**14, 1 / rate)[gain.argmax(axis=1)]

    assert ((low <= peak) & (peak <= high)).all()


@pytest.mark.parametrize("move", [-30.0, -1.0, 1.0, 30.0])
def test_the_edges_stay_in_the_range_and_in_order(move):
    """However far a step goes."""
    conv = SincConv(8, sample_rate=RATE)
    with torch.no_grad():
        conv.low.add_(move)
        conv.high.sub_(move)
        low, high = conv.bands_hz()

    assert (low >= 20).all()
    assert (high <= 500.001).all()
    assert (high - low >= 0.999).all()


def test_a_tone_comes_out_of_the_filter_whose_band_it_lies_in():
    conv = SincConv(8, sample_rate=RATE)
    low, high = (edge.tolist() for edge in conv.bands_hz())
    time = torch.arange(2000) / RATE
    for k in range(8):
        tone = torch.sin(2 * torch.pi * (low[k] + high[k]) / 2 * time)
        with torch.no_grad():
            heard = conv(tone[None, None])[0].square().mean(dim=1)
        assert heard.argmax() == k


def test_an_output_is_centred_between_its_two_samples():
    """Sixty-four samples on either side of the middle of samples 200 and 201."""
    samples = torch.randn(1, 1, 400, requires_grad=True)

    (slope,) = torch.autograd.grad(SincConv(4, sample_rate=RATE)(samples)[0, :, 100].sum(), samples)

    heard = slope[0, 0].nonzero()[:, 0]
    assert (heard.min().item(), heard.max().item()) == (200 - 63, 201 + 63)


def test_a_rate_that_does_not_carry_the_bands_is_refused():
    message = "listens up to 500 Hz, which takes a sample rate above 1000 Hz, got 1000"
    with pytest.raises(SettingError, match=message):
        SincConv(8, sample_rate=1000)


@pytest.mark.parametrize(("channels", "size"), [(8, 3), (32, 3), (64, 3), (128, 5), (256, 5)])
def test_attention_reaches_as_far_as_the_paper_says(channels, size):
    """The odd number next to half of log2(channels) + 1, upwards."""
    assert ChannelAttention(channels).conv.weight.shape == (1, 1, size)


def test_channel_attention_equals_its_definition(shaken):
    attention = shaken(ChannelAttention(32))
    x = torch.tensor(np.random.default_rng(0).normal(size=(2, 32, 9)) + 1)

    with torch.no_grad():
        weighed = attention(x)

    for one, out in zip(x, weighed, strict=True):
        expected = by_loops.channel_attention(one.tolist(), attention.conv.weight[0, 0].tolist())
        np.testing.assert_allclose(out, expected, rtol=1e-12)
