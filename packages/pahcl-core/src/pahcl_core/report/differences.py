"""The section of differences between runs, person by person."""

from collections.abc import Iterator, Sequence

from pahcl_core.errors import DataError, SettingError
from pahcl_core.evaluation.comparison import MethodComparison, compared
from pahcl_core.evaluation.methods import By
from pahcl_core.evaluation.wording import TESTS, number_text, p_text, signed_text
from pahcl_core.report.blocks import Block, Figure, Figures, Note, Section, Table, absent
from pahcl_core.report.interval_chart import Estimate, interval_chart
from pahcl_core.report.material import Material
from pahcl_core.report.metric_names import called, called_with_direction

TITLE = "Differences, person by person"


def differences_section(materials: Sequence[Material], by: By) -> Section:
    """The first method against each of the others, by every metric they share."""
    try:
        results = [result for one in materials for result in one.results]
        without = [one.no_results for one in materials if not one.results]
        if without:
            return absent("differences", TITLE, without[0])
        found = compared(results, by)
    except (DataError, SettingError) as error:
        return absent("differences", TITLE, str(error))
    blocks: list[Block] = []
    for one in found:
        blocks.append(Figures(figures=[_forest(one)], table=_difference_table(one)))
        blocks += [Note(text=text) for text in _remarks(one)]
    if len(found) > 1:
        text = "Each p is of one comparison by one metric; none is corrected for their number."
        blocks.append(Note(text=text))
    return Section(name="differences", title=TITLE, blocks=blocks)


def _forest(found: MethodComparison) -> Figure:
    estimates = []
    for name, one in found.metrics.items():
        test = one.tests["bootstrap"]
        if test.difference is not None and abs(test.difference) <= 1:
            estimates.append(
                Estimate(name=called(name), value=test.difference, low=test.low, high=test.high)
            )
    title = f"Difference: {found.first.name} less {found.second.name}"
    if not estimates:
        estimates = [Estimate(name="nothing defined", value=0.0)]
    return Figure(
        title=title,
        description=f"To the right of the dashed line {found.first.name} has more; whiskers are "
        f"95 % intervals over the {found.num_persons} persons whom both are tested on.",
        drawing=interval_chart(estimates, label="difference", level=0.0),
    )


def _difference_table(found: MethodComparison) -> Table:
    rows, notes = [], []
    for name, one in found.metrics.items():
        test = one.tests["bootstrap"]
        others = []
        for kind, of in TESTS.items():
            if kind in one.tests:
                p = one.tests[kind].p
                others.append(f"{of} {'–' if p is None else p_text(p)}")
                if p is None:
                    notes.append(f"{called(name)}: {of}: {one.tests[kind].undefined}.")
        if test.undefined:
            notes.append(f"{called(name)}: {test.undefined}.")
        ends = [test.low, test.high]
        between = " to ".join(signed_text(end) for end in ends if end is not None)
        rows.append(
            [
                called_with_direction(name),
                "–" if test.difference is None else signed_text(test.difference),
                between or "–",
                "–" if test.p is None else p_text(test.p),
                number_text(one.first),
                number_text(one.second),
                ", ".join(others),
            ]
        )
    first, second = found.first.name, found.second.name
    heads = ["metric", "difference", "95 %", "p", "first", "second", "other tests, p"]
    caption = f"The first is {first}, the second {second}; the difference is first less second"
    return Table(heads=heads, rows=rows, caption=caption, notes=notes)


def _remarks(found: MethodComparison) -> Iterator[str]:
    if found.num_unpaired:
        yield f"Left out, because no run of the other has the seed: {found.num_unpaired}."
    for pair in found.pairs:
        if any(pair.num_other):
            yield (
                f"{pair.first.run.name} and {pair.second.run.name} are compared on the "
                f"{len(pair.persons)} test persons they share; "
                f"{pair.num_other[0]} and {pair.num_other[1]} are in one alone."
            )
