"""What the picture of a collection holds: bars, their lengths, their colours and their names."""

import dataclasses

import numpy as np
import pytest
from matplotlib.colors import to_hex
from PIL import Image

from pahcl_core.data.check_report import CheckReport
from pahcl_core.data.split_balance import SideCounts, SplitBalance
from pahcl_core.plots.collection_plot import SIDE_COLOURS, collection_figure, draw_collection


def side(absent, present, persons):
    counts = {"murmur": {"Absent": absent, "Present": present}}
    return SideCounts(
        num_subjects=absent + present,
        num_persons=persons,
        num_recordings=0,
        subjects=counts,
        persons=counts,
    )


REPORT = CheckReport(
    name="circor",
    root="data/circor",
    provenance="synthetic",
    num_subjects=20,
    num_persons=18,
    num_recordings=21,
    hours=0.1,
    annotated_hours=0.05,
    sample_rates={4000: 16, 2000: 5},
    durations_s=(8.0,) * 10 + (20.0,) * 11,
    heart_rates_bpm=(60.0, 70.0, 80.0, 90.0, 140.0),
    num_rates_annotated=5,
    subject_labels={"murmur": {"Absent": 15, "Present": 5}, "outcome": {"Normal": 20}},
    person_labels={"murmur": {"Absent": 14, "Present": 4}, "outcome": {"Normal": 18}},
    recording_labels={"murmur": {"Absent": 17, "Present": 4}, "outcome": {"Normal": 21}},
    location_recordings={"AV": 12, "MV": 9},
    locations={
        "AV": {"murmur": {"Absent": 11, "Present": 1}, "outcome": {"Normal": 12}},
        "MV": {"murmur": {"Absent": 6, "Present": 3}, "outcome": {"Normal": 9}},
    },
    split=SplitBalance(
        labels=("murmur", "outcome"),
        seed=42,
        fractions=(0.6, 0.2, 0.2),
        num_unlabelled=0,
        sides={"train": side(9, 3, 10), "val": side(3, 1, 4), "test": side(3, 1, 4)},
    ),
    problems=(),
)


def panel(figure, title):
    (found,) = [axes for axes in figure.axes if axes.get_title(loc="left").startswith(title)]
    return found


def names_of(axes):
    return [label.get_text() for label in axes.get_yticklabels()]


def bars_of(axes):
    """Per part of a stacked chart, from the top bar down: where each bar begins and its length."""
    return {
        bars.get_label(): [(bar.get_x(), bar.get_width()) for bar in bars]
        for bars in axes.containers
    }


def test_the_heading_says_what_it_is():
    """Above all that the recordings are synthetic, where they are."""
    texts = {text.get_gid(): text.get_text() for text in collection_figure(REPORT).texts}

    assert texts["name"] == "circor (synthetic)"
    assert texts["facts"].split("   ·   ") == [
        "20 subjects, who are 18 persons",
        "21 recordings, 0.10 h, 0.05 h annotated",
        "0 problems",
    ]


def test_labels_are_counted_in_bars():
    axes = panel(collection_figure(REPORT), "subjects by label")

    (bars,) = axes.containers
    assert names_of(axes) == ["murmur: Absent", "murmur: Present", "outcome: Normal"]
    assert [bar.get_width() for bar in bars] == [15, 5, 20]
    assert [text.get_text() for text in axes.texts] == ["15", "5", "20"]
    colours = [to_hex(bar.get_facecolor()) for bar in bars]
    assert colours[0] == colours[1] != colours[2]
    assert axes.get_ylim()[0] > axes.get_ylim()[1]  # the first is on top


def test_the_split_is_shown_in_shares_beside_those_wanted():
    """10, 4 and 4 of 18 persons; 9, 3 and 3 of 15 without a murmur; nobody's outcome is known."""
    axes = panel(collection_figure(REPORT), "subjects by side of the split with seed 42")

    bars = bars_of(axes)
    assert names_of(axes)[:3] == ["all persons", "all subjects", "murmur: Absent"]
    assert bars["train"][0] == pytest.approx((0, 10 / 18))
    assert bars["val"][0] == pytest.approx((10 / 18, 4 / 18))
    assert bars["test"][0] == pytest.approx((14 / 18, 4 / 18))
    assert bars["train"][1] == pytest.approx((0, 12 / 20))
    assert bars["test"][2] == pytest.approx((12 / 15, 3 / 15))
    assert bars["train"][4] == (0, 0)
    wanted = [line.get_xdata()[0] for line in axes.lines if line.get_gid() == "wanted"]
    assert wanted == pytest.approx([0.6, 0.8])
    shown = {
        text.get_text(): to_hex(patch.get_facecolor()).upper()
        for text, patch in zip(
            axes.get_legend().get_texts(), axes.get_legend().get_patches(), strict=True
        )
    }
    assert shown == SIDE_COLOURS


