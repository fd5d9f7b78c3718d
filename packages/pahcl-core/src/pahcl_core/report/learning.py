"""The section of learning curves, from the run's journal."""

from collections.abc import Iterator, Mapping, Sequence

from pahcl_core.report.blocks import Figure, Figures, Section, Table, absent
from pahcl_core.report.line_chart import Series, line_chart
from pahcl_core.report.material import Material
from pahcl_core.report.metric_names import called, called_with_direction, headlines
from pahcl_core.report.summary import SIDES
from pahcl_track.history import History

TITLE = "Learning curves"
_MOST = 6
_RATES = ("lr/encoder", "lr/classifier")

Curves = Mapping[str, tuple[Sequence[float], Sequence[float]]]
"""By name, such as `val/loss`: epochs and values."""


def learning_section(material: Material) -> Section:
    """How the training went, epoch by epoch."""
    history = material.history
    if history is None:
        figures = list(_of_members(material))
        if not figures:
            return absent("learning", TITLE, material.no_history)
        return Section(name="learning", title=TITLE, blocks=[Figures(figures=figures)])
    curves = epoch_curves(history)
    if not curves:
        why = "the journal has no epochs"
        if material.run.kind == "baseline":
            why = "a baseline is fitted at once, without epochs"
        return absent("learning", TITLE, why)
    best = material.metrics.get("best_epoch")
    best = best if isinstance(best, int) else None
    chosen = str(material.metrics.get("selected_by", "val_loss")).removeprefix("val_")
    names = dict.fromkeys(name.partition("/")[2] for name in curves if name.startswith("val/"))
    first = ["loss", chosen, *(headlines(material.task) if material.task is not None else ())]
    shown = [name for name in dict.fromkeys((*first, *names)) if name in names][:_MOST]
    figures = [_figure(name, curves, best, chosen) for name in shown]
    figures += _rates(history)
    return Section(name="learning", title=TITLE, blocks=[Figures(figures=figures)])


def _of_members(material: Material) -> Iterator[Figure]:
    """Of the runs of a study, one over the other."""
    chosen = material.task.metric if material.task is not None else "loss"
    found = [epoch_curves(history) for history in material.members]
    for name in dict.fromkeys(("loss", chosen)):
        curves = [one[f"val/{name}"] for one in found if f"val/{name}" in one]
        if curves:
            ends = [values[-1] for _, values in curves]
            yield Figure(
                title=f"{called_with_direction(name)}, validation",
                description=f"{called(name)} on validation after each epoch of {len(curves)} runs; "
                f"{min(ends):.3f} to {max(ends):.3f} at the end.",
                drawing=line_chart(
                    [
                        Series(name="", x=x, y=y, shown_as="line", is_one_of_many=True)
                        for x, y in curves
                    ],
                    x_label="epoch",
                    y_label="",
                    whole=True,
                ),
            )


def epoch_curves(history: History) -> dict[str, tuple[list[float], list[float]]]:
    """Of everything that is logged once in an epoch: its epochs and values, by name."""
    found: dict[str, tuple[list[float], list[float]]] = {}
    for row in history.rows:
        epoch = row.values.get("epoch")
        if not isinstance(epoch, int | float):
            continue
        for name, value in row.values.items():
            if name.startswith(("train/", "val/")) and isinstance(value, int | float):
                epochs, values = found.setdefault(name, ([], []))
                epochs.append(float(epoch))
                values.append(float(value))
    return found


def _figure(name: str, curves: Curves, best: int | None, chosen: str) -> Figure:
    sides = [side for side in ("train", "val") if f"{side}/{name}" in curves]
    series = [
        Series(name=SIDES[side], x=curves[f"{side}/{name}"][0], y=curves[f"{side}/{name}"][1])
        for side in sides
    ]
    end = curves[f"val/{name}"][1][-1]
    told = f"{called(name)} after each epoch; "
    told += f"{end:.3f} on validation at the end."
    if best is not None:
        told += f" The upright line is epoch {best}, the best by {called(chosen)}."
    return Figure(
        title=called_with_direction(name),
        description=told,
        drawing=line_chart(series, x_label="epoch", y_label="", upright=best, whole=True),
        legend=[one.name for one in series],
        table=_table(series),
        more="Training is scored with augmentation, on the way." if "train" in sides else "",
    )


def _table(series: Sequence[Series]) -> Table:
    epochs = sorted({epoch for one in series for epoch in one.x})
    values = [dict(zip(one.x, one.y, strict=True)) for one in series]
    rows = [
        [f"{epoch:g}", *(f"{own[epoch]:.4f}" if epoch in own else "–" for own in values)]
        for epoch in epochs
    ]
    return Table(heads=["epoch", *(one.name for one in series)], rows=rows)


def _rates(history: History) -> list[Figure]:
    """The learning rate, step by step."""
    found = []
    for name in _RATES:
        steps, values = history.series(name)
        pairs = [(s, v) for s, v in zip(steps, values, strict=True) if isinstance(v, int | float)]
        if len(pairs) > 1:
            part = name.partition("/")[2]
            found.append(Series(name=part, x=[float(s) for s, _ in pairs], y=[v for _, v in pairs]))
    if not found:
        return []
    if len(found) > 1 and found[0].y == found[1].y:
        found = found[:1]
    highest = max(value for one in found for value in one.y)
    return [
        Figure(
            title="learning rate",
            description=f"Learning rate over the optimiser's steps; {highest:.2g} at the highest.",
            drawing=line_chart(found, x_label="step", y_label=""),
            legend=[one.name for one in found] if len(found) > 1 else (),
        )
    ]
