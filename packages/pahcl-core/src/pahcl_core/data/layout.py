"""Finding a collection inside a download, and refusing one of which too much is unusable."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pahcl_core.data.collection import Problem
from pahcl_core.errors import DataError

_SEARCH_DEPTH = 5  # physionet.org/files/circor-heart-sound/1.0.3, and one folder around it


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """How the root of a collection is recognised."""

    marker: str
    """What its root holds, as messages call it."""

    any_of: tuple[str, ...]
    """Paths below the root; one of them is there."""

    folders: tuple[str, ...]
    """Folders of the root. They are not searched, and whoever names one means the root."""

    how_to_get: str
    """What to do where there is none."""

    def is_root(self, path: Path) -> bool:
        """Whether a folder is the root of such a collection."""
        return any((path / one).exists() for one in self.any_of)


def find_root(path: Path, layout: Layout) -> Path:
    """The collection's root: `path` itself, its parent, or one some levels below.

    Raises:
        DataError: If there is no such folder, or several.
    """
    if not path.is_dir():
        what = "is not a folder" if path.exists() else "does not exist"
        raise DataError(f"{path} {what}; {layout.how_to_get}")
    if layout.is_root(path):
        return path
    if path.name in layout.folders and layout.is_root(path.parent):
        return path.parent
    level, found = [path], list[Path]()
    for _ in range(_SEARCH_DEPTH):
        folders = sorted(inner for folder in level for inner in folder.iterdir() if inner.is_dir())
        level = [folder for folder in folders if folder.name not in layout.folders]
        found += [folder for folder in level if layout.is_root(folder)]
    if len(found) > 1:
        places = ", ".join(str(folder) for folder in found)
        raise DataError(f"{path} holds several copies of {layout.marker}; choose one of: {places}")
    if not found:
        content = ", ".join(sorted(inner.name for inner in path.iterdir())[:5]) or "nothing"
        raise DataError(
            f"{path} holds no {layout.marker} (it holds: {content}); {layout.how_to_get}"
        )
    return found[0]


def limit_damage(
    problems: Sequence[Problem],
    total: int,
    what: str,
    root: Path,
    *,
    max_damaged: float,
    strict: bool,
) -> None:
    """Refuse a collection of which too much is unusable, or anything at all when strict.

    Args:
        problems: One for each unusable thing.
        total: How many there are, with the unusable ones.
        what: What they are: `rows`, `recordings`.
        root: Of the collection.
        max_damaged: Largest tolerated share, 0 to 1.
        strict: Whether a single one is too much.

    Raises:
        DataError: If there is too much; names the first.
    """
    if problems and strict:
        raise DataError(f"{root}: {problems[0]}")
    if len(problems) > max_damaged * total:
        raise DataError(
            f"{root}: {len(problems)} of {total} {what} cannot be used, more than "
            f"{max_damaged:.0%}: is this the right folder? The first: {problems[0]}"
        )
