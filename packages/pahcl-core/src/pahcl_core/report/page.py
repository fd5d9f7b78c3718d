"""From sections to a page of HTML that needs nothing else: no network, no script, no other file."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from pahcl_core import __version__
from pahcl_core.report.blocks import Section
from pahcl_core.report.line_chart import colour_of

GENERATOR = "pahcl report"
"""By which a page of ours is known."""

_FOLDER = files("pahcl_core.report")


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """What a page says."""

    kicker: str
    """Above the title, in a few words."""

    title: str
    lead: str
    """Below it, in a sentence."""

    banner: str
    """What nobody may overlook; empty for nothing."""

    sections: Sequence[Section]
    footer: str

    @property
    def generator(self) -> str:
        """Which software made it."""
        return f"{GENERATOR} {__version__}"


def rendered(page: Page) -> str:
    """The page as HTML. Whatever it says is text: nothing in it is taken for markup."""
    environment = Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined
    )
    template = environment.from_string((_FOLDER / "page.html").read_text(encoding="utf-8"))
    style = (_FOLDER / "page.css").read_text(encoding="utf-8")
    numbers = itertools.count(1)
    return template.render(
        page=page,
        style=Markup(style),  # ours
        next_number=lambda: next(numbers),
        colour_of=colour_of,
    )
