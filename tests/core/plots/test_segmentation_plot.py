"""What the picture of a segmentation holds: spans, colours, lines, texts, where they are."""

import itertools

import numpy as np
import pytest
from matplotlib.colors import to_hex
from PIL import Image

from pahcl_core.plots.figure import write_png
from pahcl_core.plots.segmentation_plot import (
    STATE_COLOURS,
    draw_segmentation,
    segmentation_figure,
)
from pahcl_core.plots.sound_rows import MAX_DRAWN_S
from pahcl_core.signal.cycles import Cycles
from pahcl_core.signal.segment_states import Segmentation

PERIOD = (0.1, 0.2, 0.1, 0.4)  # of S1, systole, S2, diastole, in seconds: 75 beats a minute


def beating(duration_s, *, confidence=0.9):
    """States of a heart that beats 75 times a minute from the first sample on."""
    starts = np.round(np.arange(0, int(duration_s / 0.8) + 1)[:, None] * 0.8, 6)
    start_s = (starts + np.cumsum([0.0, *PERIOD[:-1]])).ravel()
    start_s = start_s[start_s < duration_s]
    state = np.arange(len(start_s)) % 4 + 1
    end_s = np.append(start_s[1:], duration_s)
    whole = np.flatnonzero(state == 1)[:-1]
    bounds_s = start_s[whole[:, None] + np.arange(5)]
    return Segmentation(
        start_s=start_s,
        end_s=end_s,
        state=state.astype(np.int64),
        cycles=Cycles(bounds_s=bounds_s),
        confidence=np.full(len(whole), confidence),
    )


def tone(frequency_hz, duration_s, *, rate=2000, amplitude=0.5):
    times = np.arange(int(duration_s * rate)) / rate
    return (amplitude * np.sin(2 * np.pi * frequency_hz * times)).astype(np.float32)


def picture(duration_s, *, samples=None, segmentation=None, rate=2000, name="heart.wav"):
    return segmentation_figure(
        tone(100, duration_s, rate=rate) if samples is None else samples,
        sample_rate=rate,
        segmentation=beating(duration_s) if segmentation is None else segmentation,
        name=name,
    )


def size_of(path):
    with Image.open(path) as image:
        return image.size


def text_of(figure, gid):
    (found,) = [text.get_text() for text in figure.texts if text.get_gid() == gid]
    return found


def spans_of(axes):
    """Name, start, end, colour and opacity of each span, from left to right."""
    names = ("S1", "systole", "S2", "diastole")
    patches = [patch for patch in axes.patches if patch.get_gid() in names]
    return [
        (
            patch.get_gid(),
            pytest.approx(patch.get_x()),
            pytest.approx(patch.get_x() + patch.get_width()),
            to_hex(patch.get_facecolor()).upper(),
            patch.get_alpha(),
        )
        for patch in sorted(patches, key=lambda patch: patch.get_x())
    ]


def test_each_state_is_a_span_of_its_colour():
    """Two beats: eight spans, from start to end, in the colours of the legend."""
    (wave, _) = picture(1.6).axes

    names = ("S1", "systole", "S2", "diastole")
    ends = np.cumsum(PERIOD * 2)
    assert spans_of(wave) == [
        (names[i % 4], ends[i] - PERIOD[i % 4], ends[i], *STATE_COLOURS[i % 4 + 1])
        for i in range(8)
    ]


def test_the_legend_names_the_colours():
    (legend,) = picture(1.6).legends

    shown = {
        text.get_text(): (to_hex(patch.get_facecolor()).upper(), patch.get_alpha())
        for text, patch in zip(legend.get_texts(), legend.get_patches(), strict=True)
    }
    assert shown == {
        "S1": STATE_COLOURS[1],
        "systole": STATE_COLOURS[2],
        "S2": STATE_COLOURS[3],
        "diastole": STATE_COLOURS[4],
    }


