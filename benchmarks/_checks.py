"""How every benchmark reports: each figure with its budget, for people or as JSON."""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """A figure and what it must keep to."""

    name: str
    value: float | None
    """None where it could not be measured, which keeps to no budget."""

    unit: str = ""
    most: float | None = None
    """The budget: at most this."""

    least: float | None = None
    """Or at least this."""

    @property
    def budget(self) -> str | None:
        """In words; None for a figure that is shown for information."""
        if self.most is not None:
            return f"<= {self.most:g}"
        return None if self.least is None else f">= {self.least:g}"

    @property
    def ok(self) -> bool:
        """Whether it keeps to its budget."""
        if self.budget is None:
            return True
        if self.value is None:
            return False
        low = float("-inf") if self.least is None else self.least
        return low <= self.value <= (float("inf") if self.most is None else self.most)

    def as_json(self) -> dict[str, Any]:
        """One entry of the list of checks."""
        value = None if self.value is None else float(f"{self.value:.6g}")
        return {
            "name": self.name,
            "value": value,
            "unit": self.unit,
            "budget": self.budget,
            "ok": self.ok,
        }


def real_data(*, as_json: bool) -> Path | None:
    """The folder of real recordings; None where there is none, after saying so."""
    if folder := os.environ.get("PAHCL_REAL_DATA"):
        return Path(folder)
    reason = "skipped: PAHCL_REAL_DATA does not name a folder of real recordings"
    print(json.dumps({"checks": [], "skipped": reason}) if as_json else reason)
    return None


def report(
    checks: Sequence[Check],
    *,
    as_json: bool,
    table: str = "",
    details: Mapping[str, Any] | None = None,
) -> int:
    """Print everything; returns the exit code, 1 when a budget was missed.

    Args:
        checks: The figures.
        as_json: Whether for a program: `{"checks": [...], ...}`.
        table: Shown to people above the checks.
        details: Shown to programs beside the checks.
    """
    if as_json:
        checked = [check.as_json() for check in checks]
        print(json.dumps({"checks": checked, **(details or {})}, indent=2))
    else:
        if table:
            print(table, end="\n\n")
        print(format_table(["figure", "value", "budget", ""], [_cells(one) for one in checks]))
    missed = [check.name for check in checks if not check.ok]
    if missed:
        print(f"missed: {'; '.join(missed)}", file=sys.stderr)
    return 1 if missed else 0


def format_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns under their heads, the first to the left and the others to the right."""
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    lines = [
        "  ".join(
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in [heads, *rows]
    ]
    return "\n".join(lines)


def _cells(check: Check) -> tuple[str, str, str, str]:
    shown = "-" if check.value is None else f"{check.value:.4g} {check.unit}".rstrip()
    verdict = "" if check.budget is None else ("ok" if check.ok else "MISSED")
    return check.name, shown, check.budget or "", verdict
