"""What a full look at a collection found, for a person and for a program."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from pahcl_core.data.collection import Problem, Provenance
from pahcl_core.data.label_counts import Counts
from pahcl_core.data.split_balance import SplitBalance
from pahcl_core.data.text_table import table_lines

UNKNOWN_LOCATION = "unknown location"
"""Stands for the place of recordings of which nobody says where they were taken."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Spread:
    """How some numbers are spread; between two of them a quartile is interpolated."""

    minimum: float
    lower_quartile: float
    median: float
    upper_quartile: float
    maximum: float


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckReport:
    """What is in a collection. Counts by value are ordered from most to least frequent."""

    name: str
    root: str
    provenance: Provenance
    num_subjects: int
    num_persons: int
    num_recordings: int
    hours: float
    """Of sound, over all recordings."""

    annotated_hours: float
    """Of these, with a known heart state."""

    sample_rates: Mapping[int, int]
    """Recordings by sample rate in hertz."""

    durations_s: tuple[float, ...]
    """Length of each recording."""

    heart_rates_bpm: tuple[float, ...]
    """Of each recording that has a cycle; 60 over the median length of its cycles."""

    num_rates_annotated: int
    """So many of these come from annotated cycles, the others from a segmentation."""

    subject_labels: Counts
    """Subjects by label name and value."""

    person_labels: Counts
    """Persons; one whose subjects differ in a label counts for each value."""

    recording_labels: Counts
    """Recordings by label name and value."""

    location_recordings: Mapping[str, int]
    """Recordings by location."""

    locations: Mapping[str, Counts]
    """Recordings by location, label name and value."""

    split: SplitBalance | None
    """What training with the default settings would use; None if nobody asked."""

    problems: tuple[Problem, ...]
    """From reading the collection, then from reading every recording."""

    def lines(self) -> list[str]:
        """For a person to read: a block for each kind of fact, and a line for each problem."""
        rates = ", ".join(f"{count} at {rate} Hz" for rate, count in self.sample_rates.items())
        return [
            f"{self.name} ({self.provenance}) in {self.root}",
            f"subjects: {self.num_subjects}, who are {self.num_persons} persons",
            f"recordings: {self.num_recordings}, {self.hours:.2f} h, "
            f"{self.annotated_hours:.2f} h of them annotated",
            f"sample rates: {rates}",
            "",
            *self._spread_lines(),
            "",
            *self._label_lines(),
            "",
            *self._location_lines(),
            f"problems: {len(self.problems)}",
            *(f"  {problem}" for problem in self.problems),
        ]

    def as_dict(self) -> dict[str, Any]:
        """The same for a program: numbers, texts, lists and dictionaries with text keys."""
        content = asdict(self)
        content["sample_rates"] = {str(rate): n for rate, n in self.sample_rates.items()}
        for name in ("durations_s", "heart_rates_bpm"):
            spread = spread_of(getattr(self, name))
            content[name] = None if spread is None else asdict(spread)
        content["num_heart_rates"] = len(self.heart_rates_bpm)
        content["problems"] = [asdict(problem) for problem in self.problems]
        return content

    def _spread_lines(self) -> list[str]:
        rows = [["", "recordings", "least", "quartile", "median", "quartile", "most"]]
        for what, values in (
            ("duration, s", self.durations_s),
            ("heart rate, beats/min", self.heart_rates_bpm),
        ):
            spread = spread_of(values)
            cells = ["–"] * 5 if spread is None else [f"{one:.1f}" for one in _cells(spread)]
            rows.append([what, str(len(values)), *cells])
        segmented = len(self.heart_rates_bpm) - self.num_rates_annotated
        unknown = self.num_recordings - len(self.heart_rates_bpm)
        return [
            *table_lines(rows),
            f"heart rates: {self.num_rates_annotated} from annotated cycles, {segmented} from "
            f"segmentation; recordings without one: {unknown}",
        ]

    def _label_lines(self) -> list[str]:
        """Of subjects, persons and recordings, and who is on which side of the split."""
        sides = {} if self.split is None else self.split.sides
        rows = [["", "", "subjects", "persons", "recordings", *sides]]
        whole = (self.num_subjects, self.num_persons, self.num_recordings)
        parts = [f"{side.num_subjects} ({side.num_persons})" for side in sides.values()]
        rows.append(["all", "", *map(str, whole), *parts])
        for label, counts in self.subject_labels.items():
            for value, number in counts.items():
                cells = [
                    f"{side.subjects.get(label, {}).get(value, 0)}"
                    f" ({side.persons.get(label, {}).get(value, 0)})"
                    for side in sides.values()
                ]
                of_recordings = self.recording_labels.get(label, {}).get(value, 0)
                of_persons = self.person_labels[label][value]
                totals = (number, of_persons, of_recordings)
                rows.append([label, value, *map(str, totals), *cells])
        return [*table_lines(_without_repeats(rows), num_left=2), *self._split_lines()]

    def _split_lines(self) -> list[str]:
        if self.split is None:
            return []
        if self.split.refusal is not None:
            return [f"no split: {self.split.refusal}"]
        shares = "/".join(f"{100 * fraction:g}" for fraction in self.split.fractions)
        lines = [
            f"{', '.join(self.split.sides)}: subjects (persons) of the split "
            + (f"by {' and '.join(self.split.labels)} " if self.split.labels else "")
            + f"with seed {self.split.seed}, {shares} % of the persons"
        ]
        if self.split.num_unlabelled:
            nowhere = self.num_subjects - sum(s.num_subjects for s in self.split.sides.values())
            lines.append(
                f"subjects without such a label: {self.split.num_unlabelled}; only pretraining "
                f"takes them, but for {nowhere} who are the same person as somebody held out"
            )
        return lines

    def _location_lines(self) -> list[str]:
        """One column for each value of each label; nothing where no location is known."""
        if set(self.locations) <= {UNKNOWN_LOCATION}:
            return []
        columns = [(label, value) for label, one in self.recording_labels.items() for value in one]
        titles = [label for label, _ in columns]
        heads = [
            ["", "", *("" if titles[i] in titles[:i] else titles[i] for i in range(len(titles)))],
            ["recordings at", "all", *(value for _, value in columns)],
        ]
        rows = [
            [
                place,
                str(self.location_recordings[place]),
                *(str(counts.get(label, {}).get(value, 0)) for label, value in columns),
            ]
            for place, counts in self.locations.items()
        ]
        return [*table_lines([*(heads if columns else heads[1:]), *rows]), ""]


def spread_of(values: Sequence[float]) -> Spread | None:
    """Quartiles by linear interpolation; None of nothing."""
    if not values:
        return None
    least, lower, median, upper, most = np.quantile(values, (0, 0.25, 0.5, 0.75, 1)).tolist()
    return Spread(
        minimum=least, lower_quartile=lower, median=median, upper_quartile=upper, maximum=most
    )


def _cells(spread: Spread) -> tuple[float, ...]:
    return (
        spread.minimum,
        spread.lower_quartile,
        spread.median,
        spread.upper_quartile,
        spread.maximum,
    )


def _without_repeats(rows: list[list[str]]) -> list[list[str]]:
    """A label's name beside its first value only."""
    return [
        ["", *row[1:]] if row[0] == before[0] else row
        for before, row in zip([["\n"], *rows], rows, strict=False)
    ]