# Machado, Oliveira and Fernandes 2009, "A physiologically-based model for simulation of color
# vision deficiency", IEEE TVCG 15(6): linear RGB as the colour-blind see it.
VISIONS = {
    "usual": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


@pytest.mark.parametrize("vision", VISIONS)
def test_anyone_can_tell_the_states_apart(vision):
    """Any two of them differ as seen, on white paper, by a tenth of the way from black to white."""

    def seen(state):
        colour, opacity = STATE_COLOURS[state]
        ink = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
        linear = (opacity * ink + 1 - opacity) ** 2.2
        return np.clip(np.asarray(VISIONS[vision]) @ linear, 0, 1) ** (1 / 2.2)

    for one, other in itertools.combinations(STATE_COLOURS, 2):
        assert np.linalg.norm(seen(one) - seen(other)) / np.sqrt(3) > 0.1


@pytest.mark.parametrize(
    ("duration_s", "rows"),
    [(0.5, 1), (12.0, 1), (12.1, 2), (25.0, 3), (60.0, 5), (100.0, 5)],
)
def test_rows_of_equal_length_share_the_time_that_is_drawn(duration_s, rows):
    figure = picture(duration_s)

    length_s = min(duration_s, 60.0) / rows
    assert len(figure.axes) == 2 * rows
    for row in range(rows):
        for axes in figure.axes[2 * row : 2 * row + 2]:
            assert axes.get_xlim() == pytest.approx((row * length_s, (row + 1) * length_s))
    assert figure.axes[-1].get_xlabel() == "time, s"


def test_a_state_across_two_rows_is_drawn_in_both():
    """Of 13.2 s the second row begins at 6.6 s, within the systole from 6.5 to 6.7 s."""
    figure = picture(13.2)

    first, second = figure.axes[0], figure.axes[2]
    assert spans_of(first)[-1][:3] == ("systole", 6.5, 6.6)
    assert spans_of(second)[0][:3] == ("systole", 6.6, 6.7)


def test_cycles_are_bounded_by_lines_and_carry_their_confidence():
    """Three whole cycles: four boundaries, three numbers in their middles."""
    found = beating(3.0)
    found.confidence[:] = (0.98, 0.31, 0.505)

    wave = picture(3.0, segmentation=found).axes[0]

    lines = [line.get_xdata()[0] for line in wave.lines if line.get_gid() == "boundary"]
    numbers = [text for text in wave.texts if text.get_gid() == "confidence"]
    assert lines == pytest.approx([0.0, 0.8, 1.6, 2.4])
    assert [text.get_position()[0] for text in numbers] == pytest.approx([0.4, 1.2, 2.0])
    assert [text.get_text() for text in numbers] == ["0.98", "0.31", "0.51"]


def test_a_doubtful_cycle_stands_out():
    found = beating(2.4)
    found.confidence[:] = (0.49, 0.51)

    numbers = picture(2.4, segmentation=found).axes[0].texts

    boxes = [to_hex(text.get_bbox_patch().get_facecolor()) for text in numbers]
    assert boxes == ["#222222", "#ffffff"]
    assert numbers[0].get_color() == "white"


def test_the_heading_names_the_recording_and_its_heart_rate():
    figure = picture(3.0, name="85_AV.wav")

    assert text_of(figure, "name") == "85_AV.wav"
    assert text_of(figure, "facts").split("   ·   ") == [
        "75 beats/min",
        "3 cycles in 3.0 s",
        "mean confidence 0.90",
    ]


def test_without_a_cycle_there_is_no_heart_rate():
    figure = picture(0.5, segmentation=beating(0.5))

    assert text_of(figure, "facts") == "0 cycles in 0.5 s"


def test_of_a_long_recording_the_picture_says_what_it_leaves_out():
    figure = picture(72.5)

    assert MAX_DRAWN_S == 60.0
    assert figure.axes[-1].get_xlim()[1] == pytest.approx(60.0)
    assert text_of(figure, "facts").endswith("drawn: the first 60 s, 12.5 s left out")
    assert "drawn" not in text_of(picture(60.0), "facts")


@pytest.mark.parametrize("rate", [800, 2000, 44100])
def test_the_sound_is_drawn_in_seconds_and_the_envelope_is_its_amplitude(rate):
    """Of a tone of 93 Hz and amplitude 0.5; a rumble of 4 Hz and an offset are not drawn."""
    rumble = tone(4, 3.0, rate=rate) + np.float32(0.3)
    wave = picture(3.0, samples=tone(93, 3.0, rate=rate) + rumble, rate=rate).axes[0]

    sound, envelope = [
        next(line for line in wave.lines if line.get_label() == name)
        for name in ("sound", "envelope")
    ]
    times = sound.get_xdata()
    middle = (times > 0.5) & (times < 2.5)
    assert (times[0], times[-1]) == pytest.approx((0.0, 3.0), abs=0.002)
    assert np.abs(sound.get_ydata()[middle]).max() == pytest.approx(0.5, rel=0.03)
    np.testing.assert_allclose(envelope.get_ydata()[middle], 0.5, rtol=0.03)


def test_every_row_is_at_its_own_time():
    """Of 13.2 s a click at 10 s is in the second row, at 10 s in the sound and below it."""
    samples = tone(93, 13.2, amplitude=1e-4)
    samples[20000:20040] += tone(100, 0.02)

    figure = picture(13.2, samples=samples)

    wave, spectrum = figure.axes[2:]
    sound = next(line for line in wave.lines if line.get_label() == "sound")
    times, heard = sound.get_data()
    assert (times[0], times[-1]) == pytest.approx((6.6, 13.2), abs=0.003)
    assert times[np.argmax(np.abs(heard))] == pytest.approx(10.01, abs=0.01)
    (image,) = spectrum.images
    left, right, _, _ = image.get_extent()
    loudest = np.argmax(image.get_array().max(axis=0))
    width = (right - left) / image.get_array().shape[1]
    assert left + (loudest + 0.5) * width == pytest.approx(10.01, abs=0.012)


def test_the_spectrogram_is_darkest_where_the_tone_is():
    """200 Hz in the second half of two seconds, nothing before."""
    samples = tone(200, 2.0)
    samples[:2000] *= 1e-3

    spectrum = picture(2.0, samples=samples).axes[1]

    (image,) = spectrum.images
    left, right, low, high = image.get_extent()
    decibels = image.get_array()
    loudest = np.unravel_index(np.argmax(decibels), decibels.shape)
    frequency_hz = low + (loudest[0] + 0.5) * (high - low) / decibels.shape[0]
    seconds = left + (np.arange(decibels.shape[1]) + 0.5) * (right - left) / decibels.shape[1]
    level = decibels.max(axis=0)
    after, before = (seconds > 1.1) & (seconds < 1.9), (seconds > 0.1) & (seconds < 0.8)
    assert frequency_hz == pytest.approx(200, abs=4)
    assert level[after].min() - level[before].max() == pytest.approx(60, abs=1)
    assert left <= 0.0
    assert right >= 2.0


@pytest.mark.parametrize("name", ["$x$ and $.wav", "録音_1.wav", "a_b^c\\d.wav"])
def test_any_file_name_can_be_drawn(name, tmp_path):
    """No formula is made of it, and nobody is warned of signs that the font lacks."""
    figure = picture(1.0, name=name)

    write_png(figure, tmp_path / "picture.png")

    assert text_of(figure, "name") == name.replace("$", r"\$").replace("録音", "??")


@pytest.mark.parametrize("num_samples", [2, 30, 500])
def test_the_shortest_recordings_can_be_drawn(num_samples, tmp_path):
    samples = tone(100, 1.0)[:num_samples]
    found = Segmentation(
        start_s=np.zeros(1),
        end_s=np.array([num_samples / 2000]),
        state=np.array([4]),
        cycles=Cycles(bounds_s=np.zeros((0, 5))),
        confidence=np.zeros(0),
    )

    draw_segmentation(tmp_path / "a.wav", samples, 2000, found, tmp_path / "a.png")

    assert size_of(tmp_path / "a.png")[0] == 14 * 110


def test_a_picture_grows_with_the_recording_up_to_a_bound(tmp_path):
    """And the same picture has the same bytes."""
    heights = {}
    for duration_s in (5.0, 60.0, 90.0):
        paths = [tmp_path / f"{duration_s}_{number}.png" for number in range(2)]
        samples = tone(100, duration_s, rate=1000)
        for path in paths:
            draw_segmentation(tmp_path / "a.wav", samples, 1000, beating(duration_s), path)
        first, second = (path.read_bytes() for path in paths)
        assert first == second
        heights[duration_s] = size_of(paths[0])[1]

    assert heights[5.0] < heights[60.0] == heights[90.0] < 1600
