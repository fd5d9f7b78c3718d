"""Code blocks of the documents in `docs/`, as a reader would copy them."""

import re
from dataclasses import dataclass
from pathlib import Path

DOCUMENTS = Path(__file__).parents[2] / "docs"
_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
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


def blocks_of(document: str) -> list[Block]:
    """All code blocks of a document, without the texts that follow them."""
    content = (DOCUMENTS / document).read_text(encoding="utf-8")
    found = _FENCE.findall(content)
    blocks = []
    for index, (language, text) in enumerate(found):
        after = found[index + 1] if index + 1 < len(found) else ("", "")
        named = _FILE.match(text)
        if language != "text":
            output = after[1] if after[0] == "text" else None
            blocks.append(Block(language, text, named and named[1], output))
    return blocks
