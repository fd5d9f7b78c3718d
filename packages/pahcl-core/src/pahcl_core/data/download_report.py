"""What a download did, for people and programs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pahcl_core.data.collection import Problem


@dataclass(frozen=True, kw_only=True, slots=True)
class Downloaded:
    """What a download did."""

    directory: Path
    num_files: int
    num_fetched: int
    replaced: tuple[str, ...]
    """Files that were here but not as the checksum list says, and were fetched again."""

    left_out: int
    """Files that nothing here uses."""

    left_out_because: str
    problems: tuple[Problem, ...] = ()
    """What is complete, and yet not as published."""

    def lines(self) -> list[str]:
        """What happened, for a person."""
        lines = [
            f"{self.directory}: {self.num_files} files, complete and verified; "
            f"{self.num_fetched} fetched, {self.num_files - self.num_fetched} here already"
        ]
        if self.left_out:
            lines.append(f"left out: {self.left_out} files ({self.left_out_because}); --all")
        if self.replaced:
            lines.append(f"differed and were fetched again: {', '.join(self.replaced[:10])}")
        return lines + [str(problem) for problem in self.problems]

    def as_dict(self) -> dict[str, Any]:
        """The same, for a program."""
        return {
            "directory": str(self.directory),
            "num_files": self.num_files,
            "num_fetched": self.num_fetched,
            "replaced": list(self.replaced),
            "left_out": self.left_out,
            "problems": [str(problem) for problem in self.problems],
        }
