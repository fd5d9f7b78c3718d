"""From the runs of folds and seeds to one result: everyone, as told by runs new to them.

For each seed the test sides of its folds are put together, so that everyone is scored once; the
figure is the mean over seeds, its interval is over persons, its spread over seeds. Of several
labels each has figures of its own, and those without a label's name are means over labels, which
have a spread and no interval.
"""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pahcl_core.config import to_dict
from pahcl_core.data.csv_table import read_table
from pahcl_core.data.tasks import Task
from pahcl_core.errors import DataError
from pahcl_core.evaluation.recomputing import mean_scores
from pahcl_core.evaluation.run_results import (
    FOLD,
    SEED,
    SEEDS,
    RunResult,
    of_split,
    persons_of,
    read_parts,
    read_result,
    units_of,
)
from pahcl_core.metrics.bootstrap import NUM_RESAMPLES, Interval
from pahcl_core.metrics.bootstrap_runs import (
    ScoredRun,
    bootstrap_mean_over_runs,
    bootstrap_over_runs,
)
from pahcl_core.metrics.classification import Scores
from pahcl_core.studies.folds import FoldPlan
from pahcl_core.studies.members import seconds_of
from pahcl_core.training.final_metrics import counts_by_class
from pahcl_core.training.run_directory import METRICS, PREDICTIONS, write_atomically, write_json
from pahcl_core.training.scoring import Answers, challenge_of, of_label, score_labels
from pahcl_core.training.versions import versions

_CONFIDENCE = 0.95
_SEEN = "test_persons_seen_in_pretraining"


def conclude(plan: FoldPlan[Any], *, num_resamples: int = NUM_RESAMPLES) -> dict[str, Any]:
    """Put the runs of a plan together, all of which are complete.

    Writes `predictions.csv` and `final_metrics.json` to its directory.

    Args:
        plan: What was done.
        num_resamples: Of persons.

    Returns:
        The content of `final_metrics.json`.

    Raises:
        DataError: If a run is not complete, or two tested on the same person with one seed.
    """
    results = {run.name: read_result(run.directory) for run in plan.runs}
    _refuse_repeated(plan, results)
    _write_predictions(plan)
    task = results[plan.runs[0].name].task
    path = plan.directory / PREDICTIONS
    by_seed = [of_split(read_parts(path, task, seed=seed), "test") for seed in plan.seeds]
    metrics = {
        **_account(plan, results, by_seed[0], task),
        **_figures(by_seed, task, num_resamples),
        "versions": versions(),
    }
    write_json(plan.directory / METRICS, metrics)
    return metrics


def _refuse_repeated(plan: FoldPlan[Any], results: Mapping[str, RunResult]) -> None:
    """Nobody is tested on twice, so that the folds are those of one deal."""
    seen: dict[tuple[int, str], str] = {}
    for run in plan.runs:
        for person in persons_of(of_split(results[run.name].parts, "test")):
            other = seen.setdefault((run.config.seed, person), run.name)
            if other != run.name:
                raise DataError(
                    f"{plan.directory}: {other} and {run.name} are both tested on person "
                    f"{person!r}; they are not folds of one deal"
                )


def _write_predictions(plan: FoldPlan[Any]) -> None:
    """The rows of the runs' own files, those of the test, with the fold and the seed."""

    def write(scratch: Path) -> None:
        with scratch.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            for number, run in enumerate(plan.runs):
                path = run.directory / PREDICTIONS
                table = read_table(path, file=path.name, required=["split"])
                if number == 0:
                    writer.writerow([*table.columns, FOLD, SEED])
                writer.writerows(
                    [*row.values(), run.config.split.fold, run.config.seed]
                    for _, row in table.rows
                    if row["split"] == "test"
                )

    write_atomically(plan.directory / PREDICTIONS, write)


