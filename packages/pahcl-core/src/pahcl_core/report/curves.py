"""The section of ROC and precision-recall curves, with the operating point on them."""

from collections.abc import Iterator, Sequence

import numpy as np

from pahcl_core.data.tasks import Task
from pahcl_core.evaluation.wording import figure_text, number_text
from pahcl_core.metrics.curves import Curve, precision_recall_curve, roc_curve
from pahcl_core.report.blocks import Block, Figure, Figures, Note, Section, absent
from pahcl_core.report.line_chart import Series, Spot, share_chart
from pahcl_core.report.material import Material
from pahcl_core.report.metric_names import called
from pahcl_core.training.scoring import Answers, score_answers

TITLE = "ROC and precision-recall"


def curves_section(material: Material) -> Section:
    """Both curves of the test, of every label that was told."""
    if not material.results:
        return absent("curves", TITLE, material.no_results)
    blocks: list[Block] = []
    for label, part in material.results[0].task.parts.items():
        answers = [
            one.parts[label]["test"] for one in material.results if "test" in one.parts[label]
        ]
        if not answers:
            blocks.append(
                Note(text=f"Nobody in the test has {label or part.label}.", weight="absent")
            )
            continue
        figures = list(_figures(material, label, part, answers))
        if not figures:
            only = f"all {len(answers[0])} {part.unit}s of the test are alike"
            blocks.append(Note(text=f"Not here: {only} in {label or part.label}.", weight="absent"))
            continue
        blocks.append(Figures(figures=figures))
        blocks.append(Note(text=operating_point_text(material, label, part)))
    return Section(name="curves", title=TITLE, blocks=blocks)


def operating_point_text(material: Material, label: str, task: Task) -> str:
    """From which probability on the positive class is said, and why."""
    point = material.section("operating_point", label) if label else {}
    point = point or material.section("operating_point")
    threshold, undefined = point.get("threshold"), point.get("undefined")
    if isinstance(threshold, float):
        return (
            f"Operating point, the diamond: {point['class']} is said from a probability of "
            f"{threshold:.3g} on, as {point['rule']} chose on validation persons alone "
            f"({called(str(point['chosen_for']).removeprefix('val_'))} "
            f"{number_text(point['value'])} there)."
        )
    if undefined:
        return f"The diamond is where the most probable class is said: {undefined}."
    return (
        "The diamond is what is said: the most probable class. It lies below the curve of a class "
        "where another was more probable still."
        if len(task.classes) > 2
        else "The diamond is what is said: the most probable class."
    )


def _figures(
    material: Material, label: str, task: Task, answers: Sequence[Answers]
) -> Iterator[Figure]:
    found = list(_curves(task, answers))
    if not found:
        return
    about = f" of {label}" if label else ""
    positive = task.class_index(task.positive)
    for kind, curves in (("roc", [one[1] for one in found]), ("pr", [one[2] for one in found])):
        series = [
            Series(name=name, x=x.tolist(), y=y.tolist(), shown_as="line")
            for (name, _, _), curve in zip(found, curves, strict=True)
            for x, y in [_stepped(curve) if kind == "pr" else (curve.x, curve.y)]
        ]
        spots = [
            spot
            for number, one in enumerate(answers)
            if (spot := _spot(one, task, kind, number if len(answers) > 1 else 0)) is not None
        ]
        share = float((answers[0].labels == positive).mean())
        yield Figure(
            title=f"ROC{about}" if kind == "roc" else f"Precision and recall{about}",
            description=_told(material, label, task, kind, share),
            drawing=share_chart(
                series,
                x_label="1 − specificity" if kind == "roc" else "recall (sensitivity)",
                y_label="sensitivity" if kind == "roc" else "precision",
                spots=spots,
                diagonal=kind == "roc",
                level=None if kind == "roc" else share,
            ),
            legend=[one.name for one in series],
        )


def _curves(task: Task, answers: Sequence[Answers]) -> Iterator[tuple[str, Curve, Curve]]:
    """A name and both curves: the positive class first; of several seeds it alone."""
    order = sorted(task.classes, key=lambda name: name != task.positive)
    if len(answers) > 1 or len(task.classes) == 2:
        order = order[:1]
    for number, one in enumerate(answers):
        for name in order:
            index = task.class_index(name)
            true, said = one.labels == index, one.probabilities[:, index]
            roc, precision = roc_curve(true, said), precision_recall_curve(true, said)
            if roc is not None and precision is not None:
                seed = f", seed {number + 1} of {len(answers)}" if len(answers) > 1 else ""
                yield f"{name}{seed}", roc, precision


def _stepped(curve: Curve) -> tuple[np.ndarray, np.ndarray]:
    """Level up to each recall at the precision that is had there, as the AUPRC counts it."""
    return np.repeat(curve.x, 2)[:-1], np.repeat(curve.y, 2)[1:]


def _spot(answers: Answers, task: Task, kind: str, series: int) -> Spot | None:
    """What was said; None where it is undefined."""
    values = score_answers(answers, task).values
    across, up = ("specificity", "sensitivity") if kind == "roc" else ("recall", "precision")
    if across not in values or up not in values:
        return None
    x = 1 - values[across] if kind == "roc" else values[across]
    return Spot(x=x, y=values[up], series=series)


def _told(material: Material, label: str, task: Task, kind: str, share: float) -> str:
    name = "auroc" if kind == "roc" else "auprc"
    own = f"{name}_{task.positive}" if len(task.classes) > 2 else name
    area = figure_text(*material.run.metric(f"test_{own}{f'_{label}' if label else ''}"))
    told = f"Area {area} for {task.positive} against all others. " if area else ""
    if kind == "roc":
        return f"{told}The dashed diagonal is chance."
    return f"{told}The dashed line is chance: the share of {task.positive}, {share:.2f}."
