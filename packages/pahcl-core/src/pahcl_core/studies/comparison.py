"""From what probes said in all runs of an ablation to one table: each variant against the base.

A variant's figure is the mean over seeds of the macro AUROC. Its difference from the base is the
mean over the seeds that both have, of runs with the same seed; interval and p are over resamples of
the persons (`metrics.paired`). They say nothing of what other seeds would have made of it, nor are
they corrected for there being several variants, of which one in twenty is below 0.05 by chance.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pahcl_core.data.tasks import Task
from pahcl_core.metrics.paired import Comparison, PairedRuns, paired_bootstrap
from pahcl_core.studies.probing import Probed, Said

METRIC = "auroc"


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """A variant in one task."""

    variant: str
    task: str
    num_units: int
    """Patients or recordings, in the first of its seeds."""

    by_seed: Mapping[int, float]
    """Macro AUROC."""

    mean: float | None
    spread: float | None
    """Standard deviation over seeds, where there are several."""

    difference: Comparison | None
    """From the base; None for the base itself."""

    num_better: int | None
    """Seeds with which it is above the base; None for the base itself."""

    undefined: str = ""
    """Why there is no mean."""


def compared(
    base: str, found: Mapping[str, Mapping[int, Probed]], tasks: Sequence[Task]
) -> tuple[Row, ...]:
    """One row for each task and variant, the tasks one after the other.

    Args:
        base: The variant that the others are held against.
        found: What is known of each variant, by seed; runs that failed are missing.
        tasks: In this order.
    """
    return tuple(
        _row(variant, task, by_seed, None if variant == base else found.get(base, {}))
        for task in tasks
        for variant, by_seed in found.items()
    )


def _row(
    variant: str,
    task: Task,
    by_seed: Mapping[int, Probed],
    base: Mapping[int, Probed] | None,
) -> Row:
    said = _said_by_seed(by_seed, task)
    values = _scores(said, task)
    reasons = [one.refused[task.name] for one in by_seed.values() if task.name in one.refused]
    if said and not values:
        reasons = ["only one class occurs"]
    areas = np.array(list(values.values()))
    apart, num_better = None, None
    if base is not None:
        theirs = _said_by_seed(base, task)
        apart = difference(said, theirs, task)
        others = _scores(theirs, task)
        num_better = sum(values[seed] > others[seed] for seed in values.keys() & others.keys())
    return Row(
        variant=variant,
        task=task.name,
        num_units=len(next(iter(said.values())).subjects) if said else 0,
        by_seed=values,
        mean=float(areas.mean()) if values else None,
        spread=float(areas.std(ddof=1)) if len(values) > 1 else None,
        difference=apart,
        num_better=num_better,
        undefined="" if values else next(iter(reasons), "no run was completed"),
    )


def _scores(said: Mapping[int, Said], task: Task) -> dict[int, float]:
    """Macro AUROC by seed, where it is defined."""
    scores = {seed: one.auroc(task) for seed, one in said.items()}
    return {seed: score for seed, score in scores.items() if score is not None}


def _said_by_seed(by_seed: Mapping[int, Probed], task: Task) -> dict[int, Said]:
    return {
        seed: probed.said[task.name] for seed, probed in by_seed.items() if task.name in probed.said
    }


def difference(first: Mapping[int, Said], second: Mapping[int, Said], task: Task) -> Comparison:
    """First minus second in macro AUROC, over the seeds and the units that all have.

    Args:
        first: What was said, by seed.
        second: The same of the other.
        task: Of what.
    """
    pairs = [(first[seed], second[seed]) for seed in sorted(first.keys() & second.keys())]
    if not pairs:
        return Comparison(difference=None, num=0, undefined="no seed was completed by both")
    one = pairs[0][0]
    shared = set.intersection(*(set(said.subjects) for pair in pairs for said in pair))
    person_of = dict(zip(one.subjects, one.persons, strict=True))
    subjects = [subject for subject in one.subjects if subject in shared]
    if not subjects:
        return Comparison(difference=None, num=0, undefined="they have no one in common")
    rows = [(a.rows(subjects), b.rows(subjects)) for a, b in pairs]
    persons = [person_of[subject] for subject in subjects]
    return paired_bootstrap(
        [
            PairedRuns(labels=labels, probabilities=(probabilities, other), persons=persons)
            for (labels, probabilities), (_, other) in rows
        ],
        class_names=task.classes,
        positive=task.positive,
        names=[METRIC],
    )[METRIC]
