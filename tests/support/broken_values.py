"""Trackers with one bug each in what they make of values; test_kit_catches runs this file.

Most of these bugs are real ones, seen in published loggers.
"""

import math
from typing import ClassVar, SupportsFloat

from support.sound_tracker import Keeping, breaks


@breaks("test_rows_arrive_in_order")
class LosesTheLastBlock(Keeping):
    """Writes in blocks, and forgets the last one."""

    block: ClassVar = 64

    def start(self, run):
        super().start(run)
        self.waiting = []

    def number(self, step, name, value):
        self.waiting.append((step, name, float(value)))
        if len(self.waiting) == self.block:
            for cells in self.waiting:
                self.write(*cells)
            self.waiting.clear()


@breaks("test_rows_arrive_in_order")
class NewestFirst(Keeping):
    def start(self, run):
        super().start(run)
        self.waiting = []

    def number(self, *cells):
        self.waiting.append(cells)

    def finish(self, outcome):
        for step, name, value in reversed(self.waiting):
            self.write(step, name, float(value))
        super().finish(outcome)


@breaks("test_a_step_that_comes_late_is_kept")
class DropsLateSteps(Keeping):
    last: ClassVar = -1

    def log(self, values, *, step):
        if step >= self.last:
            self.last = step
            super().log(values, step=step)


@breaks("test_a_step_that_comes_again_is_kept")
class KeepsTheFirstOfAStep(Keeping):
    def start(self, run):
        super().start(run)
        self.seen = set()

    def number(self, step, name, value):
        if (step, name) not in self.seen:
            self.seen.add((step, name))
            super().number(step, name, value)


@breaks("test_a_large_step_is_kept")
class CountsForItself(Keeping):
    """Ignores the step, and numbers its rows."""

    count: ClassVar = 0

    def log(self, values, *, step):
        super().log(values, step=self.count)
        self.count += 1


@breaks("test_non_finite_values_arrive_as_such")
class DropsNaN(Keeping):
    def number(self, step, name, value):
        if not math.isnan(value):
            super().number(step, name, value)


@breaks("test_non_finite_values_arrive_as_such")
class LargestForInfinity(Keeping):
    def number(self, step, name, value):
        super().number(step, name, min(value, 1.7976931348623157e308))


@breaks("test_non_finite_values_arrive_as_such")
class LowestForMinusInfinity(Keeping):
    def number(self, step, name, value):
        super().number(step, name, max(value, -1.7976931348623157e308))


@breaks("test_numbers_arrive_exactly")
class Rounds(Keeping):
    def number(self, step, name, value):
        super().number(step, name, f"{value:.6g}")


@breaks("test_numbers_arrive_exactly")
class FloatsOnly(Keeping):
    def number(self, step, name, value):
        if type(value) is float:
            super().number(step, name, value)


@breaks("test_unicode_names_are_kept")
class AsciiNames(Keeping):
    def number(self, step, name, value):
        super().number(step, name.encode("ascii", "ignore").decode(), value)


@breaks("test_odd_names_are_kept")
class OneLineNames(Keeping):
    def number(self, step, name, value):
        super().number(step, " ".join(name.split()), value)


@breaks("test_names_that_stores_use_are_kept")
class OwnColumns(Keeping):
    """The row has a column `step` of its own, which wins."""

    def log(self, values, *, step):
        super().log({**values, "step": step}, step=step)


@breaks("test_names_reserved_elsewhere_are_kept")
class SkipsUnderscores(Keeping):
    def number(self, step, name, value):
        if not name.startswith("_"):
            super().number(step, name, value)


@breaks("test_a_long_name_is_kept")
class ShortNames(Keeping):
    def number(self, step, name, value):
        super().number(step, name[:250], value)


@breaks("test_names_that_differ_in_case_are_two")
class FoldsCase(Keeping):
    def number(self, step, name, value):
        super().number(step, name.casefold(), value)


@breaks("test_thousands_of_names_are_kept")
class FewNames(Keeping):
    def log(self, values, *, step):
        super().log(dict(list(values.items())[:1000]), step=step)


@breaks("test_a_name_that_appears_late_is_kept")
class HeaderFromTheFirstRow(Keeping):
    names: ClassVar = ()

    def log(self, values, *, step):
        self.names = self.names or tuple(values)
        super().log({name: values[name] for name in self.names if name in values}, step=step)


@breaks("test_other_kinds_of_values_are_taken")
class RefusesOtherKinds(Keeping):
    def log(self, values, *, step):
        for name, value in values.items():
            self.number(step, name, value)


@breaks("test_other_kinds_of_values_are_taken")
class StopsAtOtherKinds(Keeping):
    """Skips the rest of the row with them."""

    def log(self, values, *, step):
        for name, value in values.items():
            if not isinstance(value, SupportsFloat):
                return
            self.number(step, name, value)


@breaks("test_an_unknown_kind_of_value_is_skipped")
class ClosedKinds(Keeping):
    def log(self, values, *, step):
        for name, value in values.items():
            if isinstance(value, SupportsFloat):
                self.number(step, name, value)
            elif type(value).__module__ != "pahcl_track.values":
                raise TypeError(f"{type(value).__name__} is not supported")


@breaks("test_an_empty_row_is_taken")
class NeedsValues(Keeping):
    def log(self, values, *, step):
        self.first = next(iter(values.items()))
        super().log(values, step=step)


@breaks("test_what_is_logged_is_left_alone")
class AddsToTheRow(Keeping):
    def log(self, values, *, step):
        super().log(values, step=step)
        values["_step"] = step


@breaks("test_a_mapping_may_be_used_again")
class HoldsOnToTheMapping(Keeping):
    def start(self, run):
        super().start(run)
        self.waiting = []

    def log(self, values, *, step):
        self.waiting.append((values, step))

    def finish(self, outcome):
        for values, step in self.waiting:
            super().log(values, step=step)
        super().finish(outcome)
