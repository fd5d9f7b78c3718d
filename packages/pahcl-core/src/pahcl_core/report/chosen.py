"""Which predictions of the test are shown: the surest right one of each class, the surest wrong."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pahcl_core.evaluation.run_results import RunResult

MOST_RIGHT = 3
MOST_WRONG = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Chosen:
    """What was said of one unit."""

    unit: str
    """Its patient, or recording, as the collection numbers subjects."""

    label: str
    """What it is about, where several labels are told; else empty."""

    true: str
    said: str
    probability: float
    """Of what was said."""

    @property
    def is_right(self) -> bool:
        """Whether it is so."""
        return self.true == self.said


def right_ones(result: RunResult) -> list[Chosen]:
    """The surest of each class, the positive class first."""
    found: dict[tuple[str, str], Chosen] = {}
    for one in _all(result):
        key = (one.label, one.true)
        if one.is_right and (key not in found or one.probability > found[key].probability):
            found[key] = one
    ordered = sorted(found.values(), key=lambda one: one.true != result.task.positive)
    return ordered[:MOST_RIGHT]


def wrong_ones(result: RunResult) -> list[Chosen]:
    """Those that the model was surest of, the surest first."""
    wrong = [one for one in _all(result) if not one.is_right]
    return sorted(wrong, key=lambda one: -one.probability)[:MOST_WRONG]


def num_wrong(result: RunResult) -> int:
    """How many there are."""
    return sum(not one.is_right for one in _all(result))


def _all(result: RunResult) -> Iterator[Chosen]:
    for label, splits in result.parts.items():
        task = result.task.parts[label]
        answers = splits.get("test")
        if answers is None:
            continue
        rows: Sequence[list[float]] = answers.probabilities.tolist()
        for unit, true, said, row in zip(
            answers.ids, answers.labels, answers.predicted, rows, strict=True
        ):
            yield Chosen(
                unit=unit,
                label=label,
                true=task.classes[true],
                said=task.classes[said],
                probability=row[said],
            )
