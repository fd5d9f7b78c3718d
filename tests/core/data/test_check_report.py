"""The report of a check as a person and as a program read it."""

import json

import pytest

from pahcl_core.data.check_report import UNKNOWN_LOCATION, CheckReport, spread_of
from pahcl_core.data.collection import Problem
from pahcl_core.data.split_balance import SideCounts, SplitBalance


def side(num_subjects, num_persons, absent, present):
    return SideCounts(
        num_subjects=num_subjects,
        num_persons=num_persons,
        num_recordings=num_subjects,
        subjects={"murmur": {"Absent": absent, "Present": present}},
        persons={"murmur": {"Absent": absent - 1, "Present": present}},
    )


def report(**changes):
    content = {
        "name": "circor",
        "root": "data/circor",
        "provenance": "synthetic",
        "num_subjects": 20,
        "num_persons": 17,
        "num_recordings": 21,
        "hours": 0.104,
        "annotated_hours": 0.05,
        "sample_rates": {4000: 16, 2000: 5},
        "durations_s": (8.0, 10.0, 20.0),
        "heart_rates_bpm": (60.0, 70.0, 80.0, 100.0),
        "num_rates_annotated": 3,
        "subject_labels": {"murmur": {"Absent": 15, "Present": 5}},
        "person_labels": {"murmur": {"Absent": 12, "Present": 5}},
        "recording_labels": {"murmur": {"Absent": 17, "Present": 4}, "outcome": {"Normal": 21}},
        "location_recordings": {"AV": 12, "MV": 9},
        "locations": {
            "AV": {"murmur": {"Absent": 11, "Present": 1}, "outcome": {"Normal": 12}},
            "MV": {"murmur": {"Absent": 6, "Present": 3}, "outcome": {"Normal": 9}},
        },
        "split": SplitBalance(
            labels=("murmur", "outcome"),
            seed=42,
            fractions=(0.6, 0.2, 0.2),
            num_unlabelled=0,
            sides={"train": side(12, 10, 9, 3), "val": side(4, 3, 3, 1), "test": side(4, 4, 3, 1)},
        ),
        "problems": (Problem(file="a.tsv", row=3, reason="state 28 is not one of 0–4"),),
    }
    return CheckReport(**(content | changes))


def test_the_whole_report_as_a_person_reads_it():
    assert report().lines() == [
        "circor (synthetic) in data/circor",
        "subjects: 20, who are 17 persons",
        "recordings: 21, 0.10 h, 0.05 h of them annotated",
        "sample rates: 16 at 4000 Hz, 5 at 2000 Hz",
        "",
        "                       recordings  least  quartile  median  quartile   most",
        "duration, s                     3    8.0       9.0    10.0      15.0   20.0",
        "heart rate, beats/min           4   60.0      67.5    75.0      85.0  100.0",
        "heart rates: 3 from annotated cycles, 1 from segmentation; recordings without one: 17",
        "",
        "                 subjects  persons  recordings    train    val   test",
        "all                    20       17          21  12 (10)  4 (3)  4 (4)",
        "murmur  Absent         15       12          17    9 (8)  3 (2)  3 (2)",
        "        Present         5        5           4    3 (3)  1 (1)  1 (1)",
        "train, val, test: subjects (persons) of the split by murmur and outcome with seed 42, "
        "60/20/20 % of the persons",
        "",
        "                    murmur           outcome",
        "recordings at  all  Absent  Present   Normal",
        "AV              12      11        1       12",
        "MV               9       6        3        9",
        "",
        "problems: 1",
        "  a.tsv, row 3: state 28 is not one of 0–4",
    ]


def test_recordings_at_a_place_are_counted_without_any_label():
    lines = report(
        subject_labels={}, person_labels={}, recording_labels={}, locations={"AV": {}, "MV": {}}
    ).lines()

    start = lines.index("recordings at  all")
    assert lines[start - 1 : start + 4] == ["", "recordings at  all", "AV              12",
                                            "MV               9", ""]  # fmt: skip
    assert lines[start - 2] != ""


def test_nothing_is_said_of_locations_that_nobody_knows():
    lines = report(
        location_recordings={UNKNOWN_LOCATION: 21}, locations={UNKNOWN_LOCATION: {}}
    ).lines()

    assert not any("recordings at" in line or UNKNOWN_LOCATION in line for line in lines)


def test_a_collection_too_small_to_split_says_why():
    refused = SplitBalance(
        labels=("murmur",),
        seed=42,
        fractions=(0.6, 0.2, 0.2),
        num_unlabelled=0,
        sides={},
        refusal="only 2 persons with murmur 'Present'",
    )

    lines = report(split=refused).lines()

    assert "no split: only 2 persons with murmur 'Present'" in lines
    assert "murmur  Absent         15       12          17" in lines
    assert not any("train" in line for line in lines)


def test_a_split_by_no_label_names_none():
    sides = {"train": side(12, 10, 9, 3), "val": side(4, 3, 3, 1), "test": side(4, 4, 3, 1)}
    split = SplitBalance(
        labels=(), seed=7, fractions=(0.5, 0.25, 0.25), num_unlabelled=0, sides=sides
    )

    assert (
        "train, val, test: subjects (persons) of the split with seed 7, 50/25/25 % of the persons"
        in report(split=split).lines()
    )


def test_those_without_a_label_are_counted():
    """Three of twenty; 12, 4 and 3 are on the sides, so that one is on none."""
    sides = {"train": side(12, 10, 9, 3), "val": side(4, 3, 3, 1), "test": side(3, 3, 2, 1)}
    split = SplitBalance(
        labels=("class",), seed=42, fractions=(0.6, 0.2, 0.2), num_unlabelled=3, sides=sides
    )

    assert (
        "subjects without such a label: 3; only pretraining takes them, but for 1 who are the same "
        "person as somebody held out" in report(split=split).lines()
    )


def test_nothing_known_is_a_dash_for_people_and_nothing_for_programs():
    empty = report(heart_rates_bpm=(), num_rates_annotated=0)

    assert "heart rate, beats/min           0      –         –       –         –     –" in [
        line for line in empty.lines()
    ]
    assert empty.as_dict()["heart_rates_bpm"] is None


def test_a_dictionary_tells_a_program():
    content = json.loads(json.dumps(report().as_dict()))

    assert content["sample_rates"] == {"4000": 16, "2000": 5}
    assert content["provenance"] == "synthetic"
    assert content["locations"]["AV"]["murmur"] == {"Absent": 11, "Present": 1}
    assert content["durations_s"] == {
        "minimum": 8.0,
        "lower_quartile": 9.0,
        "median": 10.0,
        "upper_quartile": 15.0,
        "maximum": 20.0,
    }
    assert content["num_heart_rates"] == 4
    assert content["split"]["seed"] == 42
    assert content["split"]["sides"]["train"]["persons"] == {"murmur": {"Absent": 8, "Present": 3}}
    assert content["problems"] == [
        {"file": "a.tsv", "reason": "state 28 is not one of 0–4", "row": 3}
    ]


def test_quartiles_lie_between_the_numbers():
    """By hand: of 0, 1, 2 and 10 the quarter is at 0.75, the three quarters at 4."""
    spread = spread_of([10.0, 0.0, 2.0, 1.0])

    assert (spread.minimum, spread.median, spread.maximum) == (0.0, 1.5, 10.0)
    assert (spread.lower_quartile, spread.upper_quartile) == pytest.approx((0.75, 4.0))