def _account(
    plan: FoldPlan[Any],
    results: Mapping[str, RunResult],
    answers: Mapping[str, Answers],
    task: Task,
) -> dict[str, Any]:
    """What was done, and of whom."""
    seconds = [seconds_of(run.directory) for run in plan.runs]
    all_known = [one for one in seconds if one is not None]
    return {
        "task": task.name,
        **({"own_task": to_dict(task)} if task.collection == "folder" else {}),
        "unit": task.unit,
        "provenance": next(iter(results.values())).run.metrics.get("provenance"),
        "folds": plan.base.split.folds,
        SEEDS: list(plan.seeds),
        **{key: {"test": one} for key, one in _counts(answers, task).items()},
        _SEEN: max(_num_seen(results, seed) for seed in plan.seeds),
        "seconds": sum(all_known) if len(all_known) == len(seconds) else None,
        "runs": [
            {
                "name": run.name,
                FOLD: run.config.split.fold,
                SEED: run.config.seed,
                **_counts(of_split(results[run.name].parts, "test"), task),
                "test_auroc": results[run.name].run.metrics.get("test_auroc"),
                "seconds": one,
            }
            for run, one in zip(plan.runs, seconds, strict=True)
        ],
    }


def _num_seen(results: Mapping[str, RunResult], seed: int) -> int:
    """How many of those tested on with a seed, each in one fold, an encoder had heard."""
    return sum(one.run.metrics.get(_SEEN, 0) for one in results.values() if one.run.seed == seed)


def _counts(answers: Mapping[str, Answers], task: Task) -> dict[str, Any]:
    """How many units there are, whichever label they have, and how many of each class."""
    num = len(units_of(answers))
    none = np.zeros(0, dtype=np.int64)
    known = {label: answers[label].labels if label in answers else none for label in task.parts}
    return {"n": num, "n_by_class": counts_by_class(known, num, task)}


def _figures(
    by_seed: Sequence[Mapping[str, Answers]], task: Task, num_resamples: int
) -> dict[str, Any]:
    """Every metric: its mean over seeds, interval and spread."""
    scores = [score_labels(one, task) for one in by_seed]
    mean = mean_scores(scores)
    drawn = {
        of_label(name, label): one
        for label, part in task.parts.items()
        if all(label in answers for answers in by_seed)
        for name, one in _drawn([one[label] for one in by_seed], part, num_resamples).items()
    }
    ends = {
        name: [one.low, one.high]
        for name, one in drawn.items()
        if name in mean.values and one.low is not None
    }
    return {
        **{f"test_{name}": value for name, value in mean.values.items()},
        **{f"test_{name}": None for name in mean.undefined},
        "undefined": {f"test_{name}": reason for name, reason in mean.undefined.items()},
        "spread_over_seeds": _spread(scores, mean),
        "intervals": {
            "confidence": _CONFIDENCE,
            "resampled": "persons",
            "num_resamples": num_resamples,
            "test": ends,
            "left_out": {
                f"test_{name}": one.num_left_out for name, one in drawn.items() if one.num_left_out
            },
        },
    }


def _drawn(by_seed: Sequence[Answers], task: Task, num_resamples: int) -> dict[str, Interval]:
    """Of a task of one label."""
    loss = bootstrap_mean_over_runs(
        [(one.losses, one.persons) for one in by_seed],
        confidence=_CONFIDENCE,
        num_resamples=num_resamples,
    )
    return {"loss": loss} | bootstrap_over_runs(
        [
            ScoredRun(
                labels=one.labels,
                probabilities=one.probabilities,
                persons=one.persons,
                predicted=one.predicted,
            )
            for one in by_seed
        ],
        class_names=task.classes,
        positive=task.positive,
        challenge=challenge_of(task),
        confidence=_CONFIDENCE,
        num_resamples=num_resamples,
    )


def _spread(scores: Sequence[Scores], mean: Scores) -> dict[str, float]:
    """The standard deviation over seeds; of a single seed there is none."""
    if len(scores) < 2:
        return {}
    return {
        f"test_{name}": float(np.std([one.values[name] for one in scores], ddof=1))
        for name in mean.values
    }
