"""Runs and comparisons in words and tables, for a terminal."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pahcl_core.config import dotted
from pahcl_core.evaluation.runs import PRETRAIN, RunSummary, lower_is_better, section
from pahcl_core.evaluation.wording import (
    TESTS,
    figure_text,
    moment_text,
    number_text,
    p_text,
    signed_text,
)


def shown_metric(run: RunSummary, metric: str) -> str:
    """Which figure of a run stands for it: of a pretraining there is only the loss."""
    return "val_loss" if run.task == PRETRAIN else f"test_{metric}"


def list_as_dict(run: RunSummary, metric: str) -> dict[str, Any]:
    """One run of a list, for JSON."""
    name = shown_metric(run, metric)
    value, low, high = run.metric(name)
    return {
        "name": run.name,
        "directory": str(run.directory),
        "task": run.task,
        "kind": run.kind,
        "state": run.state,
        "reason": run.reason or None,
        "seed": run.seed,
        "metric": {"name": name, "value": value, "low": low, "high": high},
        "begun": None if run.begun_s is None else moment_text(run.begun_s, "seconds"),
        "group": run.group,
        "tags": list(run.tags),
    }


def list_lines(runs: Sequence[RunSummary], metric: str) -> list[str]:
    """A table, and what is wrong with whom."""
    rows = [
        [
            run.name,
            run.task or "",
            "" if run.kind in (run.task, "finetune", None) else run.kind or "",
            run.state,
            "" if run.seed is None else str(run.seed),
            _figure(run, shown_metric(run, metric)),
            "" if run.begun_s is None else moment_text(run.begun_s, "minutes"),
            ", ".join(filter(None, (run.group, *run.tags))),
        ]
        for run in runs
    ]
    heads = ["run", "task", "kind", "state", "seed", metric, "begun (UTC)", "group, tags"]
    reasons = [f"{run.name}: {run.state}: {run.reason}" for run in runs if run.reason]
    return [*table(heads, rows), *([""] if reasons else []), *reasons]


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns under their heads; one that is empty throughout is left out."""
    columns = [
        (head, cells) for head, *cells in zip(heads, *rows, strict=True) if any(cells) or not rows
    ]
    widths = [max(map(len, (head, *cells))) for head, cells in columns]
    lines = [[head for head, _ in columns]]
    lines += [[cells[row] for _, cells in columns] for row in range(len(rows))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]


def show_lines(run: RunSummary) -> Iterator[str]:
    """Everything that a run's small files say."""
    yield f"{run.directory}: {run.state}" + (f": {run.reason}" if run.reason else "")
    begun = "" if run.begun_s is None else f", begun {moment_text(run.begun_s, 'minutes')} UTC"
    seed = "" if run.seed is None else f", seed {run.seed}"
    yield f"{run.kind or 'run'} of {run.task or 'no task'}{seed}{begun}"
    if run.group or run.tags:
        yield f"group {run.group or '–'}, tags {', '.join(run.tags) or '–'}"
    metrics = run.metrics
    if metrics:
        yield from _metric_lines(run)
        for label, one in (section(metrics, "labels") or {"": metrics}).items():
            if label:
                point = section(metrics, "operating_point", label)
                one = {**one, "operating_point": point}
                yield from ("", f"about {label}")
            yield from _class_lines(one)
            yield from _calibration_lines(one)
            yield from _subgroup_lines(one)
    if run.config:
        yield ""
        yield "settings"
        yield from (f"  {key} = {value}" for key, value in dotted(run.config))


def _metric_lines(run: RunSummary) -> Iterator[str]:
    metrics = run.metrics
    counts = metrics.get("n")
    if isinstance(counts, Mapping):
        sides = ", ".join(f"{num} {split}" for split, num in counts.items())
        yield f"{metrics.get('provenance', '')} data; {metrics.get('unit', 'unit')}s: {sides}"
    if seen := metrics.get("test_persons_seen_in_pretraining"):
        yield f"the encoder was pretrained on {seen} of the persons tested on"
    undefined = metrics.get("undefined")
    reasons = undefined if isinstance(undefined, Mapping) else {}
    rows = []
    figures = [
        key.partition("_")[2]
        for key, value in metrics.items()
        if key.startswith(("val_", "test_")) and not isinstance(value, int)
    ]
    for name in dict.fromkeys(figures):
        cells = [
            f"undefined: {reasons.get(key, '')}" if key in reasons else _figure(run, key)
            for key in (f"val_{name}", f"test_{name}")
        ]
        if any(cells):
            rows.append([name, *cells])
    if rows:
        yield ""
        yield from table(["metric", "validation", "test"], rows)


