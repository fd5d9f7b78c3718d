"""Write docs/dependencies.md: what is required, why, under which licence, in which versions.

    python scripts/dependencies.py

Why is the comment beside a requirement in its pyproject.toml, the lowest version is the one that it
names, the pinned one is in constraints.txt, and the licence is what the installed package states.
The words around the tables are in `dependencies_page.md`.
"""

import tomllib
from pathlib import Path

from licences import licence_of
from packaging.utils import canonicalize_name
from requirements import PROJECTS, REPOSITORY, lowest, pins, requirements

TEMPLATE = Path(__file__).with_name("dependencies_page.md")
PAGE = REPOSITORY / "docs/dependencies.md"


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8", newline="\n")


def page() -> str:
    """What the page holds."""
    text = TEMPLATE.read_text(encoding="utf-8")
    return text.replace("{tables}", "\n\n".join(map(_section, PROJECTS)))


def _section(project: str) -> str:
    name = tomllib.loads((REPOSITORY / project / "pyproject.toml").read_text())["project"]["name"]
    rows = [
        f"| {one.name} | {f'`{extra}`' if extra else ''} | {why} | {licence_of(one.name)} "
        f"| {lowest(one)} | {pins('constraints.txt')[canonicalize_name(one.name)]} |"
        for extra, one, why in requirements(project)
    ]
    heads = ["| | extra | what for | licence | from | pinned |", "| --- " * 6 + "|"]
    return "\n".join([f"## {name}", "", *heads, *rows])


if __name__ == "__main__":
    main()
