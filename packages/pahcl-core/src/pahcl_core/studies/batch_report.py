"""A batch in one table: what each method came to, and how far it is from the others.

Differences are between the means over seeds, out of all folds: the interval and the first p are
over resamples of the persons (`evaluation.comparison`). Over the runs, each a fold and a seed,
there are Wilcoxon's test and the corrected t-test (`metrics.paired_runs`), the latter of which
allows for the persons that runs share: by how many they were trained on, of a share of the persons
fewer, and tested on. None is corrected for the number of comparisons.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pahcl_core.data.tasks import Task, task_named
from pahcl_core.evaluation.comparison import compare
from pahcl_core.evaluation.methods import Method
from pahcl_core.evaluation.run_results import read_result, read_results
from pahcl_core.metrics.paired_runs import corrected_t, wilcoxon
from pahcl_core.metrics.resampled import PRESENT_ABSENT
from pahcl_core.studies.batch_markdown import markdown
from pahcl_core.studies.batch_plan import FINETUNE, LINEAR, SCRATCH, BatchPlan, Cell
from pahcl_core.studies.members import seconds_of
from pahcl_core.training.run_directory import write_json, write_text
from pahcl_core.training.scoring import OFFICIAL, challenge_of

JSON, MARKDOWN = "batch.json", "batch.md"

Key = tuple[str, float, str]


def reported(
    plan: BatchPlan, results: Mapping[Key, Mapping[str, Any]], failures: Mapping[str, str]
) -> dict[str, Any]:
    """The content of `batch.json`.

    Args:
        plan: What was done.
        results: The final metrics of the cells that are complete.
        failures: Why runs failed.
    """
    config = plan.config
    return {
        "batch": config.name,
        "tasks": list(config.tasks),
        "modes": list(config.modes),
        "shots": list(config.shots),
        "folds": config.folds,
        "seeds": list(range(config.seed, config.seed + config.seeds)),
        "pretrainings": [
            {"name": run.config.name, "seconds": seconds_of(run.directory)}
            for run in plan.pretrainings
        ],
        "rows": [_row(cell, results.get(cell.key)) for cell in plan.cells],
        "differences": list(_differences(plan, results)),
        "failures": dict(failures),
    }


def metrics_of(task: Task) -> list[str]:
    """The figures of a task that a table shows, the first one first."""
    areas = ["auroc"]
    if len(task.classes) > 2:
        areas.append(f"auroc_{task.positive}")
    if challenge_of(task) == "murmur":
        areas.insert(0, PRESENT_ABSENT)
    return [*areas, "f1_macro", *OFFICIAL.get(challenge_of(task), ())]


def _row(cell: Cell, metrics: Mapping[str, Any] | None) -> dict[str, Any]:
    row: dict[str, Any] = {"task": cell.task, "mode": cell.mode, "share": cell.share}
    row["directory"] = cell.plan.base.name
    if metrics is None:
        return {**row, "metrics": {}}
    figures = {}
    for name in metrics_of(task_named(cell.task)):
        low, high = metrics["intervals"]["test"].get(name, (None, None))
        figures[name] = {
            "value": metrics[f"test_{name}"],
            "low": low,
            "high": high,
            "spread_over_seeds": metrics["spread_over_seeds"].get(f"test_{name}"),
        }
    kept = ("provenance", "unit", "n", "n_by_class", "seconds", "test_persons_seen_in_pretraining")
    return {**row, **{name: metrics[name] for name in kept}, "metrics": figures}


def _differences(
    plan: BatchPlan, results: Mapping[Key, Mapping[str, Any]]
) -> Iterator[dict[str, Any]]:
    """Of what was pretrained from training from scratch, and of all from the baselines."""
    directories = {cell.key: cell.plan.directory for cell in plan.cells}
    for task in plan.config.tasks:
        for share in plan.config.shots:
            for first, second in _pairs(plan.config.modes):
                one, other = (task, share, first), (task, share, second)
                if one in results and other in results:
                    yield from _apart(
                        *((key, directories[key], results[key]) for key in (one, other))
                    )


def _pairs(modes: Sequence[str]) -> list[tuple[str, str]]:
    trained = [mode for mode in (FINETUNE, LINEAR, SCRATCH) if mode in modes]
    baselines = [mode for mode in modes if mode not in trained]
    against = [*([SCRATCH] if SCRATCH in modes else []), *baselines]
    return [(one, other) for one in trained for other in against if one != other]


def _apart(
    one: tuple[Key, Path, Mapping[str, Any]], other: tuple[Key, Path, Mapping[str, Any]]
) -> Iterator[dict[str, Any]]:
    (task, share, first), second = one[0], other[0][2]
    methods = [Method(name=key[2], runs=read_results(path)) for key, path, _ in (one, other)]
    found = compare(*methods, names=metrics_of(task_named(task)))
    for name, metric in found.metrics.items():
        apart = metric.tests["bootstrap"]
        row = {"task": task, "share": share, "first": first, "second": second, "metric": name}
        row |= {"difference": apart.difference, "low": apart.low, "high": apart.high, "p": apart.p}
        yield row | (_over_runs(one[1], one[2], other[2]) if name == "auroc" else {})


def _over_runs(directory: Path, one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """The tests over runs, each of a fold and a seed; they are known by their macro AUROC.

    Args:
        directory: Of the first, whose runs say how many persons they were trained on: the other is
            trained on the same share.
        one: The final metrics of the first.
        other: Of the second.
    """
    values = [
        {(run["fold"], run["seed"]): run["test_auroc"] for run in metrics["runs"]}
        for metrics in (one, other)
    ]
    shared = sorted(values[0].keys() & values[1].keys())
    first, second = (
        np.array([np.nan if by[key] is None else by[key] for key in shared], dtype=np.float64)
        for by in values
    )
    wins = int((first > second).sum())
    names = [run["name"] for run in one["runs"] if (run["fold"], run["seed"]) in shared]
    parts = [read_result(directory / name).parts[""] for name in names]
    num_train, num_test = (
        round(float(np.mean([len(set(of[side].persons)) for of in parts])))
        for side in ("train", "test")
    )
    t = corrected_t(first, second, num_train=num_train, num_test=num_test)
    return {
        "num_runs": len(shared),
        "num_better": wins,
        "p_wilcoxon": wilcoxon(first, second).p,
        "p_corrected_t": t.p,
    }


def write_batch(directory: Path, content: Mapping[str, Any]) -> None:
    """Write it as JSON and as Markdown, each complete or as it was before."""
    write_json(directory / JSON, content)
    write_text(directory / MARKDOWN, "\n".join(markdown(content)) + "\n")