def _class_lines(metrics: Mapping[str, Any]) -> Iterator[str]:
    of_test = section(metrics, "classes", "test")
    counts = metrics.get("confusion_matrix")
    matrix = counts.get("test") if isinstance(counts, Mapping) else None
    if not of_test or not isinstance(matrix, list):
        return
    yield ""
    heads = ["test class", "n", "recall", "precision", "F1", *(f"said {name}" for name in of_test)]
    rows = [
        [name, str(row["num"]), *(number_text(row[key]) for key in ("recall", "precision", "f1")),
         *map(str, said)]
        for (name, row), said in zip(of_test.items(), matrix, strict=True)
    ]  # fmt: skip
    yield from table(heads, rows)
    point = section(metrics, "operating_point")
    if reason := point.get("undefined"):
        yield f"  said is the most probable class: {reason}, so that {point['rule']} chose nothing"
    elif isinstance(threshold := point.get("threshold"), float):
        yield (
            f"  {point['class']} is said from a probability of {threshold:.3g} on, as "
            f"{point['rule']} chose on validation: {point['chosen_for']} "
            f"{number_text(point['value'])}"
        )


def _calibration_lines(metrics: Mapping[str, Any]) -> Iterator[str]:
    found = metrics.get("calibration")
    test = section(metrics, "calibration", "test")
    if not isinstance(found, Mapping) or not test:
        return
    yield ""
    ece, score = number_text(test["ece"]), number_text(test["brier"])
    yield f"calibration of the test: ECE {ece}, Brier {score}"
    temperature = found.get("temperature")
    scaled = found.get("test_at_temperature")
    if temperature is None:
        yield f"  no temperature: {found.get('temperature_undefined', '')}"
    elif isinstance(scaled, Mapping):
        yield (
            f"  at the temperature of the validation units, {temperature:.3g}: "
            f"ECE {number_text(scaled['ece'])}, Brier {number_text(scaled['brier'])}"
        )


def _subgroup_lines(metrics: Mapping[str, Any]) -> Iterator[str]:
    found = metrics.get("subgroups")
    for attribute, groups in found.items() if isinstance(found, Mapping) else ():
        rows, names = [], dict.fromkeys(n for one in groups.values() for n in one["metrics"])
        reasons: dict[str, None] = {}
        for group, one in groups.items():
            cells = []
            for name in names:
                figure = one["metrics"][name]
                if figure["value"] is None:
                    reasons[f"  {group}: no {name}: {figure['undefined']}"] = None
                cells.append(figure_text(figure["value"], figure["low"], figure["high"]) or "–")
            rows.append([group, str(one["n"]), *cells])
        yield ""
        yield from table([attribute, "n", *names], rows)
        yield from reasons


def _figure(run: RunSummary, name: str) -> str:
    shown = figure_text(*run.metric(name))
    return f"loss {shown}" if shown and name == "val_loss" and run.task == PRETRAIN else shown


def comparison_lines(found: Mapping[str, Any]) -> Iterator[str]:
    """Two methods, as `MethodComparison.as_dict` has them."""
    first, second, pairs = found["first"], found["second"], found["pairs"]
    runs = "1 pair of runs" if len(pairs) == 1 else f"{len(pairs)} pairs of runs"
    yield (
        f"{found['task']}: {first} against {second}, {runs}, {found['n_persons']} test persons"
        + ("" if found["one_test_set"] else f" in {len(pairs)} test sets")
    )
    if found["unpaired_runs"]:
        yield f"  left out, because no run of the other has the seed: {found['unpaired_runs']}"
    for pair in pairs:
        only = (pair["n_persons_only_in_first"], pair["n_persons_only_in_second"])
        if any(only):
            yield (
                f"  {pair['first']} and {pair['second']}: compared on the {pair['n_persons']} test "
                f"persons they share; {only[0]} and {only[1]} are in one alone"
            )
    rows, reasons = [], []
    for name, one in found["metrics"].items():
        test = one["bootstrap"]
        others = []
        for kind in ("delong", "mcnemar", "wilcoxon", "corrected_t"):
            if kind in one:
                p, why = one[kind]["p"], one[kind]["undefined"]
                others.append(f"{TESTS[kind]} {'–' if p is None else p_text(p)}")
                if p is None:
                    reasons.append(f"  {name}: {TESTS[kind]}: {why}")
        if test["undefined"]:
            reasons.append(f"  {name}: {test['undefined']}")
        rows.append(
            [
                name + (" ↓" if lower_is_better(name) else ""),
                "–" if test["difference"] is None else signed_text(test["difference"]),
                "–"
                if test["low"] is None
                else f"{signed_text(test['low'])} to {signed_text(test['high'])}",
                "–" if test["p"] is None else p_text(test["p"]),
                number_text(one["first"]),
                number_text(one["second"]),
                ", ".join(others),
            ]
        )
    yield from table(
        ["metric", "difference", "95 % over persons", "p", first, second, "other tests, p"], rows
    )
    yield from reasons
    if pairs[0]["n_units"] > pairs[0]["n_persons"] and len(pairs) == 1:
        yield (
            f"  DeLong and McNemar take the {pairs[0]['n_units']} units to be of as many persons; "
            f"they are of {pairs[0]['n_persons']}"
        )
