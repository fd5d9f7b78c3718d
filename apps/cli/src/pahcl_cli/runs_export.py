"""A folder of runs as a table for other programs: CSV, LaTeX, Markdown."""

import csv
import io
import re
from collections.abc import Sequence

from pahcl_core.errors import SettingError, closest
from pahcl_core.evaluation.runs import RunSummary
from pahcl_core.evaluation.wording import figure_text, moment_text

_NUM_WORDS = 3  # columns of text, before those of numbers
_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "–": "--",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
}


def named_metrics(runs: Sequence[RunSummary], names: Sequence[str]) -> list[str]:
    """As they stand in `final_metrics.json`: `auroc` is `test_auroc`.

    Raises:
        SettingError: If no run has one of them.
    """
    known = {key for run in runs for key in run.metrics if key.startswith(("val_", "test_"))}
    full = [name if name.startswith(("val_", "test_")) else f"test_{name}" for name in names]
    for name in full:
        if runs and name not in known:
            raise SettingError(f"no run here has a metric {name!r}{closest(name, sorted(known))}")
    return full


def csv_text(runs: Sequence[RunSummary], metrics: Sequence[str]) -> str:
    """Every run, each figure with the ends of its interval in columns of their own."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    figures = [f"{name}{end}" for name in metrics for end in ("", "_low", "_high")]
    writer.writerow(["run", "task", "kind", "state", "seed", "begun", "group", "tags", *figures])
    for run in runs:
        begun = None if run.begun_s is None else moment_text(run.begun_s, "seconds")
        values = [one for name in metrics for one in run.metric(name)]
        writer.writerow(
            [
                *(run.name, run.task, run.kind, run.state, run.seed),
                *(begun, run.group, " ".join(run.tags), *values),
            ]
        )
    return stream.getvalue()


def markdown_text(runs: Sequence[RunSummary], metrics: Sequence[str]) -> str:
    """As a table of Markdown."""
    heads, rows = _table(runs, metrics)
    escaped = [[cell.replace("|", r"\|") for cell in row] for row in (heads, *rows)]
    rule = ["---" if place < _NUM_WORDS else "---:" for place in range(len(heads))]
    lines = [escaped[0], rule, *escaped[1:]]
    return "".join(f"| {' | '.join(row)} |\n" for row in lines)


def latex_text(runs: Sequence[RunSummary], metrics: Sequence[str]) -> str:
    """As a `tabular`, which needs no package."""
    heads, rows = _table(runs, metrics)
    columns = "l" * _NUM_WORDS + "r" * (len(heads) - _NUM_WORDS)
    lines = [" & ".join(map(_escaped, row)) + r" \\" for row in (heads, *rows)]
    return "\n".join(
        [
            rf"\begin{{tabular}}{{{columns}}}",
            r"\hline",
            lines[0],
            r"\hline",
            *lines[1:],
            r"\hline",
            r"\end{tabular}",
            "",
        ]
    )


def _table(runs: Sequence[RunSummary], metrics: Sequence[str]) -> tuple[list[str], list[list[str]]]:
    """What a paper shows: runs that are complete, and their figures with intervals."""
    rows = [
        [
            run.name,
            run.task or "–",
            run.kind or "–",
            "–" if run.seed is None else str(run.seed),
            *(figure_text(*run.metric(name)) or "–" for name in metrics),
        ]
        for run in runs
        if run.state == "complete"
    ]
    return ["run", "task", "kind", "seed", *metrics], rows


def _escaped(text: str) -> str:
    return re.sub(r"[\\~^–&%$#_{}]", lambda found: _LATEX[found[0]], text)
