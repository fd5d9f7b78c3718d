"""The conformance kit on this tracker: all that its author has to test of what is promised."""

import csv

from pahcl_tracker_csv import CsvTracker

from pahcl_track.testing import Recorded, TrackerConformance


class TestCsvTracker(TrackerConformance):
    def make_tracker(self, tmp_path):
        return CsvTracker()

    def read_back(self, tmp_path):
        with (tmp_path / "metrics.csv").open(newline="", encoding="utf-8") as file:
            lines = list(csv.reader(file))
        return Recorded(
            rows=[(int(step), name, float(value)) for step, name, value in lines if step],
            outcome=[value for step, _, value in lines if not step][-1],
        )