def test_numbers_stand_in_the_bars():
    axes = panel(collection_figure(REPORT), "subjects by side")

    numbers = [text.get_text() for text in axes.texts]
    assert numbers == ["10", "12", "9", "3", "", "4", "4", "3", "1", "", "4", "4", "3", "1", ""]


def test_without_a_split_the_reason_is_there():
    refused = SplitBalance(
        labels=("murmur",),
        seed=42,
        fractions=(0.6, 0.2, 0.2),
        num_unlabelled=0,
        sides={},
        refusal="only 2 persons with murmur 'Present'",
    )

    axes = panel(collection_figure(dataclasses.replace(REPORT, split=refused)), "no split")

    assert [text.get_text() for text in axes.texts] == ["only 2 persons with murmur 'Present'"]


def test_locations_are_told_by_the_label_of_the_split():
    axes = panel(collection_figure(REPORT), "recordings by location and murmur")

    assert names_of(axes) == ["AV", "MV"]
    assert bars_of(axes) == {"Absent": [(0, 11), (0, 6)], "Present": [(11, 1), (6, 3)]}


def test_lengths_and_heart_rates_are_told_by_their_spread():
    """Every recording is in a bin; median and quartiles by hand."""
    figure = collection_figure(REPORT)

    lengths = panel(figure, "length of 21 recordings")
    rates = panel(figure, "heart rate of 5 recordings")
    assert sum(bar.get_height() for bar in lengths.containers[0]) == 21
    assert sum(bar.get_height() for bar in rates.containers[0]) == 5
    (median,) = [line.get_xdata()[0] for line in rates.lines if line.get_gid() == "median"]
    (band,) = [patch for patch in rates.patches if patch.get_gid() == "quartiles"]
    assert median == 80.0
    assert (band.get_x(), band.get_width()) == (70.0, 20.0)
    assert rates.get_xlabel() == ("beats/min: 60.0 to 140.0, median 80.0, quartiles 70.0 and 90.0")
    assert lengths.get_xlabel().startswith("seconds: 8.0 to 20.0, median 20.0")


def test_sample_rates_are_counted():
    axes = panel(collection_figure(REPORT), "sample rate")

    assert names_of(axes) == ["2000 Hz", "4000 Hz"]
    assert [bar.get_width() for bar in axes.containers[0]] == [5, 16]


def test_no_heart_rate_is_said_in_words():
    axes = panel(
        collection_figure(dataclasses.replace(REPORT, heart_rates_bpm=())), "heart rate of 0"
    )

    assert [text.get_text() for text in axes.texts] == ["none is known"]


def test_recordings_without_any_label_can_be_drawn():
    """Only how many there are at each place, then."""
    bare = dataclasses.replace(
        REPORT,
        subject_labels={},
        person_labels={},
        recording_labels={},
        locations={"AV": {}, "MV": {}},
        split=None,
    )

    figure = collection_figure(bare)

    assert bars_of(panel(figure, "recordings by location")) == {"recordings": [(0, 12), (0, 9)]}
    assert [text.get_text() for text in panel(figure, "subjects by label").texts] == [
        "none is known"
    ]


def test_panels_do_not_overlap(tmp_path):
    """Titles, names, legends and all, once it is drawn."""
    figure = collection_figure(REPORT)
    figure.canvas.draw()

    boxes = [axes.get_tightbbox() for axes in figure.axes]
    for index, one in enumerate(boxes):
        for other in boxes[index + 1 :]:
            assert not one.overlaps(other)
        assert one.x0 >= 0
        assert one.x1 <= figure.bbox.x1


def test_the_picture_is_a_file(tmp_path):
    draw_collection(REPORT, tmp_path / "a.png")

    with Image.open(tmp_path / "a.png") as image:
        assert image.size[0] == 15 * 110
        assert len(np.unique(np.asarray(image).reshape(-1, 4), axis=0)) > 10
