"""Two methods by the metrics of one label, over pairs of runs: each difference with its tests.

Two things vary, and each has its test:

- who happens to be in the collection: the paired bootstrap over persons, for every metric; with a
  single pair of runs also DeLong's test for the area of the positive class and McNemar's for
  accuracy, which take units to be independent;
- what a method makes of another seed and other training persons: over pairs of runs, Wilcoxon's
  test, and where test sets differ the corrected resampled t-test (`metrics.paired_runs`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64

from pahcl_core.data.tasks import Task
from pahcl_core.evaluation.methods import Both
from pahcl_core.metrics.bootstrap import NUM_RESAMPLES
from pahcl_core.metrics.classification import Scores
from pahcl_core.metrics.paired import Comparison, PairedRuns, paired_bootstrap
from pahcl_core.metrics.paired_runs import corrected_t, wilcoxon
from pahcl_core.metrics.paired_units import delong, mcnemar
from pahcl_core.training.scoring import challenge_of, score_answers


@dataclass(frozen=True, kw_only=True, slots=True)
class MetricComparison:
    """Two methods by one metric."""

    first: float | None
    second: float | None
    """Means over the pairs of runs, on the persons whom both are tested on."""

    tests: Mapping[str, Comparison]
    """`bootstrap` first; then those that there are of `delong`, `mcnemar`, `wilcoxon` and
    `corrected_t`."""

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        tests = {name: asdict(test) for name, test in self.tests.items()}
        return {"first": self.first, "second": self.second, **tests}


def compare_label(
    pairs: Sequence[Both],
    task: Task,
    names: Sequence[str],
    *,
    num_trained: Sequence[int] = (),
    num_resamples: int = NUM_RESAMPLES,
    seed: int = 0,
) -> dict[str, MetricComparison]:
    """Compare two methods in what they say of one label.

    Args:
        pairs: What a run of each says of the units that both are tested on, for each pair of runs.
        task: Of that label alone.
        names: Of metrics.
        num_trained: How many persons the runs were trained on, as far as that is known.
        num_resamples: Of persons.
        seed: Of the draws.
    """
    scored = [tuple(score_answers(one, task) for one in pair) for pair in pairs]
    resampled = paired_bootstrap(
        [
            PairedRuns(
                labels=first.labels,
                probabilities=(first.probabilities, second.probabilities),
                persons=first.persons,
                predicted=(first.predicted, second.predicted),
            )
            for first, second in pairs
        ],
        class_names=task.classes,
        positive=task.positive,
        challenge=challenge_of(task),
        names=names,
        num_resamples=num_resamples,
        seed=seed,
    )
    metrics = {}
    for name in names:
        values = np.array([[_value(scores, name) for scores in pair] for pair in scored])
        tests = {"bootstrap": _with_reason(resampled[name], scored, name)}
        tests |= _of_units(pairs, task, name) | _over_runs(pairs, values, num_trained)
        metrics[name] = MetricComparison(
            first=_mean(values[:, 0]), second=_mean(values[:, 1]), tests=tests
        )
    return metrics


def not_compared(names: Sequence[str], *, num: int, reason: str) -> dict[str, MetricComparison]:
    """The same where nothing can be said, of so many persons, and why."""
    nothing = Comparison(difference=None, num=num, undefined=reason)
    one = MetricComparison(first=None, second=None, tests={"bootstrap": nothing})
    return dict.fromkeys(names, one)


def _value(scores: Scores, name: str) -> float:
    return scores.values.get(name, float("nan"))


def _mean(values: Float64[np.ndarray, "runs"]) -> float | None:
    """None where one of them is undefined: a mean over other runs is not to be compared."""
    return None if np.isnan(values).any() else float(values.mean())


def _with_reason(found: Comparison, scored: Sequence[tuple[Scores, ...]], name: str) -> Comparison:
    """With the first reason that a run has, where the metric is undefined for one."""
    reasons = [one.undefined[name] for pair in scored for one in pair if name in one.undefined]
    if found.difference is not None and not reasons:
        return found
    return Comparison(
        difference=None,
        num=found.num,
        num_left_out=found.num_left_out,
        undefined=reasons[0] if reasons else found.undefined,
    )


def _of_units(pairs: Sequence[Both], task: Task, name: str) -> dict[str, Comparison]:
    """The tests of a single pair of runs."""
    if len(pairs) > 1:
        return {}
    first, second = pairs[0]
    positive = task.class_index(task.positive)
    area = "auroc" if len(task.classes) == 2 else f"auroc_{task.positive}"
    if name == area and not (first.ranks_folds_alone or second.ranks_folds_alone):
        columns = (one.probabilities[:, positive] for one in (first, second))
        return {"delong": delong(first.labels == positive, *columns)}
    if name == "accuracy":
        right = (one.predicted == one.labels for one in (first, second))
        return {"mcnemar": mcnemar(*right)}
    return {}


def _over_runs(
    pairs: Sequence[Both], values: Float64[np.ndarray, "runs two"], num_trained: Sequence[int]
) -> dict[str, Comparison]:
    """The tests over several pairs of runs."""
    if len(pairs) < 2:
        return {}
    first, second = values[:, 0], values[:, 1]
    found = {"wilcoxon": wilcoxon(first, second)}
    if len({frozenset(one.ids) for one, _ in pairs}) > 1 and num_trained:
        tested = [len(set(one.persons)) for one, _ in pairs]
        found["corrected_t"] = corrected_t(
            first,
            second,
            num_train=round(float(np.mean(num_trained))),
            num_test=round(float(np.mean(tested))),
        )
    return found
