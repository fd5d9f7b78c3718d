"""The documents of the repository, and their code blocks as a reader would copy them.

Two remarks that a page does not show may say what tests cannot run:

    <!-- not run: it downloads 1.5 GB -->            the block that follows
    <!-- run by tests/cli/test_sweep.py -->          anywhere: the whole page, block by block
"""

import re
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
PAGES = tuple(
    str(path.relative_to(REPOSITORY))
    for path in (
        REPOSITORY / "README.md",
        REPOSITORY / "CONTRIBUTING.md",
        *sorted((REPOSITORY / "docs").glob("*.md")),
        *sorted((REPOSITORY / "packages").glob("*/README.md")),
        REPOSITORY / "apps/cli/README.md",
    )
)
"""Where commands are told; README.zh-CN.md has those of README.md."""

_FENCE = re.compile(
    r"(?:^<!-- not run: (?P<reason>[^>]+?) -->\n+)?"
    r"^```(?P<language>[\w{}-]*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_RUN_BY = re.compile(r"^<!-- run by (\S+) -->$", re.MULTILINE)
_INLINE = re.compile(r"(?<!`)`([^`]+)`(?!`)")
_THEN = re.compile(r"^\| then \|.*?(?=\n\n)", re.MULTILINE | re.DOTALL)
_FIRST_CELL = re.compile(r"^\|[^|]*\|", re.MULTILINE)
_FILE = re.compile(r"# ([\w.-]+\.\w+)\n")


@dataclass(frozen=True)
class Block:
    """One code block."""

    language: str
    text: str
    file: str | None
    """Name in its first line, which is a comment then."""

    output: str | None
    """What the document says that it prints: the block of text that follows."""

    not_run: str | None
    """Why tests cannot run it."""


def text_of(page: str) -> str:
    """The whole page, by its path in the repository."""
    return (REPOSITORY / page).read_text(encoding="utf-8")


def blocks_of(page: str) -> list[Block]:
    """All code blocks of a page, without the texts that follow them and its own directives."""
    found = list(_FENCE.finditer(text_of(page)))
    blocks = []
    for match, after in zip_longest(found, found[1:]):
        language, text = match["language"], match["text"]
        named = _FILE.match(text)
        if language != "text" and not language.startswith("{"):
            says = after is not None and after["language"] == "text"
            output = after["text"] if says else None
            blocks.append(Block(language, text, named and named[1], output, match["reason"]))
    return blocks


def run_elsewhere(page: str) -> str | None:
    """The test file that the page says it is run by."""
    match = _RUN_BY.search(text_of(page))
    return match and match[1]


def inline_code_of(page: str) -> list[str]:
    """What stands between single backticks in the running text, on one line each.

    A column of a table that is headed `then` tells of another program, and is left out.
    """
    text = _FENCE.sub("", text_of(page))
    text = _THEN.sub(lambda table: _FIRST_CELL.sub("|", table[0]), text)
    return [" ".join(code.split()) for code in _INLINE.findall(text)]
