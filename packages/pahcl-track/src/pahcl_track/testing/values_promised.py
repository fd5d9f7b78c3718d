"""What is promised of `log`: every number arrives, as it is, under its name and at its step."""

import base64
import math
from pathlib import Path
from typing import Any

from pahcl_track.testing.ground import COMPLETED, Ground, Rows, run_in
from pahcl_track.values import Histogram, Image, Table, Value

_PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M/wHwAEBgIApD5fRAAAAABJRU5ErkJggg=="
)
"""One pixel."""

_PICTURE = Image(data=_PNG, caption="one pixel")
_HISTOGRAM = Histogram(counts=[1, 0, 2.5], edges=[-1.0, 0.0, 0.5, 2.0])
_TABLE = Table(
    columns=["recording", "score", "murmur"],
    rows=[["50782_MV", 0.5, True], ["50782_AV", math.nan, None]],
)
_MIXED = Table(columns=["any"], rows=[["text"], [1.5], [True], [None]])


class _KindToCome:
    """A kind of value that this version does not have."""


class ValuesPromised(Ground):
    """Promises about values, names and steps; the tracker is called directly."""

    def test_rows_arrive_in_order(self, directory: Path) -> None:
        """All of them, also when there are many."""
        rows = [(step, {"train/loss": 1 / 2**step, "lr/encoder": step / 8}) for step in range(100)]
        self.record(directory, rows)
        self.require(directory, rows)

    def test_a_step_that_comes_late_is_kept(self, directory: Path) -> None:
        """A step is data, not an order: an evaluation may be ready after training went on."""
        rows: Rows = [(step, {"train/loss": step / 4}) for step in (0, 1, 2, 3, 1, 5)]
        rows = [*rows, (2, {"val/auroc": 0.75}), (6, {"train/loss": 0.125})]
        self.record(directory, rows)
        self.require(directory, rows)

    def test_a_step_that_comes_again_is_kept(self, directory: Path) -> None:
        """With other names, and with the same name once more."""
        rows: Rows = [
            (1, {"train/loss": 0.5}),
            (1, {"val/auroc": 0.75}),
            (1, {"train/loss": 0.25}),
            (1, {"train/loss": 0.25}),
        ]
        self.record(directory, rows)
        self.require(directory, rows)

    def test_a_large_step_is_kept(self, directory: Path) -> None:
        """Steps need not begin at 0, nor follow each other."""
        rows: Rows = [(10**9, {"loss": 0.5}), (10**9 + 1000, {"loss": 0.25})]
        self.record(directory, rows)
        self.require(directory, rows)

    def test_non_finite_values_arrive_as_such(self, directory: Path) -> None:
        """NaN and infinities are values: no gap, no zero, no largest number in their place."""
        rows: Rows = [
            (1, {"train/loss": math.nan, "finite": 0.5}),
            (2, {"train/loss": math.inf}),
            (3, {"train/loss": -math.inf}),
            (4, {"train/loss": 0.25}),
        ]
        self.record(directory, rows)
        self.require(directory, rows)

    def test_numbers_arrive_exactly(self, directory: Path) -> None:
        """With all the digits of a double; an integer and a truth value are numbers, too."""
        rows: Rows = [
            (1, {"third": 1 / 3, "tiny": 5e-324, "huge": 1.7e308, "below": -1e-30}),
            (2, {"integer": 2**24 + 1, "negative": -7, "true": True, "zero": 0}),
        ]
        self.record(directory, rows)
        self.require(directory, rows)

    def test_unicode_names_are_kept(self, directory: Path) -> None:
        """Names are texts in any script."""
        names = (
            "val/Präzision",
            "検証/損失",
            "val/ФИО",
            "val/♥",
            "val/e\N{COMBINING ACUTE ACCENT}",
        )
        rows: Rows = [(1, {name: number / 4 for number, name in enumerate(names)})]
        self.record(directory, rows)
        self.require(directory, rows)

    def test_odd_names_are_kept(self, directory: Path) -> None:
        """With what separates or quotes things elsewhere."""
        names = (
            "a b", "a.b", "a/b/c", "/a", "a/", "a,b", "a;b", "a\tb", "a\nb", 'a"b', "a'b", "a=b",
            "a%b", "%s", "{a}", "a\\b", "a[0]", "$a", "a|b", "a:b", "a#b", "a?b", "*", "..", "é/..",
        )  # fmt: skip
        rows: Rows = [(1, {name: number / 4 for number, name in enumerate(names)})]
        self.record(directory, rows)
        self.require(directory, rows)

    def test_names_that_stores_use_are_kept(self, directory: Path) -> None:
        """A column of the store's own must not stand in their way."""
        names = ("step", "time", "timestamp", "epoch", "name", "value", "values", "id", "run")
        rows: Rows = [(7, {name: number / 4 for number, name in enumerate(names)})]
        self.record(directory, rows)
        self.require(directory, rows)

    def test_names_reserved_elsewhere_are_kept(self, directory: Path) -> None:
        """Some stores keep such names to themselves, and what is logged under them is gone."""
        names = ("_step", "_runtime", "_timestamp", "_time", "global_step", "_id", "__name__")
        rows: Rows = [(7, {name: number / 4 for number, name in enumerate(names)})]
        self.record(directory, rows)
        self.require(directory, rows)

    def test_a_long_name_is_kept(self, directory: Path) -> None:
        """Longer than the name of a file may be."""
        rows: Rows = [(1, {"grad_norm/" + "encoder." * 40 + "weight": 0.5, "short": 0.25})]
        self.record(directory, rows)
        self.require(directory, rows)

    def test_names_that_differ_in_case_are_two(self, directory: Path) -> None:
        """Nor do they become one by what a file name would make of them."""
        rows: Rows = [(1, {"val/F1": 0.5, "val/f1": 0.25, "val_f1": 0.125, "val f1": 0.0625})]
        self.record(directory, rows)
        self.require(directory, rows)

    def test_thousands_of_names_are_kept(self, directory: Path) -> None:
        """In one row."""
        rows = [(step, {f"grad_norm/{n}": n / 8 + step for n in range(3000)}) for step in (1, 2)]
        self.record(directory, rows)
        self.require(directory, rows)

    def test_a_name_that_appears_late_is_kept(self, directory: Path) -> None:
        """And nothing is lost of what was there before, nor of the names that go missing."""
        rows: Rows = [(step, {"train/loss": step / 4}) for step in range(50)]
        rows = [*rows, (50, {"val/auroc": 0.5, "a": 0.25}), (51, {"train/loss": 0.125})]
        self.record(directory, rows)
        self.require(directory, rows)

    def test_other_kinds_of_values_are_taken(self, directory: Path) -> None:
        """Shown or skipped, and the numbers of their row are kept."""
        vector = Image(data=b"<svg xmlns='http://www.w3.org/2000/svg'/>", format="svg")
        rows: Rows = [
            (1, {"weights": _HISTOGRAM}),
            (2, {"before": 0.5, "confusion": _TABLE, "spectrogram": _PICTURE, "after": 0.25}),
            (3, {"weights": Histogram(counts=[], edges=[0.0]), "before": 0.125}),
            (4, {"confusion": Table(columns=[], rows=[]), "roc": vector, "after": 0.75}),
            (5, {"before": 0.5, "any": _MIXED, "torn": Image(data=b"no picture"), "after": 0.5}),
        ]
        self.record(directory, rows)
        self.require(directory, rows)

    def test_an_unknown_kind_of_value_is_skipped(self, directory: Path) -> None:
        """It does not raise, and the numbers of its row are kept."""
        unknown: Any
        rows: list[tuple[int, dict[str, Value]]] = []
        for step, unknown in enumerate((_KindToCome(), None, "three", [1.0], {"a": 1.0})):
            rows.append((step, {"before": 0.5, "unknown": unknown, "after": 0.25}))
        rows.append((9, {"before": 0.75}))
        self.record(directory, rows)
        self.require(directory, rows)

    def test_an_empty_row_is_taken(self, directory: Path) -> None:
        """It says nothing, and does no harm."""
        self.record(directory, [(1, {}), (2, {"loss": 0.5})])
        self.require(directory, [(2, {"loss": 0.5})])

    def test_what_is_logged_is_left_alone(self, directory: Path) -> None:
        """The mapping is the caller's, and other trackers are given it, too."""
        values: dict[str, Value] = {"train/loss": math.inf, "weights": _HISTOGRAM, "lr": 0.5}
        before = dict(values)
        self.record(directory, [(1, values)])
        assert values == before, "log has changed the mapping that it was given"
        assert list(values) == list(before), "log has put the mapping in another order"

    def test_a_mapping_may_be_used_again(self, directory: Path) -> None:
        """What is logged is what the mapping held at the time, not what it holds later."""
        values = {"train/loss": 0.0}
        tracker = self.make_tracker(directory)
        tracker.start(run_in(directory))
        for step in range(5):
            values["train/loss"] = step / 4
            tracker.log(values, step=step)
        tracker.finish(COMPLETED)
        self.require(directory, [(step, {"train/loss": step / 4}) for step in range(5)])
