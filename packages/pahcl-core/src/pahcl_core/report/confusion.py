"""The sections of what was taken for what, and of what probabilities are worth."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from pahcl_core.data.tasks import Task
from pahcl_core.evaluation.wording import number_text
from pahcl_core.metrics.calibration import reliability
from pahcl_core.metrics.classification import by_class, confusion_matrix
from pahcl_core.report.blocks import Block, Figure, Figures, Section, Table, absent
from pahcl_core.report.line_chart import Series, share_chart
from pahcl_core.report.material import Material
from pahcl_core.report.matrix_chart import matrix_chart
from pahcl_core.training.scoring import Answers


def confusion_section(material: Material) -> Section:
    """Who was taken for whom in the test, class by class."""
    if not material.results:
        return absent("confusion", "Confusion matrix", material.no_results)
    blocks: list[Block] = []
    for label, part, answers in _tests(material):
        about = f" of {label}" if label else ""
        count = sum(
            confusion_matrix(one.labels, one.predicted, len(part.classes)) for one in answers
        )
        counts: Sequence[Sequence[int]] = np.asarray(count).tolist()
        over = f", added up over {len(answers)} seeds" if len(answers) > 1 else ""
        figure = Figure(
            title=f"Test{about}",
            description=f"How many {part.unit}s of each true class were said to be of which{over}; "
            "the fuller a cell, the greater its share of the true class.",
            drawing=matrix_chart(counts, part.classes),
        )
        table = _classes(np.asarray(count), part.classes)
        blocks.append(Figures(figures=[figure], table=table))
    return Section(name="confusion", title="Confusion matrix", blocks=blocks)


def _tests(material: Material) -> Iterator[tuple[str, Task, list[Answers]]]:
    """Of each label that somebody in the test has: its name, task and answers by seed."""
    for label, part in material.results[0].task.parts.items():
        splits = [one.parts[label] for one in material.results]
        answers = [one["test"] for one in splits if "test" in one]
        if answers:
            yield label, part, answers


def _classes(counts: np.ndarray, classes: Sequence[str]) -> Table:
    rows = [
        [name, str(one.num), str(one.num_predicted),
         *(number_text(value) for value in (one.recall, one.precision, one.f1))]
        for name, one in zip(classes, by_class(counts), strict=True)
    ]  # fmt: skip
    heads = ["class", "n", "said", "recall", "precision", "F1"]
    return Table(heads=heads, rows=rows, caption="Each class against all others")


def calibration_section(material: Material) -> Section:
    """Whether probabilities mean what they say."""
    if not material.results:
        return absent("calibration", "Calibration", material.no_results)
    blocks: list[Block] = []
    for label, part, answers in _tests(material):
        labels = material.section("labels")
        found = labels[label] if label and label in labels else material.metrics
        table = _summary(found.get("calibration"))
        blocks.append(Figures(figures=[_reliability(label, part, answers)], table=table))
    return Section(name="calibration", title="Calibration", blocks=blocks)


def _reliability(label: str, task: Task, answers: Sequence[Answers]) -> Figure:
    bins = [reliability(one.labels, one.probabilities) for one in answers]
    series = [
        Series(
            name="test" if len(bins) == 1 else f"seed {number} of {len(bins)}",
            x=one.confidence.tolist(),
            y=one.accuracy.tolist(),
            shown_as="dots",
        )
        for number, one in enumerate(bins, start=1)
    ]
    rows = [
        [f"{confidence:.3f}", f"{accuracy:.3f}", str(num)]
        for confidence, accuracy, num in zip(
            bins[0].confidence, bins[0].accuracy, bins[0].count, strict=True
        )
    ]
    about = f" of {label}" if label else ""
    return Figure(
        title=f"Reliability{about}",
        description="Share of right answers by the probability that was given to what is most "
        f"probable, in bins of equally many {task.unit}s. On the dashed diagonal a probability "
        "means what it says; below it, the model is too sure.",
        drawing=share_chart(
            series,
            x_label="mean probability given",
            y_label="share right",
            diagonal=True,
        ),
        legend=[one.name for one in series] if len(series) > 1 else (),
        table=Table(heads=["probability", "share right", "n"], rows=rows)
        if len(bins) == 1
        else None,
    )


def _summary(found: object) -> Table | None:
    """Errors of calibration as the run wrote them."""
    if not isinstance(found, Mapping):
        return None
    of = {"val": "validation", "test": "test", "test_at_temperature": "test, at the temperature"}
    rows = [
        [name, number_text(found[key]["ece"]), number_text(found[key]["brier"])]
        for key, name in of.items()
        if isinstance(found.get(key), Mapping)
    ]
    return (
        Table(heads=["", "ECE ↓", "Brier ↓"], rows=rows, caption=_temperature(found))
        if rows
        else None
    )


def _temperature(found: Mapping[str, Any]) -> str:
    value = found.get("temperature")
    if isinstance(value, float):
        return f"The validation asks for a temperature of {value:.3g}"
    return f"No temperature: {found.get('temperature_undefined', 'it was not fitted')}"
