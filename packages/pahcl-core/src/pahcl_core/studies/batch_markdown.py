"""A batch as Markdown tables."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pahcl_core.evaluation.runs import lower_is_better


def markdown(content: Mapping[str, Any]) -> Iterator[str]:
    """All of it, from the content of `batch.json`, by task.

    Yields:
        Lines.
    """
    for task in content["tasks"]:
        rows = [row for row in content["rows"] if row["task"] == task]
        yield f"### {task}"
        yield ""
        done = [row for row in rows if row["metrics"]]
        if done:
            yield _people(done[0])
            yield ""
            yield from _table(["trained on", "method", *_heads(done[0]), "time"], map(_cells, rows))
            yield ""
        apart = [one for one in content["differences"] if one["task"] == task]
        if apart:
            yield from _table(_APART, (_apart_cells(one) for one in apart if _is_main(one, apart)))
            yield ""
        if not done:
            yield "No run was completed."
            yield ""
    yield from _failures(content["failures"])


_APART = ["trained on", "difference of", "figure", "[95 % over persons]", "p", "runs better",
          "p, Wilcoxon", "p, corrected t"]  # fmt: skip


def _people(row: Mapping[str, Any]) -> str:
    counts = ", ".join(f"{number} {name}" for name, number in row["n_by_class"]["test"].items())
    kind = "**SYNTHETIC** " if row["provenance"] == "synthetic" else ""
    return f"{row['n']['test']} {kind}{row['unit']}s: {counts}."


def _heads(row: Mapping[str, Any]) -> list[str]:
    return [f"`{name}`" + (" ↓" if lower_is_better(name) else "") for name in row["metrics"]]


def _cells(row: Mapping[str, Any]) -> list[str]:
    if not row["metrics"]:
        return [share(row["share"]), row["mode"], "not complete"]
    seen = row["test_persons_seen_in_pretraining"]
    leak = f" (**{seen} tested on were pretrained on**)" if seen else ""
    figures = [_figure(one) for one in row["metrics"].values()]
    return [share(row["share"]), row["mode"] + leak, *figures, time(row["seconds"])]


def _figure(one: Mapping[str, Any]) -> str:
    if one["value"] is None:
        return "–"
    spread = one["spread_over_seeds"]
    shown = _number(one["value"]) + ("" if spread is None else f" ± {_number(spread)}")
    if one["low"] is None:
        return shown
    return f"{shown} [{_number(one['low'])}, {_number(one['high'])}]"


def _is_main(one: Mapping[str, Any], all_: Sequence[Mapping[str, Any]]) -> bool:
    """The first figure of the task, and the macro AUROC, which runs are compared by."""
    return one["metric"] in (all_[0]["metric"], "auroc")


def _apart_cells(one: Mapping[str, Any]) -> list[str]:
    names = f"{one['first']} − {one['second']}"
    if one["difference"] is None:
        return [share(one["share"]), names, f"`{one['metric']}` –"]
    ends = "" if one["low"] is None else f"[{one['low']:+.3f}, {one['high']:+.3f}]"
    better = f"{one['num_better']} of {one['num_runs']}" if "num_runs" in one else ""
    return [
        share(one["share"]),
        names,
        f"`{one['metric']}` {one['difference']:+.3f}",
        ends,
        _p(one["p"]),
        better,
        _p(one.get("p_wilcoxon")),
        _p(one.get("p_corrected_t")),
    ]


def share(value: float) -> str:
    """Of the training persons."""
    return f"{100 * value:g} %"


def time(seconds: float | None) -> str:
    """In words; nothing where a run was interrupted on the way."""
    if seconds is None:
        return "–"
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def _number(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3f}"


def _p(value: float | None) -> str:
    if value is None:
        return ""
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def _failures(failures: Mapping[str, str]) -> Iterator[str]:
    if failures:
        yield "### Failed"
        yield ""
        yield from (f"- `{name}`: {reason}" for name, reason in failures.items())
        yield ""


def _table(heads: Sequence[str], rows: Iterator[list[str]]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield "|" + "---|" * len(heads)
    for row in rows:
        yield f"| {' | '.join([*row, *[''] * (len(heads) - len(row))])} |"
