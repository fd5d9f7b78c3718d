"""A run's figures, computed again from its `predictions.csv`: to the bit what it wrote."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pahcl_core.config import from_dict
from pahcl_core.evaluation.run_results import RunResult, of_split
from pahcl_core.metrics.classification import Scores
from pahcl_core.training.operating_point import OperatingPointConfig, operating_point
from pahcl_core.training.scoring import of_label, score_labels


@dataclass(frozen=True, kw_only=True, slots=True)
class Recomputed:
    """How the metrics from `predictions.csv` compare with those that the run wrote."""

    num_equal: int
    """Figures that are the same to the bit, or undefined in both."""

    differing: Mapping[str, tuple[float | None, float | None]]
    """Written and recomputed, by name."""


def recomputed(*results: RunResult) -> Recomputed:
    """Score `predictions.csv` again, on every split that `final_metrics.json` has figures of.

    Where it has an operating point, that is chosen again, too, and what is said at it counted.

    Args:
        results: Of one run; those of all its seeds, of whose figures it has the mean.
    """
    result = results[0]
    written = result.run.metrics
    num_equal, differing = 0, {}
    for split in ("val", "test"):
        answers = [of_split(one.parts, split) for one in results]
        if not all(answers):
            continue
        scores = mean_scores([score_labels(one, result.task) for one in answers])
        for name in (*scores.values, *scores.undefined):
            key, value = f"{split}_{name}", scores.values.get(name)
            if key in written and written[key] == value:
                num_equal += 1
            else:
                differing[key] = (written.get(key), value)
    told = [one for label in result.parts for one in _at_operating_point(result, label)]
    for key, (was, now) in told:
        if was == now:
            num_equal += 1
        else:
            differing[key] = (was, now)
    return Recomputed(num_equal=num_equal, differing=differing)


def mean_scores(scores: Sequence[Scores]) -> Scores:
    """The mean of every metric; undefined where one is, with the first reason."""
    undefined: dict[str, str] = {}
    for one in scores:
        undefined = {**one.undefined, **undefined}
    names = [name for name in scores[0].values if name not in undefined]
    values = {name: float(np.mean([one.values[name] for one in scores])) for name in names}
    return Scores(values=values, undefined=undefined)


def _at_operating_point(result: RunResult, label: str) -> Iterator[tuple[str, tuple[Any, Any]]]:
    """What was written of it, and what it is now; nothing where there is none."""
    written = result.run.metrics.get("operating_point")
    if label and isinstance(written, Mapping):
        written = written.get(label)
    task, splits = result.task.parts[label], result.parts[label]
    if not isinstance(written, Mapping) or "threshold" not in written:
        return
    told = {key: written[key] for key in ("rule", "sensitivity") if key in written}
    config = from_dict(OperatingPointConfig, told, source=str(result.run.directory))
    point = operating_point(config, splits.get("val"), task)
    again = point.as_dict()
    for name in ("threshold", "value"):
        yield f"{of_label('operating_point', label)}.{name}", (written.get(name), again.get(name))
    for split, answers in splits.items():
        follow = int((point.of(answers, task).predicted == answers.predicted).sum())
        key = of_label(f"{split}_predictions_at_operating_point", label)
        yield key, (len(answers), follow)
