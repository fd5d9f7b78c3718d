"""Is one way of training better than another? By person, and over runs.

For every metric the size of the difference comes first, first method minus second, with its
interval, and p after. Two things vary, and each has its test:

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
from pahcl_core.errors import SettingError, closest
from pahcl_core.evaluation.methods import By, Method, Pair, methods_of, paired
from pahcl_core.evaluation.run_results import RunResult
from pahcl_core.metrics.bootstrap import NUM_RESAMPLES
from pahcl_core.metrics.classification import Scores
from pahcl_core.metrics.paired import Comparison, PairedRuns, paired_bootstrap
from pahcl_core.metrics.paired_runs import corrected_t, wilcoxon
from pahcl_core.metrics.paired_units import delong, mcnemar
from pahcl_core.training.scoring import challenge_of, score_answers

_ALWAYS = ("auroc", "f1_macro", "balanced_accuracy", "sensitivity", "specificity", "accuracy")
_OFFICIAL = ("auroc_present_absent", "weighted_accuracy", "cost", "macc", "youden")


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


@dataclass(frozen=True, kw_only=True, slots=True)
class MethodComparison:
    """Two methods by every metric that was asked for."""

    task: Task
    first: Method
    second: Method
    pairs: tuple[Pair, ...]
    num_unpaired: int
    """Runs of the two that have no partner, and are left out."""

    metrics: Mapping[str, MetricComparison]

    @property
    def num_persons(self) -> int:
        """In both test sets of any pair."""
        return len({person for pair in self.pairs for person in pair.answers[0].persons})

    @property
    def one_test_set(self) -> bool:
        """Whether all pairs are tested on the same units."""
        return len({frozenset(pair.answers[0].ids) for pair in self.pairs}) == 1

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "task": self.task.name,
            "first": self.first.name,
            "second": self.second.name,
            "n_persons": self.num_persons,
            "one_test_set": self.one_test_set,
            "unpaired_runs": self.num_unpaired,
            "pairs": [
                {
                    "first": str(pair.first.run.directory),
                    "second": str(pair.second.run.directory),
                    "n_units": len(pair.answers[0]),
                    "n_persons": len(set(pair.answers[0].persons)),
                    "n_persons_only_in_first": pair.num_other[0],
                    "n_persons_only_in_second": pair.num_other[1],
                }
                for pair in self.pairs
            ],
            "metrics": {name: one.as_dict() for name, one in self.metrics.items()},
        }


def compared(
    results: Sequence[RunResult], by: By, *, names: Sequence[str] | None = None
) -> list[MethodComparison]:
    """The first run, or the first method, against each of the others.

    Args:
        results: Of several runs; of one over seeds, those of each seed.
        by: Which runs are of one method; as `methods_of` has it.
        names: As `compare` takes them.

    Raises:
        SettingError: If all are of one method, or as `methods_of` and `compare`.
        DataError: As `compare`.
    """
    methods = methods_of(results, by)
    if len(methods) < 2:
        num = len({result.run.directory for result in results})
        if num < 2:
            raise SettingError("one run cannot be compared; give at least two")
        raise SettingError(f"all {num} runs are of one method by {by}; compare them with --by run")
    return [compare(methods[0], other, names=names) for other in methods[1:]]


def compare(
    first: Method,
    second: Method,
    *,
    names: Sequence[str] | None = None,
    num_resamples: int = NUM_RESAMPLES,
    seed: int = 0,
) -> MethodComparison:
    """Compare two methods on the persons whom both are tested on.

    Args:
        first: Of whose metrics those of the second are taken away.
        second: The other.
        names: Which metrics; None for the usual ones of the task.
        num_resamples: Of persons.
        seed: Of the draws.

    Raises:
        DataError: As `paired`.
        SettingError: If there is no metric of a name.
    """
    pairs, num_unpaired = paired(first, second)
    task = pairs[0].first.task
    scored = [tuple(score_answers(one, task) for one in pair.answers) for pair in pairs]
    chosen = _chosen(scored[0][0], task, names)
    resampled = paired_bootstrap(
        [
            PairedRuns(
                labels=pair.answers[0].labels,
                probabilities=(pair.answers[0].probabilities, pair.answers[1].probabilities),
                persons=pair.answers[0].persons,
                predicted=(pair.answers[0].predicted, pair.answers[1].predicted),
            )
            for pair in pairs
        ],
        class_names=task.classes,
        positive=task.positive,
        challenge=challenge_of(task),
        names=chosen,
        num_resamples=num_resamples,
        seed=seed,
    )
    metrics = {}
    for name in chosen:
        values = np.array([[_value(scores, name) for scores in pair] for pair in scored])
        tests = {"bootstrap": _with_reason(resampled[name], scored, name)}
        tests |= _of_units(pairs, task, name) | _over_runs(pairs, values)
        metrics[name] = MetricComparison(
            first=_mean(values[:, 0]), second=_mean(values[:, 1]), tests=tests
        )
    return MethodComparison(
        task=task,
        first=first,
        second=second,
        pairs=tuple(pairs),
        num_unpaired=num_unpaired,
        metrics=metrics,
    )


def _chosen(scores: Scores, task: Task, names: Sequence[str] | None) -> list[str]:
    known = [name for name in (*scores.values, *scores.undefined) if name != "loss"]
    if names is None:
        several = [f"auroc_{task.positive}"] if len(task.classes) > 2 else []
        return [name for name in (*_ALWAYS, *several, *_OFFICIAL) if name in known]
    for name in names:
        if name not in known:
            near = closest(name, known) or f"; there are {', '.join(known)}"
            raise SettingError(f"no metric named {name!r}{near}")
    return list(dict.fromkeys(names))


def _value(scores: Scores, name: str) -> float:
    return scores.values.get(name, float("nan"))


def _mean(values: Float64[np.ndarray, "runs"]) -> float | None:
    """None where one of them is undefined: a mean over other runs is not to be compared."""
    return None if np.isnan(values).any() else float(values.mean())


def _with_reason(found: Comparison, scored: Sequence[tuple[Scores, ...]], name: str) -> Comparison:
    """With the first reason that a run has, where the metric is undefined for one."""
    if found.difference is not None:
        return found
    reasons = [one.undefined[name] for pair in scored for one in pair if name in one.undefined]
    return Comparison(
        difference=None,
        num=found.num,
        num_left_out=found.num_left_out,
        undefined=reasons[0] if reasons else found.undefined,
    )


def _of_units(pairs: Sequence[Pair], task: Task, name: str) -> dict[str, Comparison]:
    """The tests of a single pair of runs."""
    if len(pairs) > 1:
        return {}
    first, second = pairs[0].answers
    positive = task.class_index(task.positive)
    area = "auroc" if len(task.classes) == 2 else f"auroc_{task.positive}"
    if name == area:
        columns = (one.probabilities[:, positive] for one in (first, second))
        return {"delong": delong(first.labels == positive, *columns)}
    if name == "accuracy":
        right = (one.predicted == one.labels for one in (first, second))
        return {"mcnemar": mcnemar(*right)}
    return {}


def _over_runs(
    pairs: Sequence[Pair], values: Float64[np.ndarray, "runs two"]
) -> dict[str, Comparison]:
    """The tests over several pairs of runs."""
    if len(pairs) < 2:
        return {}
    first, second = values[:, 0], values[:, 1]
    found = {"wilcoxon": wilcoxon(first, second)}
    if len({frozenset(pair.answers[0].ids) for pair in pairs}) > 1:
        trained = [len(set(pair.first.splits["train"].persons)) for pair in pairs
                   if "train" in pair.first.splits]  # fmt: skip
        tested = [len(set(pair.answers[0].persons)) for pair in pairs]
        if trained:
            found["corrected_t"] = corrected_t(
                first,
                second,
                num_train=round(float(np.mean(trained))),
                num_test=round(float(np.mean(tested))),
            )
    return found
