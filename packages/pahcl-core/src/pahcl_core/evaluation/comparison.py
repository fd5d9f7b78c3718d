"""Is one way of training better than another? By person, and over runs.

For every metric the size of the difference comes first, first method minus second, with its
interval, and p after; see `label_comparison`. Of several labels each is compared by itself, on
those who have it, and its metrics end with its name.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pahcl_core.data.tasks import Task
from pahcl_core.errors import SettingError, closest
from pahcl_core.evaluation.label_comparison import (
    MetricComparison,
    compare_label,
    not_compared,
)
from pahcl_core.evaluation.methods import (
    LEAST_PERSONS,
    By,
    Method,
    Pair,
    methods_of,
    paired,
)
from pahcl_core.evaluation.run_results import RunResult
from pahcl_core.metrics.bootstrap import NUM_RESAMPLES
from pahcl_core.training.scoring import of_label, score_answers

_ALWAYS = ("auroc", "f1_macro", "balanced_accuracy", "sensitivity", "specificity", "accuracy")
_OFFICIAL = ("auroc_present_absent", "weighted_accuracy", "cost", "macc", "youden")


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
        return len({person for pair in self.pairs for person in pair.persons})

    @property
    def one_test_set(self) -> bool:
        """Whether all pairs are tested on the same units."""
        return len({pair.units for pair in self.pairs}) == 1

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
                    "n_units": len(pair.units),
                    "n_persons": len(pair.persons),
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
        names: Which metrics; None for the usual ones of the task. Of several labels, of each, or
            with its name of one.
        num_resamples: Of persons.
        seed: Of the draws.

    Raises:
        DataError: As `paired`.
        SettingError: If there is no metric of a name.
    """
    pairs, num_unpaired = paired(first, second)
    task = pairs[0].first.task
    metrics: dict[str, MetricComparison] = {}
    for label, chosen in _chosen(pairs[0], task, names).items():
        own = [pair.answers[label] for pair in pairs if label in pair.answers]
        few = min((len(set(one.persons)) for one, _ in own), default=0)
        if len(own) < len(pairs) or few < LEAST_PERSONS:
            num = few if len(own) == len(pairs) else 0
            reason = f"{num} test persons in common have it, fewer than {LEAST_PERSONS}"
            found = not_compared(chosen, num=num, reason=reason)
        else:
            trained = [pair.first.parts[label].get("train") for pair in pairs]
            found = compare_label(
                own,
                task.parts[label],
                chosen,
                num_trained=[len(set(one.persons)) for one in trained if one is not None],
                num_resamples=num_resamples,
                seed=seed,
            )
        metrics |= {of_label(name, label): one for name, one in found.items()}
    return MethodComparison(
        task=task,
        first=first,
        second=second,
        pairs=tuple(pairs),
        num_unpaired=num_unpaired,
        metrics=metrics,
    )


def _chosen(pair: Pair, task: Task, names: Sequence[str] | None) -> dict[str, list[str]]:
    """By label, the metrics that are asked for."""
    label, (answers, _) = next(iter(pair.answers.items()))  # all labels have the same metrics
    scores = score_answers(answers, task.parts[label])
    known = [name for name in (*scores.values, *scores.undefined) if name != "loss"]
    if names is None:
        several = [f"auroc_{task.positive}"] if len(task.classes) > 2 else []
        usual = [name for name in (*_ALWAYS, *several, *_OFFICIAL) if name in known]
        return dict.fromkeys(task.parts, usual)
    of_one = {of_label(name, label): (name, label) for label in task.parts for name in known}
    chosen: dict[str, list[str]] = {label: [] for label in task.parts}
    for asked in dict.fromkeys(names):
        if asked in known:
            for own in chosen.values():
                own.append(asked)
        elif asked in of_one:
            name, label = of_one[asked]
            chosen[label].append(name)
        else:
            every = list(dict.fromkeys((*known, *of_one)))
            near = closest(asked, every) or f"; there are {', '.join(every)}"
            raise SettingError(f"no metric named {asked!r}{near}")
    return {label: list(dict.fromkeys(own)) for label, own in chosen.items()}
