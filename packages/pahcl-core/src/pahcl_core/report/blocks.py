"""What a page is made of: sections of tables, figures, facts and notes, without their looks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from pahcl_core.report.drawing import Drawing


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """Rows under heads; the first cell of a row is what it is about."""

    kind: ClassVar[str] = "table"
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str = ""
    notes: Sequence[str] = ()
    """Sentences that stand below it."""

    num_words: int = 1
    """Columns of words, which come first; the others are of figures, and stand to the right."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """A chart, what it shows in words, and the figures in it."""

    kind: ClassVar[str] = "figure"
    title: str
    description: str
    """For who does not see it, and below it for who does."""

    drawing: Drawing
    legend: Sequence[str] = ()
    """Names of the series, in the order of their colours."""

    table: Table | None = None
    more: str = ""
    """Stands below the description."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Figures:
    """Charts beside each other, as many as there is room for, and a table beside them."""

    kind: ClassVar[str] = "figures"
    figures: Sequence[Figure]
    table: Table | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """Names and what they are."""

    kind: ClassVar[str] = "facts"
    facts: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Tile:
    """A figure that matters."""

    name: str
    value: str
    detail: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Tiles:
    """A few of those, in large letters."""

    kind: ClassVar[str] = "tiles"
    tiles: Sequence[Tile]


@dataclass(frozen=True, kw_only=True, slots=True)
class Note:
    """A sentence or two."""

    kind: ClassVar[str] = "note"
    text: str
    weight: Literal["plain", "absent", "warning"] = "plain"


@dataclass(frozen=True, kw_only=True, slots=True)
class Folded:
    """What is shown to who asks for it, and printed."""

    kind: ClassVar[str] = "folded"
    summary: str
    blocks: "Sequence[Block]"


@dataclass(frozen=True, kw_only=True, slots=True)
class Key:
    """What the colours of the charts below it stand for."""

    kind: ClassVar[str] = "key"
    items: Sequence[tuple[str, str]]
    """Class of a mark, and what it is."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """A recording to look at and to listen to."""

    title: str
    lines: Sequence[str]
    figure: Figure | None = None
    sound: str = ""
    """An address that holds the sound itself; empty where there is none."""

    spoken: str = ""
    """What the sound is, for who does not see the page."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownRecordings:
    """Several of those."""

    kind: ClassVar[str] = "recordings"
    recordings: Sequence[Shown]


Block = Table | Figures | Facts | Tiles | Note | Folded | Key | ShownRecordings


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """A part of the page with a heading of its own."""

    name: str
    """A word, by which it is linked to."""

    title: str
    blocks: Sequence[Block] = ()
    absent: str = ""
    """Why it could not be made; empty for one that could."""


def absent(name: str, title: str, why: str) -> Section:
    """A section that could not be made."""
    return Section(name=name, title=title, absent=why)


def with_absent_ones_last(sections: Sequence[Section]) -> list[Section]:
    """The sections that could be made, and one that says what is not there, and why."""
    reasons: dict[str, list[str]] = {}
    for one in sections:
        if one.absent:
            reasons.setdefault(one.absent, []).append(one.title)
    made = [one for one in sections if not one.absent]
    if not reasons:
        return made
    facts = Facts(facts={", ".join(titles): why for why, titles in reasons.items()})
    return [*made, Section(name="absent", title="What is not here, and why", blocks=[facts])]
