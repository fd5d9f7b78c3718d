"""Which runs are of one method, and which run of one method stands beside which of another.

A method is a way of training: settings. Its runs differ in the seed, and in who is trained on and
tested on. Two runs of two methods can be compared where they are tested on the same persons.
"""

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from pahcl_core.errors import DataError, SettingError
from pahcl_core.evaluation.run_results import RunResult, of_split, persons_of, units_of
from pahcl_core.evaluation.runs import RunSummary
from pahcl_core.training.scoring import Answers

By = Literal["settings", "group", "run"]

LEAST_PERSONS = 10
"""In both test sets; from fewer nothing follows."""

# What makes no other method: where things are, what a run is called, and how it is reported.
_NO_METHOD = frozenset(
    ("seed", "experiment_name", "data_dir", "output_dir", "store", "device", "num_workers",
     "tracking")
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Method:
    """Runs that differ by chance alone."""

    name: str
    runs: tuple[RunResult, ...]


Both = tuple[Answers, Answers]
"""What two runs say of the same units, in the same order."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """A run of one method beside one of another, on the units that both are tested on."""

    first: RunResult
    second: RunResult
    answers: Mapping[str, Both]
    """By label, which is empty where there is one; one that nobody in both tests has is not there.
    """

    num_other: tuple[int, int]
    """Persons in one of the two test sets alone, who are left out."""

    @property
    def units(self) -> frozenset[str]:
        """Whoever both are tested on, whichever label they have."""
        return units_of({label: one for label, (one, _) in self.answers.items()})

    @property
    def persons(self) -> frozenset[str]:
        """Who they are."""
        return persons_of({label: one for label, (one, _) in self.answers.items()})


def methods_of(results: Sequence[RunResult], by: By) -> list[Method]:
    """Runs by method, in the order in which a method is first named.

    Args:
        results: The runs.
        by: `settings`: those whose settings agree but for the seed, the split's file, the fold and
            which encoder was pretrained for it, places and names;
            `group`: those of one tracking group; `run`: each by itself.

    Raises:
        SettingError: If a run has no group and is to be told by it.
    """
    members: dict[str, list[RunResult]] = {}
    for number, result in enumerate(results):
        if by == "group" and result.run.group is None:
            raise SettingError(
                f"{result.run.directory}: is in no group; give --by settings or --by run"
            )
        keys = {
            "group": f"{result.run.group}",
            "run": f"{number}",
            "settings": _settings_of(result.run) or f"{number}",
        }
        members.setdefault(keys[by], []).append(result)
    named = [
        Method(name=key if by == "group" else _common_name(runs), runs=tuple(runs))
        for key, runs in members.items()
    ]
    if len({method.name for method in named}) < len(named):
        return [
            Method(name=f"{method.name} ({method.runs[0].run.directory})", runs=method.runs)
            for method in named
        ]
    return named


def _settings_of(run: RunSummary) -> str:
    """The settings that make a method, as text; nothing where a run does not tell its settings."""
    if not run.config:
        return ""
    kept: dict[str, Any] = {k: v for k, v in run.config.items() if k not in _NO_METHOD}
    split = kept.get("split")
    if isinstance(split, Mapping):
        kept["split"] = {k: v for k, v in split.items() if k not in ("file", "fold")}
        kept["pretrained"] = _of_any_fold(kept.get("pretrained"), split.get("fold"))
    return json.dumps(kept, sort_keys=True, default=str)


def _of_any_fold(pretrained: object, fold: object) -> str:
    """Where the encoder is, with a folder of the run's own fold as that of any."""
    parts = Path(str(pretrained)).parts
    return str(Path(*("fold_{fold}" if one == f"fold_{fold}" else one for one in parts)))


def _common_name(runs: Sequence[RunResult]) -> str:
    """What the names of runs begin with, without what announces a number."""
    names = [result.run.name for result in runs]
    if len(set(names)) == 1:  # of all seeds, where they are put together
        return names[0]
    begin = os.path.commonprefix(names)  # noqa: RUF071  of letters, not of folders
    return re.sub(r"[_.-]*(seed|fold|run|s|f)?[_.=-]*\d*$", "", begin) or names[0]


def paired(first: Method, second: Method) -> tuple[list[Pair], int]:
    """Pairs of runs, and how many runs of the two have no partner.

    Partners have the same seed and test set; else the same seed; else, where a method has one run
    left, the only one of the other.

    Raises:
        DataError: If there is no pair, the tasks differ, the two do not agree on who is of which
            class, or a pair has too few test persons in common.
    """
    rest_a, rest_b = list(first.runs), list(second.runs)
    matched: list[tuple[RunResult, RunResult]] = []
    for alike in (_same_test, _same_seed):
        for one in list(rest_a):
            other = next((two for two in rest_b if alike(one, two)), None)
            if other is not None:
                matched.append((one, other))
                rest_a.remove(one)
                rest_b.remove(other)
    if len(rest_a) == len(rest_b) == 1:
        matched.append((rest_a.pop(), rest_b.pop()))
    if not matched:
        raise DataError(
            f"no run of {first.name} has the seed of a run of {second.name}, so none can be paired"
        )
    return [_pair(one, other) for one, other in matched], len(rest_a) + len(rest_b)


def _same_seed(one: RunResult, other: RunResult) -> bool:
    return one.run.seed == other.run.seed


def _same_test(one: RunResult, other: RunResult) -> bool:
    return _same_seed(one, other) and units_of(_test(one)) == units_of(_test(other))


def _test(result: RunResult) -> dict[str, Answers]:
    """By label."""
    found = of_split(result.parts, "test")
    if not found:
        raise DataError(f"{result.run.directory}: nobody is in its test set")
    return found


def _pair(first: RunResult, second: RunResult) -> Pair:
    _refuse_other_tasks(first, second)
    one, other = _test(first), _test(second)
    answers = {
        label: both
        for label in first.task.parts
        if label in one and label in other
        if len((both := _side_by_side(one[label], other[label]))[0])
    }
    for label, both in answers.items():
        _refuse_other_classes(first, second, label, both)
    most = max((len(set(mine.persons)) for mine, _ in answers.values()), default=0)
    if most < LEAST_PERSONS:
        raise DataError(
            f"{first.run.directory} and {second.run.directory} have {most} test persons in "
            f"common, fewer than {LEAST_PERSONS}: train one on the other's split, with "
            f"--set split.file=…/splits.json"
        )
    shared = persons_of({label: mine for label, (mine, _) in answers.items()})
    num_other = (len(persons_of(one) - shared), len(persons_of(other) - shared))
    return Pair(first=first, second=second, answers=answers, num_other=num_other)


def _refuse_other_tasks(first: RunResult, second: RunResult) -> None:
    one, other = first.task, second.task
    if set(one.labels) != set(other.labels):
        told = [", ".join(task.labels or (task.label,)) for task in (one, other)]
        raise DataError(
            f"{first.run.directory} tells {told[0]}; {second.run.directory} tells {told[1]}: runs "
            "can be compared that tell the same labels; train both with one task file"
        )
    if one.name != other.name:
        raise DataError(
            f"{first.run.directory} is of {one.name}, {second.run.directory} of "
            f"{other.name}: they cannot be compared"
        )


def _side_by_side(one: Answers, other: Answers) -> Both:
    place = {unit: number for number, unit in enumerate(other.ids)}
    rows = [number for number, unit in enumerate(one.ids) if unit in place]
    return _rows(one, rows), _rows(other, [place[one.ids[number]] for number in rows])


def _refuse_other_classes(first: RunResult, second: RunResult, label: str, both: Both) -> None:
    for unit, mine, theirs in zip(both[0].ids, *(one.labels for one in both), strict=True):
        if mine != theirs:
            of = f"the {label}" if label else "the class"
            raise DataError(
                f"{first.run.directory} and {second.run.directory} do not agree on {of} of "
                f"{unit!r}: they are not of the same data"
            )


def _rows(answers: Answers, rows: Sequence[int]) -> Answers:
    index = np.array(rows, dtype=np.int64)
    return Answers(
        ids=tuple(answers.ids[row] for row in rows),
        persons=tuple(answers.persons[row] for row in rows),
        labels=answers.labels[index],
        probabilities=answers.probabilities[index],
        attributes={
            name: tuple(values[row] for row in rows) for name, values in answers.attributes.items()
        },
        said=answers.predicted[index],
        folds=tuple(answers.folds[row] for row in rows) if answers.folds else (),
    )
