"""What the distributions require, as their pyproject.toml files and the constraints have it."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REPOSITORY = Path(__file__).resolve().parents[1]
PROJECTS = ("packages/pahcl-track", "packages/pahcl-core", "apps/cli")


def pins(file: str) -> dict[str, str]:
    """Versions in a file of constraints, by canonical name."""
    lines = (REPOSITORY / file).read_text(encoding="utf-8").splitlines()
    pairs = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in pairs}


def requirements(project: str) -> Iterator[tuple[str, Requirement, str]]:
    """Of a project, each requirement of another's with the extra it belongs to, and why it is."""
    text = (REPOSITORY / project / "pyproject.toml").read_text(encoding="utf-8")
    settings = tomllib.loads(text)["project"]
    groups = {"": settings["dependencies"], **settings.get("optional-dependencies", {})}
    for extra, lines in groups.items():
        for line in lines:
            if not line.startswith("pahcl"):
                why = re.search(rf'"{re.escape(line)}",?\]?\s*# (.+)', text)
                yield extra, Requirement(line), why[1] if why else ""


def lowest(requirement: Requirement) -> str:
    """The version from which on it is required."""
    (version,) = [one.version for one in requirement.specifier if one.operator == ">="]
    return version
